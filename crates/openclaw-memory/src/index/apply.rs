//! What each record changes. Runs on the log's committer: no I/O, no waiting.

use std::{ops::Range, sync::atomic::Ordering};

use openclaw_core::{Lsn, MemoryId, RunId};

use super::{Below, ConvDelta, Entry, EntryKind, Mark, MemoryRow, Pending, Projections, State};
use crate::{
    record::{Channel, ConvKey, IdempotencyMark},
    wal::Pointer,
};

/// What a record means for the projections.
#[derive(Debug)]
pub(crate) enum Change {
    Accepted {
        run: RunId,
        conversation: ConvKey,
        channel: Channel,
        mark: Option<IdempotencyMark>,
    },
    Steps {
        run: RunId,
        after_ms: i64,
        messages: u32,
        calls: bool,
    },
    /// With the latency when there is an answer.
    Ended {
        run: RunId,
        after_ms: i64,
        latency_ms: Option<u64>,
    },
    /// What becomes of conversations, and the entries that are no more.
    Forgotten(Vec<Effect>, Vec<MemoryChange>),
    /// Remembered entries are there or are otherwise.
    Memories(Vec<MemoryChange>),
    Imported {
        conversation: ConvKey,
        channel: Channel,
        at_ms: i64,
        /// Hash of the message's id.
        id: [u8; 8],
    },
    /// A run's prompt was made with these memories, by the hashes of their ids.
    Noted {
        run: RunId,
        uses: Vec<[u8; 8]>,
    },
    /// Records that were compacted.
    Compacted(Range<Lsn>),
    /// Nothing.
    None,
}

/// What becomes of one remembered entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryChange {
    pub(crate) id: MemoryId,
    /// As it is from now on, but for what `fill` says; `None`: it is no more.
    pub(crate) row: Option<MemoryRow>,
    pub(crate) fill: Fill,
}

/// Which part of a row is the place of the very record that brings it, which is not known before the record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// None.
    Nothing,
    /// The entry's own, because it is new.
    Entry,
    /// That of its completion.
    Completed,
    /// That of its being superseded.
    Superseded,
    /// None, and the entry counts again: its content leads to it.
    Freed,
}

/// What becomes of one conversation when it is erased or pruned.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) conversation: ConvKey,
    /// The plan covers records up to this one.
    pub(crate) seen: Lsn,
    /// What stays of them: `None` when the conversation is erased, later records included.
    pub(crate) keep: Option<ConvDelta>,
    /// Messages that go.
    pub(crate) removed: u64,
    /// When the conversation began, Unix milliseconds: it holds no older message.
    pub(crate) begun_ms: i64,
}

impl Projections {
    /// Applies committed records in log order. Returns how many records and payload bytes wait for a checkpoint.
    pub(crate) fn apply<'a>(&self, changes: impl Iterator<Item = (Pointer, &'a Change)>) -> (usize, u64) {
        let mut state = self.lock();
        for (at, change) in changes {
            state.apply(at, change);
        }
        self.completed.store(state.counters.completed, Ordering::Relaxed);
        self.latency_ms.store(state.counters.latency_ms, Ordering::Relaxed);
        (state.live.records, state.live.bytes)
    }

    /// Applies one record at replay. False: it belongs to a run that is not there.
    pub(crate) fn replay(&self, at: Pointer, change: &Change) -> bool {
        let mut state = self.lock();
        let known = state.apply(at, change);
        self.completed.store(state.counters.completed, Ordering::Relaxed);
        self.latency_ms.store(state.counters.latency_ms, Ordering::Relaxed);
        known
    }

    /// Changes the projections for a removal whose record was applied already (it is planned only after the log is open).
    pub(crate) fn forget(&self, effects: &[Effect]) {
        let mut state = self.lock();
        for effect in effects {
            state.forget(effect);
        }
        // The index on disk has to learn of it even when no record follows.
        state.live.records += 1;
    }
}

impl State {
    fn apply(&mut self, at: Pointer, change: &Change) -> bool {
        self.last = Some(at);
        self.live.records += 1;
        self.live.bytes += u64::from(at.len);
        match change {
            Change::Accepted { run, conversation, channel, mark } => {
                self.accept(at, *run, conversation, channel, mark.as_ref());
                true
            }
            Change::Steps { run, after_ms, messages, calls } => {
                let Some(pending) = self.pending.get_mut(run) else { return false };
                let kind = EntryKind::Steps { messages: *messages, first: pending.messages };
                pending.messages += messages;
                pending.called_tools |= calls;
                pending.steps.push(at);
                let entry = Entry { at, run: pending.accepted.lsn, kind, at_ms: 0 };
                let conversation = pending.conversation.clone();
                self.push(conversation, entry, *run, *after_ms);
                true
            }
            Change::Ended { run, after_ms, latency_ms } => {
                let Some(pending) = self.pending.remove(run) else { return false };
                let kind = if latency_ms.is_some() { EntryKind::Answered } else { EntryKind::Unanswered };
                let entry = Entry { at, run: pending.accepted.lsn, kind, at_ms: 0 };
                self.push(pending.conversation, entry, *run, *after_ms);
                if let Some(latency_ms) = latency_ms {
                    self.counters.completed += 1;
                    self.counters.latency_ms = self.counters.latency_ms.saturating_add(*latency_ms);
                }
                true
            }
            Change::Forgotten(effects, memories) => {
                for effect in effects {
                    self.forget(effect);
                }
                self.change_memories(at, memories);
                true
            }
            Change::Memories(memories) => {
                self.change_memories(at, memories);
                true
            }
            Change::Imported { conversation, channel, at_ms, id } => {
                self.import(at, conversation, channel, *at_ms);
                self.live.imports.entry(*id).or_default().push(at);
                true
            }
            Change::Noted { run, uses } => {
                let Some(pending) = self.pending.get(run) else { return false };
                let entry = Entry { at, run: pending.accepted.lsn, kind: EntryKind::Note, at_ms: 0 };
                let conversation = pending.conversation.clone();
                self.push(conversation, entry, *run, 0);
                for id in uses {
                    *self.live.uses.entry(*id).or_default() += 1;
                }
                true
            }
            Change::Compacted(lsns) => {
                self.live.compactions.push((at, lsns.clone()));
                true
            }
            Change::None => true,
        }
    }

