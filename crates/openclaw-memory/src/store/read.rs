//! Reading messages back.

use std::sync::Arc;

use openclaw_core::{
    ContentBlock, ConversationFilter, ConversationId, ConversationPage, ConversationSummary,
    ConversationView, Lsn, Message, MessageId, MessageWindow, Metadata, RunId, Timestamp, port::MemoryError,
};

use super::{
    Core,
    cache::{Messages, text_bytes},
    error, write,
};
use crate::{
    index::{ConvView, Entry, EntryKind, Listing},
    record::{Channel, CodecError, ConvKey, OutcomeRecord, Record, Scope, into_messages},
    search::one_line,
    wal::{Pointer, ReadError},
};

/// Characters of a conversation's summary.
const SUMMARY_CHARS: usize = 80;

impl Core {
    /// A record's payload; `None` when it was erased meanwhile, or is damaged, which costs that record only.
    pub(crate) fn payload(&self, at: Pointer) -> Result<Option<Vec<u8>>, MemoryError> {
        self.unless_gone(self.reader.read(at))
    }

    /// What could be read; `None` when it was erased meanwhile, or is damaged.
    fn unless_gone<T>(&self, read: Result<T, ReadError>) -> Result<Option<T>, MemoryError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(ReadError::Erased(_) | ReadError::Absent { .. }) => Ok(None),
            Err(damage @ ReadError::Damaged { .. }) => {
                tracing::warn!(error = %damage, "a message can't be read and is left out");
                // Or the place is wrong that it was looked for at.
                self.doubt_index();
                Ok(None)
            }
            Err(failure @ ReadError::Io { .. }) => Err(error::read(failure)),
        }
    }

    /// The same of a record of which only the place is known, with where it lies.
    pub(crate) fn payload_at(
        &self,
        lsn: Lsn,
        offset: u32,
    ) -> Result<Option<(Pointer, Vec<u8>)>, MemoryError> {
        self.unless_gone(self.reader.read_at(lsn, offset))
    }

    /// A record that makes no sense where the index leads to it.
    pub(super) fn senseless(&self, at: Pointer, error: CodecError) -> MemoryError {
        self.doubt_index();
        error::codec(at, error)
    }

    /// The messages of a record, oldest first, as a prompt has them: without `metadata.extra`.
    pub(super) fn messages(&self, entry: &Entry) -> Result<Messages, MemoryError> {
        if let Some(cached) = self.cache.get(entry.at.lsn) {
            return Ok(cached);
        }
        let messages = self.read_messages(entry, Scope::Prompt)?;
        self.cache.insert(entry.at.lsn, &messages);
        Ok(messages)
    }

    /// The same with all that came with them. Only what a client sent came with anything that a prompt has not.
    fn whole_messages(&self, entry: &Entry) -> Result<Messages, MemoryError> {
        if entry.kind != EntryKind::Accepted {
            return self.messages(entry);
        }
        self.read_messages(entry, Scope::Whole)
    }

    fn read_messages(&self, entry: &Entry, scope: Scope) -> Result<Messages, MemoryError> {
        let Some(payload) = self.payload(entry.at)? else { return Ok(Arc::new([])) };
        let record = Record::decode(&payload).map_err(|e| self.senseless(entry.at, e))?;
        messages_of(entry, &record, scope).map_err(|e| self.senseless(entry.at, e))
    }

    /// The last messages as far as they are in memory; `None` when a file has to be read.
    pub(super) fn recent_cached(
        &self,
        conversation: &ConvKey,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Option<Vec<Arc<Message>>>, MemoryError> {
        self.recent_with(conversation, max_messages, max_bytes, |entry| {
            Ok(if entry.messages() == 0 { Some(Arc::new([])) } else { self.cache.get(entry.at.lsn) })
        })
    }

    pub(super) fn recent(
        &self,
        conversation: &ConvKey,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Message>>, MemoryError> {
        let read = self.recent_with(conversation, max_messages, max_bytes, |entry| {
            if entry.messages() == 0 {
                Ok(Some(Arc::new([]) as Messages))
            } else {
                self.messages(entry).map(Some)
            }
        });
        read.map(Option::unwrap_or_default)
    }

    fn recent_with(
        &self,
        conversation: &ConvKey,
        max_messages: usize,
        max_bytes: usize,
        load: impl Fn(&Entry) -> Result<Option<Messages>, MemoryError>,
    ) -> Result<Option<Vec<Arc<Message>>>, MemoryError> {
        // Failed runs have an end without a message; some room for them spares a second look.
        let mut limit = max_messages.saturating_add(4);
        loop {
            let entries = self.projections.tail(conversation, limit).map_err(|e| self.index_failed(e))?;
            let mut newest_first: Vec<Arc<Message>> = Vec::new();
            let mut bytes = 0_usize;
            let mut full = false;
            'entries: for entry in &entries {
                let Some(messages) = load(entry)? else { return Ok(None) };
                for message in messages.iter().rev() {
                    bytes = bytes.saturating_add(text_bytes(message));
                    if newest_first.len() == max_messages || bytes > max_bytes {
                        full = true;
                        break 'entries;
                    }
                    newest_first.push(Arc::clone(message));
                }
            }
            if full || newest_first.len() == max_messages || entries.len() < limit {
                newest_first.reverse();
                return Ok(Some(newest_first));
            }
            limit = limit.saturating_mul(4);
        }
    }

    pub(super) fn conversations(&self, filter: &ConversationFilter) -> Result<ConversationPage, MemoryError> {
        let listing = Listing {
            channel: filter.channel.as_deref().map(Channel::of),
            since_ms: filter.since.map(Timestamp::unix_millis),
            until_ms: filter.until.map(Timestamp::unix_millis),
            limit: filter.limit,
            offset: filter.offset,
        };
        let listed = self.projections.list(&listing).map_err(|e| self.index_failed(e))?;
        let mut conversations = Vec::with_capacity(listed.page.len());
        for key in listed.page {
            // Erased since it was listed.
            let Some(view) = self.projections.conversation(&key).map_err(|e| self.index_failed(e))? else {
                continue;
            };
            conversations.push(self.summary(&key, &view)?);
        }
        Ok(ConversationPage { conversations, total: listed.total })
    }

    fn summary(&self, key: &ConvKey, view: &ConvView) -> Result<ConversationSummary, MemoryError> {
        let first = self.messages(&view.first)?;
        let text = first.first().map(|message| message.text()).unwrap_or_default();
        Ok(ConversationSummary {
            id: key.id(),
            channel: view.channel.as_str().to_owned(),
            created_at: Timestamp::from_unix_millis(view.created_ms),
            last_message_at: Timestamp::from_unix_millis(view.last_ms),
            message_count: view.messages,
            summary: one_line(&text, SUMMARY_CHARS),
        })
    }

    pub(super) fn conversation(
        &self,
        id: &ConversationId,
        window: &MessageWindow,
    ) -> Result<Option<ConversationView>, MemoryError> {
        let key = ConvKey::of(id);
        let entries = self.projections.tail(&key, usize::MAX).map_err(|e| self.index_failed(e))?;
        let Some(view) = self.projections.conversation(&key).map_err(|e| self.index_failed(e))? else {
            return Ok(None);
        };
        let mut newest_first: Vec<Arc<Message>> = Vec::new();
        let mut rest = entries.as_slice();
        if let Some(before) = &window.before {
            let (index, earlier) = self.before(&entries, before)?;
            newest_first.extend(earlier.into_iter().rev());
            rest = entries.get(index + 1..).unwrap_or_default();
        }
        let limit = window.limit.unwrap_or(usize::MAX);
        for entry in rest {
            if newest_first.len() >= limit {
                break;
            }
            if entry.messages() > 0 {
                newest_first.extend(self.whole_messages(entry)?.iter().rev().map(Arc::clone));
            }
        }
        newest_first.truncate(limit);
        let messages = newest_first.into_iter().rev().map(Arc::unwrap_or_clone).collect();
        Ok(Some(ConversationView { summary: self.summary(&key, &view)?, messages }))
    }

    /// One message, found by its id: no other record than its own and the one its run begins with is read.
    pub(super) fn message(&self, id: &MessageId) -> Result<Option<Arc<Message>>, MemoryError> {
        let own = |messages: &Messages| messages.iter().find(|message| message.id == *id).cloned();
        let of_run =
            RunId::of_message(id).map(|run| self.locate(run).map(|found| (run, found))).transpose()?;
        let Some((run, Some((accepted, conversation)))) = of_run else {
            let Some((at, _)) = self.find_import(id)? else { return Ok(None) };
            let entry = Entry { at, run: at.lsn, kind: EntryKind::Imported, at_ms: 0 };
            return Ok(own(&self.whole_messages(&entry)?));
        };
        if *id == run.user_message_id() {
            let entry = Entry { at: accepted, run: accepted.lsn, kind: EntryKind::Accepted, at_ms: 0 };
            return Ok(own(&self.whole_messages(&entry)?));
        }
        for entry in self.entries_of_run(&conversation, accepted)? {
            if entry.messages() > 0
                && entry.kind != EntryKind::Accepted
                && let Some(message) = own(&self.whole_messages(&entry)?)
            {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// The entry (of entries newest first) that holds a message, and the messages before it in that entry.
    fn before(
        &self,
        entries: &[Entry],
        before: &MessageId,
    ) -> Result<(usize, Vec<Arc<Message>>), MemoryError> {
        let unknown = || MemoryError::UnknownMessage(before.clone());
        let run = RunId::of_message(before).map(|run| self.locate(run)).transpose()?.flatten();
        let accepted = match run {
            Some((accepted, _)) => accepted,
            None => self.find_import(before)?.ok_or_else(unknown)?.0,
        };
        for (index, entry) in entries.iter().enumerate() {
            if entry.run != accepted.lsn || entry.messages() == 0 {
                continue;
            }
            let messages = self.whole_messages(entry)?;
            if let Some(position) = messages.iter().position(|message| message.id == *before) {
                return Ok((index, messages.iter().take(position).map(Arc::clone).collect()));
            }
        }
        Err(unknown())
    }
}

/// The messages that a record of a conversation holds.
pub(crate) fn messages_of(entry: &Entry, record: &Record<'_>, scope: Scope) -> Result<Messages, CodecError> {
    Ok(match record {
        Record::Accepted(record) => {
            write::user_message(record.run, record.text.to_owned(), record.metadata_within(scope)?)
        }
        Record::Steps(record) => {
            let first = match entry.kind {
                EntryKind::Steps { first, .. } => first as usize,
                _ => 0,
            };
            let at_ms = record.run.accepted_at().unix_millis().saturating_add(record.after_ms);
            let messages = into_messages(record.blocks()?).into_iter().enumerate();
            messages
                .map(|(index, (role, content))| {
                    Arc::new(Message {
                        id: record.run.step_message_id(first + index),
                        role,
                        content,
                        timestamp: Timestamp::from_unix_millis(at_ms),
                        metadata: Metadata::default(),
                    })
                })
                .collect()
        }
        Record::Ended(record) => match &record.outcome {
            OutcomeRecord::Completed { content, .. } => {
                write::reply_message(record.run, record.after_ms, (*content).to_owned())
            }
            OutcomeRecord::Failed(_) | OutcomeRecord::Cancelled => Arc::new([]),
        },
        Record::Imported(record) => Arc::new([Arc::new(Message {
            id: record.id.clone(),
            role: record.role,
            content: vec![ContentBlock::Text(record.content.to_owned())],
            timestamp: Timestamp::from_unix_millis(record.at_ms),
            metadata: Metadata::default(),
        })]),
        Record::Forgotten(_)
        | Record::Remembered(_)
        | Record::Changed(_)
        | Record::Note(_)
        | Record::Mark(_) => Arc::new([]),
    })
}

/// The blocks of a steps record.
pub(super) fn blocks_of(record: &Record<'_>) -> Result<Vec<ContentBlock>, CodecError> {
    match record {
        Record::Steps(record) => record.blocks(),
        _ => Ok(Vec::new()),
    }
}
