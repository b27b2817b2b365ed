//! What happened since the last checkpoint, in memory.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use openclaw_core::{Lsn, MemoryId, RunId};

use super::{
    entry::Entry,
    memory::MemoryRow,
    order::{Span, arrange, span_of},
};
use crate::{
    record::{Channel, ConvKey},
    wal::Pointer,
};

/// What lies below a conversation's part of a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Below {
    /// Perhaps something, which this continues.
    Unknown,
    /// Nothing: the conversation began here.
    Nothing,
    /// Perhaps something, which no longer counts.
    Replaced,
}

/// One conversation's part of a delta.
#[derive(Debug, Clone)]
pub(crate) struct ConvDelta {
    pub(crate) below: Below,
    /// Channel of the first message of this part.
    pub(crate) channel: Channel,
    /// Time of the earliest message of this part, replies aside, Unix milliseconds.
    pub(crate) created_ms: i64,
    /// Time of the last one.
    pub(crate) last_ms: i64,
    pub(crate) messages: u64,
    /// Oldest first, if they are `sorted`; else as they came.
    pub(crate) entries: Vec<Entry>,
    pub(crate) sorted: bool,
    pub(crate) span: Span,
}

impl ConvDelta {
    /// A conversation that is no more.
    pub(crate) fn gone() -> Self {
        Self {
            below: Below::Replaced,
            channel: Channel::Known(0),
            created_ms: i64::MAX,
            last_ms: i64::MIN,
            messages: 0,
            entries: Vec::new(),
            sorted: true,
            span: Span::EMPTY,
        }
    }

    /// Whether this part, taken alone, is a conversation.
    pub(crate) fn exists(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry, at_ms: i64) {
        if entry.messages() > 0 {
            self.last_ms = self.last_ms.max(at_ms);
            self.messages += entry.messages();
        }
        if entry.begins() {
            self.created_ms = self.created_ms.min(at_ms);
        }
        self.sorted &= self.span.push(&entry);
        self.entries.push(entry);
    }

    /// The entries in order.
    pub(crate) fn arranged(&self) -> Cow<'_, [Entry]> {
        if self.sorted {
            return Cow::Borrowed(&self.entries);
        }
        let mut entries = self.entries.clone();
        arrange(&mut entries);
        Cow::Owned(entries)
    }

    /// Puts the entries in order and finds out anew what follows from them alone.
    pub(crate) fn settle(&mut self) {
        arrange(&mut self.entries);
        (self.sorted, self.span) = (true, span_of(&self.entries));
        self.messages = self.entries.iter().map(Entry::messages).sum();
    }

    /// This part followed by a later one.
    pub(crate) fn followed_by(&self, later: &Self) -> Self {
        if later.below != Below::Unknown {
            return later.clone();
        }
        let mut entries = Vec::with_capacity(self.entries.len() + later.entries.len());
        entries.extend_from_slice(&self.entries);
        entries.extend_from_slice(&later.entries);
        let first = if self.exists() { self } else { later };
        Self {
            below: self.below,
            channel: first.channel.clone(),
            created_ms: self.created_ms.min(later.created_ms),
            last_ms: self.last_ms.max(later.last_ms),
            messages: self.messages + later.messages,
            entries,
            sorted: self.sorted && later.sorted && self.span.continues_with(&later.span),
            span: self.span.then(&later.span),
        }
    }
}

/// The run that an idempotency key started, and for which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) run: RunId,
    pub(crate) request: [u8; 8],
}

/// Everything that happened since some checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    pub(crate) conversations: HashMap<ConvKey, ConvDelta>,
    /// Where the records lie that accepted runs.
    pub(crate) runs: HashMap<RunId, Pointer>,
    pub(crate) marks: HashMap<[u8; 16], Mark>,
    /// Remembered entries as they are now; `None`: forgotten.
    pub(crate) memories: BTreeMap<MemoryId, Option<MemoryRow>>,
    /// The entry that was remembered last with some content, by the hash of kind and content.
    pub(crate) contents: HashMap<[u8; 16], MemoryId>,
    /// Imported messages by the hash of their id.
    pub(crate) imports: HashMap<[u8; 8], Vec<Pointer>>,
    /// How often a memory went into a prompt, by the hash of its id.
    pub(crate) uses: HashMap<[u8; 8], u32>,
    /// Compactions: the record of each, and the records it compacted.
    pub(crate) compactions: Vec<(Pointer, Range<Lsn>)>,
    /// Records in it, and their payload bytes.
    pub(crate) records: usize,
    pub(crate) bytes: u64,
}

impl Delta {
    pub(crate) fn is_empty(&self) -> bool {
        self.records == 0
    }
}

/// A run that has not ended. There are as many as the agent lets wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) conversation: ConvKey,
    pub(crate) accepted: Pointer,
    pub(crate) called_tools: bool,
    /// Step messages so far.
    pub(crate) messages: u32,
    /// Its steps records.
    pub(crate) steps: Vec<Pointer>,
}

/// Lifetime figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Messages in the log.
    pub(crate) messages: u64,
    /// Remembered entries in it.
    pub(crate) memories: u64,
    /// Runs that ended with an answer.
    pub(crate) completed: u64,
    /// Sum of their latencies.
    pub(crate) latency_ms: u64,
    /// Time of the oldest message; `None` when there is none or it has to be looked up anew.
    pub(crate) oldest_ms: Option<i64>,
    /// What is older than this may have been pruned from the log alone, so that the Markdown still cites it.
    pub(crate) pruned_ms: Option<i64>,
}