    fn accept(
        &mut self,
        at: Pointer,
        run: RunId,
        conversation: &ConvKey,
        channel: &Channel,
        mark: Option<&IdempotencyMark>,
    ) {
        let at_ms = run.accepted_at().unix_millis();
        // A conversation named after this very run can't have been there before.
        let begins = *conversation == ConvKey::Ulid(run.to_bytes());
        let part = self.live.conversations.entry(conversation.clone()).or_insert_with(|| ConvDelta {
            below: if begins { Below::Nothing } else { Below::Unknown },
            ..ConvDelta::gone()
        });
        if !part.exists() {
            part.channel = channel.clone();
        }
        part.push(Entry { at, run: at.lsn, kind: EntryKind::Accepted, at_ms }, at_ms);
        self.live.runs.insert(run, at);
        if let Some(mark) = mark {
            self.live.marks.insert(mark.key, Mark { run, request: mark.request });
        }
        let pending = Pending {
            conversation: conversation.clone(),
            accepted: at,
            called_tools: false,
            messages: 0,
            steps: Vec::new(),
        };
        self.pending.insert(run, pending);
        self.count_message(at_ms);
    }

    fn count_message(&mut self, at_ms: i64) {
        // Nothing is known of the oldest one when there are messages but no time: it is looked up when asked for.
        if self.counters.messages == 0 || self.counters.oldest_ms.is_some_and(|oldest| at_ms < oldest) {
            self.counters.oldest_ms = Some(at_ms);
        }
        self.counters.messages += 1;
    }

    fn import(&mut self, at: Pointer, conversation: &ConvKey, channel: &Channel, at_ms: i64) {
        let part = self
            .live
            .conversations
            .entry(conversation.clone())
            .or_insert_with(|| ConvDelta { below: Below::Unknown, ..ConvDelta::gone() });
        if !part.exists() {
            part.channel = channel.clone();
        }
        part.push(Entry { at, run: at.lsn, kind: EntryKind::Imported, at_ms }, at_ms);
        self.count_message(at_ms);
    }

    fn change_memories(&mut self, at: Pointer, changes: &[MemoryChange]) {
        for change in changes {
            let mut row = change.row.clone();
            match (&mut row, change.fill) {
                (Some(row), Fill::Entry) => {
                    row.at = at;
                    self.live.contents.insert(row.content, change.id);
                    self.counters.memories += 1;
                }
                (Some(row), Fill::Completed) => row.completed = row.completed.map(|(when, _)| (when, at)),
                (Some(row), Fill::Superseded) => {
                    row.superseded = row.superseded.map(|(by, _)| (by, Some(at)))
                }
                (Some(row), Fill::Freed) => {
                    self.live.contents.insert(row.content, change.id);
                }
                (Some(_), Fill::Nothing) => {}
                (None, _) => self.counters.memories = self.counters.memories.saturating_sub(1),
            }
            self.live.memories.insert(change.id, row);
        }
    }

    fn push(&mut self, conversation: ConvKey, entry: Entry, run: RunId, after_ms: i64) {
        let at_ms = run.accepted_at().unix_millis().saturating_add(after_ms);
        let part = self
            .live
            .conversations
            .entry(conversation)
            .or_insert_with(|| ConvDelta { below: Below::Unknown, ..ConvDelta::gone() });
        part.push(entry, at_ms);
        self.counters.messages += entry.messages();
    }

    fn forget(&mut self, effect: &Effect) {
        let part = self.live.conversations.remove(&effect.conversation);
        let mut later = part.unwrap_or_else(ConvDelta::gone);
        later.entries.retain(|entry| entry.at.lsn > effect.seen);
        later.settle();
        let mut removed = effect.removed;
        let part = match &effect.keep {
            None => {
                removed += later.messages;
                self.doomed.extend_from_slice(&later.entries);
                self.pending.retain(|_, run| run.conversation != effect.conversation);
                ConvDelta::gone()
            }
            Some(keep) => {
                self.pending.retain(|_, run| {
                    let at = run.accepted.lsn;
                    run.conversation != effect.conversation
                        || at > effect.seen
                        || keep.entries.iter().any(|entry| entry.at.lsn == at)
                });
                later.below = Below::Unknown;
                if later.messages == 0 {
                    later.last_ms = i64::MIN;
                }
                later.created_ms = later
                    .entries
                    .iter()
                    .filter(|entry| entry.begins())
                    .map(|entry| entry.at_ms)
                    .min()
                    .unwrap_or(i64::MAX);
                let part = keep.followed_by(&later);
                ConvDelta { below: Below::Replaced, channel: keep.channel.clone(), ..part }
            }
        };
        self.live.conversations.insert(effect.conversation.clone(), part);
        self.counters.messages = self.counters.messages.saturating_sub(removed);
        if removed > 0 && self.counters.oldest_ms.is_some_and(|oldest| effect.begun_ms <= oldest) {
            self.counters.oldest_ms = None;
        }
    }
}
