//! Giving out what was said and remembered, in the order of the log.

use std::collections::{HashMap, hash_map};

use openclaw_core::{
    ForeignMemory, ForeignMessage, Lsn, MemoryId, RunId, limits,
    port::{ExportCursor, ExportPage, MemoryError},
};

use super::Moment;
use crate::{
    index::{Entry, EntryKind},
    record::{Changed, ConvKey, Record, RememberedRecord, text_of},
    store::{Core, error, messages_of, read_error},
    wal::Pointer,
};

/// What is known of a run while its records pass by.
pub(super) struct Run {
    conversation: ConvKey,
    channel: String,
    /// Its steps' messages so far; `None`: some passed unseen.
    steps: Option<u32>,
}

impl Core {
    /// Gives out what the records after a place hold: at most `limit` lines, unless a single record has more.
    pub(super) fn export(
        &self,
        after: Option<ExportCursor>,
        limit: usize,
    ) -> Result<ExportPage, MemoryError> {
        let held = self.reader.held();
        let start = after.map_or(held.start, |ExportCursor(after)| Lsn(after.0 + 1).max(held.start));
        let mut runs: HashMap<RunId, Run> = HashMap::new();
        let mut page = ExportPage { messages: Vec::new(), memories: Vec::new(), next: None };
        let (mut bytes, mut last) = (0_usize, start);
        let mut scan = self.reader.scan(start..held.end);
        while let Some(found) = scan.next_record().map_err(read_error)? {
            let at = found.pointer;
            let Some(Ok(record)) = found.payload.map(Record::decode) else { continue };
            let messages = self.foreign(at, &record, &mut runs)?;
            let memory = self.foreign_memory(&record)?;
            let lines = messages.len() + usize::from(memory.is_some());
            if lines == 0 {
                continue;
            }
            let texts = messages.iter().map(|message| message.content.len());
            let more: usize = texts.chain(memory.iter().map(|memory| memory.entry.content.len())).sum();
            let held = page.messages.len() + page.memories.len();
            let full = held + lines > limit.max(1) || bytes + more > limits::EXPORT_BYTES;
            if full && held > 0 {
                page.next = Some(ExportCursor(last));
                break;
            }
            bytes += more;
            last = at.lsn;
            page.messages.extend(messages);
            page.memories.extend(memory);
        }
        if !scan.damages().is_empty() {
            let places = scan.damages().len();
            tracing::warn!(
                places,
                "damaged records could not be exported; `gateway memory verify` tells which"
            );
        }
        Ok(page)
    }

    /// The entry that a record is about: where it was remembered, and once more where an entry of before got its place.
    fn foreign_memory(&self, record: &Record<'_>) -> Result<Option<ForeignMemory>, MemoryError> {
        match record {
            Record::Remembered(record) => self.described(record),
            Record::Changed(change) => {
                let Changed::Superseded(by) = change.what else { return Ok(None) };
                let row = self.projections.memory(change.id).map_err(|e| self.index_failed(e))?;
                // What an entry's own record says is told with that one.
                let own = |by_record: &Option<Pointer>| by_record.is_none();
                let Some(row) =
                    row.filter(|row| row.superseded.is_some_and(|(now, at)| now == by && !own(&at)))
                else {
                    return Ok(None);
                };
                let Some(payload) = self.payload(row.at)? else { return Ok(None) };
                match Record::decode(&payload).map_err(|e| error::codec(row.at, e))? {
                    Record::Remembered(record) => self.described(&record),
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// An entry with what became of it; `None`: it is forgotten.
    fn described(&self, record: &RememberedRecord<'_>) -> Result<Option<ForeignMemory>, MemoryError> {
        let Some(entry) = self.remembered(record.id, Moment::now())? else { return Ok(None) };
        let has_its_place = |earlier: &MemoryId| -> Result<bool, MemoryError> {
            let row = self.projections.memory(*earlier).map_err(|e| self.index_failed(e))?;
            Ok(row.and_then(|row| row.superseded).is_some_and(|(by, _)| by == record.id))
        };
        let supersedes = match record.supersedes {
            Some(earlier) if has_its_place(&earlier)? => Some(earlier),
            _ => None,
        };
        Ok(Some(ForeignMemory { entry, supersedes }))
    }

    pub(super) fn foreign(
        &self,
        at: Pointer,
        record: &Record<'_>,
        runs: &mut HashMap<RunId, Run>,
    ) -> Result<Vec<ForeignMessage>, MemoryError> {
        let mut entry = Entry { at, run: at.lsn, kind: EntryKind::Accepted, at_ms: 0 };
        let (conversation, channel) = match record {
            Record::Imported(record) => (record.conversation.clone(), record.channel.as_str().to_owned()),
            Record::Accepted(record) => {
                let channel = record.channel.as_str().to_owned();
                let run = Run {
                    conversation: record.conversation.clone(),
                    channel: channel.clone(),
                    steps: Some(0),
                };
                runs.insert(record.run, run);
                (record.conversation.clone(), channel)
            }
            Record::Steps(_) | Record::Ended(_) => {
                let Some(run) = record.run() else { return Ok(Vec::new()) };
                let Some(known) = self.run_of(run, runs)? else { return Ok(Vec::new()) };
                let place = (known.conversation.clone(), known.channel.clone());
                if let Record::Steps(steps) = record {
                    let blocks = steps.blocks().map_err(|e| error::codec(at, e))?;
                    let messages = crate::record::count_messages(&blocks);
                    let first = match known.steps {
                        Some(first) => first,
                        None => match self.entry(&place.0, at, None)?.map(|entry| entry.kind) {
                            Some(EntryKind::Steps { first, .. }) => first,
                            _ => return Ok(Vec::new()),
                        },
                    };
                    known.steps = Some(first.saturating_add(messages));
                    entry.kind = EntryKind::Steps { messages, first };
                } else {
                    runs.remove(&run);
                }
                place
            }
            Record::Remembered(_)
            | Record::Changed(_)
            | Record::Forgotten(_)
            | Record::Note(_)
            | Record::Mark(_) => return Ok(Vec::new()),
        };
        let messages = messages_of(&entry, record).map_err(|e| error::codec(at, e))?;
        let of = |message: &openclaw_core::Message| ForeignMessage {
            conversation: conversation.id(),
            channel: channel.clone(),
            role: message.role,
            content: text_of(&message.content),
            timestamp: message.timestamp,
            id: Some(message.id.clone()),
        };
        // What only calls tools has no text to give.
        let said = |message: &ForeignMessage| !message.content.is_empty();
        Ok(messages.iter().map(|message| of(message)).filter(said).collect())
    }

    /// The run of a record whose first record did not pass by; `None`: it was erased.
    fn run_of<'r>(
        &self,
        run: RunId,
        runs: &'r mut HashMap<RunId, Run>,
    ) -> Result<Option<&'r mut Run>, MemoryError> {
        match runs.entry(run) {
            hash_map::Entry::Occupied(known) => Ok(Some(known.into_mut())),
            hash_map::Entry::Vacant(unknown) => {
                let Some((at, conversation)) = self.locate(run)? else { return Ok(None) };
                let Some(payload) = self.payload(at)? else { return Ok(None) };
                let Ok(Record::Accepted(record)) = Record::decode(&payload) else { return Ok(None) };
                let channel = record.channel.as_str().to_owned();
                Ok(Some(unknown.insert(Run { conversation, channel, steps: None })))
            }
        }
    }
}
