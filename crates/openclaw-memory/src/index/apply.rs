//! What each record changes. Runs on the log's committer: no I/O, no waiting.

use std::sync::atomic::Ordering;

use openclaw_core::{Lsn, RunId};

use super::{Below, ConvDelta, Entry, EntryKind, Mark, Pending, Projections, State};
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
    Forgotten(Vec<Effect>),
    /// Nothing.
    None,
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
                let entry = Entry { at, run: pending.accepted.lsn, kind };
                let conversation = pending.conversation.clone();
                self.push(conversation, entry, *run, *after_ms);
                true
            }
            Change::Ended { run, after_ms, latency_ms } => {
                let Some(pending) = self.pending.remove(run) else { return false };
                let kind = if latency_ms.is_some() { EntryKind::Answered } else { EntryKind::Unanswered };
                let entry = Entry { at, run: pending.accepted.lsn, kind };
                self.push(pending.conversation, entry, *run, *after_ms);
                if let Some(latency_ms) = latency_ms {
                    self.counters.completed += 1;
                    self.counters.latency_ms = self.counters.latency_ms.saturating_add(*latency_ms);
                }
                true
            }
            Change::Forgotten(effects) => {
                for effect in effects {
                    self.forget(effect);
                }
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
            part.created_ms = at_ms;
        }
        part.push(Entry { at, run: at.lsn, kind: EntryKind::Accepted }, at_ms);
        self.live.runs.push((run, at));
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
        // Nothing is known of the oldest one when there are messages but no time: it is looked up when asked for.
        if self.counters.messages == 0 || self.counters.oldest_ms.is_some_and(|oldest| at_ms < oldest) {
            self.counters.oldest_ms = Some(at_ms);
        }
        self.counters.messages += 1;
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
        later.messages = later.entries.iter().map(Entry::messages).sum();
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
                let created_ms =
                    if keep.exists() { keep.created_ms } else { later.created_ms.min(later.last_ms) };
                let part = keep.followed_by(&later);
                ConvDelta { below: Below::Replaced, channel: keep.channel.clone(), created_ms, ..part }
            }
        };
        self.live.conversations.insert(effect.conversation.clone(), part);
        self.counters.messages = self.counters.messages.saturating_sub(removed);
        if removed > 0 && self.counters.oldest_ms.is_some_and(|oldest| effect.begun_ms <= oldest) {
            self.counters.oldest_ms = None;
        }
    }
}
