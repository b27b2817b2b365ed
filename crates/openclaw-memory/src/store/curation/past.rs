//! The memory as it was.

use std::sync::{Arc, atomic::AtomicBool};

use openclaw_core::{
    ConversationFilter, ConversationId, ConversationPage, ConversationSummary, ConversationView, MemoryEntry,
    MemoryId, MessageWindow, Timestamp,
    port::{EntryFilter, EntryPage, MemoryError, SearchQuery, SearchResults},
};

use super::Moment;
use crate::{
    record::{Channel, ConvKey},
    store::{Core, Memory},
};

/// A view of the memory as of a time: what was said, remembered, completed or superseded later is not there. What was erased
/// since is gone here, too. It is for looking back, not for speed: a list looks at every conversation.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    memory: &'a Memory,
    at: Timestamp,
}

impl Memory {
    /// The memory as it was at a time. Nothing is changed by it.
    #[must_use]
    pub fn view_at(&self, at: Timestamp) -> Past<'_> {
        Past { memory: self, at }
    }
}

impl Past<'_> {
    fn moment(&self) -> Moment {
        Moment { at_ms: self.at.unix_millis(), past: true }
    }

    /// Lists conversations by what was said in them up to then.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub async fn conversations(&self, filter: ConversationFilter) -> Result<ConversationPage, MemoryError> {
        let at = self.at;
        self.memory.blocking(move |core| core.past_conversations(&filter, at)).await
    }

    /// Reads a conversation up to then; `None` when it had not begun.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub async fn conversation(
        &self,
        id: &ConversationId,
        window: MessageWindow,
    ) -> Result<Option<ConversationView>, MemoryError> {
        let (id, at) = (id.clone(), self.at);
        self.memory.blocking(move |core| core.past_conversation(&id, &window, at)).await
    }

    /// An entry as it was.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub async fn entry(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        let moment = self.moment();
        self.memory.blocking(move |core| core.remembered(id, moment)).await
    }

    /// Lists the entries of then, newest first; those superseded or over since count as they did.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub async fn entries(&self, filter: EntryFilter) -> Result<EntryPage, MemoryError> {
        let moment = self.moment();
        self.memory.blocking(move |core| core.entries(&filter, moment)).await
    }

    /// Finds passages of what was said up to then.
    ///
    /// # Errors
    /// See [`MemoryError`].
    pub async fn search(&self, query: SearchQuery) -> Result<SearchResults, MemoryError> {
        let until = query.until.map_or(self.at, |until| until.min(self.at));
        let query = SearchQuery { until: Some(until), ..query };
        self.memory.blocking(move |core| core.search(&query, &AtomicBool::new(false))).await
    }
}

impl Core {
    fn past_conversation(
        &self,
        id: &ConversationId,
        window: &MessageWindow,
        at: Timestamp,
    ) -> Result<Option<ConversationView>, MemoryError> {
        let whole = MessageWindow::default();
        let Some(mut view) = self.conversation(id, &whole)? else { return Ok(None) };
        view.messages.retain(|message| message.timestamp <= at);
        let Some(last) = view.messages.iter().map(|message| message.timestamp).max() else { return Ok(None) };
        view.summary = ConversationSummary {
            last_message_at: last,
            message_count: view.messages.len() as u64,
            ..view.summary
        };
        if let Some(before) = &window.before {
            let place = view.messages.iter().position(|message| message.id == *before);
            view.messages.truncate(place.ok_or_else(|| MemoryError::UnknownMessage(before.clone()))?);
        }
        let skip = window.limit.map_or(0, |limit| view.messages.len().saturating_sub(limit));
        view.messages.drain(..skip);
        Ok(Some(view))
    }

    fn past_conversations(
        &self,
        filter: &ConversationFilter,
        at: Timestamp,
    ) -> Result<ConversationPage, MemoryError> {
        let wanted = filter.channel.as_deref().map(Channel::of);
        let after = at.unix_millis().saturating_add(1);
        let mut found: Vec<(Timestamp, ConvKey)> = Vec::new();
        for key in self.projections.begun_before(after).map_err(|e| self.index_failed(e))? {
            let Some(view) = self.conversation_view(&key)? else { continue };
            if wanted.as_ref().is_some_and(|wanted| *wanted != view.channel) {
                continue;
            }
            let mut last = Some(Timestamp::from_unix_millis(view.last_ms));
            if view.last_ms > at.unix_millis() {
                last = self.last_message_before(&key, at)?;
            }
            let Some(last) = last else { continue };
            if filter.since.is_none_or(|since| last >= since)
                && filter.until.is_none_or(|until| last <= until)
            {
                found.push((last, key));
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        let mut page = ConversationPage { conversations: Vec::new(), total: found.len() };
        for (_, key) in found.into_iter().skip(filter.offset).take(filter.limit) {
            let none = MessageWindow { limit: Some(0), before: None };
            page.conversations.extend(self.past_conversation(&key.id(), &none, at)?.map(|view| view.summary));
        }
        Ok(page)
    }

    fn last_message_before(&self, key: &ConvKey, at: Timestamp) -> Result<Option<Timestamp>, MemoryError> {
        let mut last = None;
        for entry in self.projections.tail(key, usize::MAX).map_err(|e| self.index_failed(e))? {
            if entry.messages() == 0 {
                continue;
            }
            for message in self.messages(&entry)?.iter().map(Arc::clone) {
                if message.timestamp <= at {
                    last = last.max(Some(message.timestamp));
                }
            }
            // Older runs can't have later messages than one that lies as a whole before then.
            if entry.begins() && last.is_some() {
                break;
            }
        }
        Ok(last)
    }
}
