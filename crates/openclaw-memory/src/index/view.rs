//! Questions about one conversation, one run, one key: the three layers seen as one.

use std::sync::Arc;

use openclaw_core::{Lsn, RunId};

use super::{
    Below, ConvDelta, Entry, Frozen, IndexError, Mark, Pending, Projections, Snapshot,
    order::{Span, arrange},
};
use crate::{
    record::{Channel, ConvKey},
    wal::Pointer,
};

/// A conversation, its records aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConvView {
    pub(crate) channel: Channel,
    pub(crate) created_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) messages: u64,
    /// Its first record.
    pub(crate) first: Entry,
}

/// One moment's layers. `live` has at most the last few entries that were asked for.
struct Layers {
    live: Option<ConvDelta>,
    /// The first entry of `live`, however many were asked for.
    live_first: Option<Entry>,
    frozen: Option<Arc<Frozen>>,
    base: Arc<Snapshot>,
}

impl Layers {
    fn frozen_part(&self, key: &ConvKey) -> Option<&ConvDelta> {
        if self.live.as_ref().is_some_and(|part| part.below != Below::Unknown) {
            return None;
        }
        self.frozen.as_ref()?.delta.conversations.get(key)
    }

    /// Whether the parts, one after another, are in order. `layers` may lack entries for this, but not parts.
    fn are_in_order(&self, key: &ConvKey) -> Result<bool, IndexError> {
        let frozen = self.frozen_part(key);
        let parts = || frozen.into_iter().chain(&self.live);
        if parts().any(|part| !part.sorted) {
            return Ok(false);
        }
        let base = if self.reaches_base(key) { self.base.conversation_head(key)? } else { None };
        let mut span = base.map_or(Span::EMPTY, |head| head.span);
        for part in parts() {
            if !span.continues_with(&part.span) {
                return Ok(false);
            }
            span = span.then(&part.span);
        }
        Ok(true)
    }

    /// Every entry, oldest first.
    fn arranged(&self, key: &ConvKey) -> Result<Vec<Entry>, IndexError> {
        let mut entries = Vec::new();
        if self.reaches_base(key)
            && let Some(mut row) = self.base.conversation(key)?
        {
            for chunk in 0..row.chunks {
                entries.extend(self.base.chunk(key, chunk)?);
            }
            entries.append(&mut row.tail);
        }
        for part in self.frozen_part(key).into_iter().chain(&self.live) {
            entries.extend_from_slice(&part.entries);
        }
        arrange(&mut entries);
        Ok(entries)
    }

    /// Whether the index on disk counts.
    fn reaches_base(&self, key: &ConvKey) -> bool {
        let open = |part: &ConvDelta| part.below == Below::Unknown;
        self.live.as_ref().is_none_or(open) && self.frozen_part(key).is_none_or(open)
    }
}

impl Projections {
    fn layers(&self, key: &ConvKey, limit: usize) -> Layers {
        let state = self.lock();
        let mut live_first = None;
        let live = state.live.conversations.get(key).map(|part| {
            live_first = part.entries.first().copied();
            let skip = if part.sorted { part.entries.len().saturating_sub(limit) } else { 0 };
            ConvDelta {
                below: part.below,
                channel: part.channel.clone(),
                entries: part.entries.get(skip..).unwrap_or_default().to_vec(),
                ..*part
            }
        });
        Layers { live, live_first, frozen: state.frozen.clone(), base: Arc::clone(&state.base) }
    }

    /// The last `limit` records of a conversation, newest first. Empty: it does not exist.
    pub(crate) fn tail(&self, key: &ConvKey, limit: usize) -> Result<Vec<Entry>, IndexError> {
        let layers = self.layers(key, limit);
        if !layers.are_in_order(key)? {
            let mut all = self.layers(key, usize::MAX).arranged(key)?;
            all.reverse();
            all.truncate(limit);
            return Ok(all);
        }
        let mut tail = Vec::new();
        let mut take = |entries: &[Entry]| {
            let room = limit - tail.len();
            tail.extend(entries.iter().rev().take(room));
            tail.len() == limit
        };
        for part in layers.live.iter().chain(layers.frozen_part(key)) {
            if take(&part.entries) {
                return Ok(tail);
            }
        }
        if layers.reaches_base(key)
            && let Some(row) = layers.base.conversation(key)?
        {
            let mut full = take(&row.tail);
            for chunk in (0..row.chunks).rev() {
                if full {
                    break;
                }
                full = take(&layers.base.chunk(key, chunk)?);
            }
        }
        Ok(tail)
    }

    /// A conversation; `None` when it does not exist.
    pub(crate) fn conversation(&self, key: &ConvKey) -> Result<Option<ConvView>, IndexError> {
        let mut layers = self.layers(key, 0);
        let mut first = None;
        if !layers.are_in_order(key)? {
            layers = self.layers(key, usize::MAX);
            first = layers.arranged(key)?.first().copied();
        }
        let row = if layers.reaches_base(key) { layers.base.conversation(key)? } else { None };
        let mut view = match row {
            Some(row) => {
                let first = if row.chunks > 0 {
                    layers.base.chunk(key, 0)?.first().copied()
                } else {
                    row.tail.first().copied()
                };
                first.map(|first| ConvView {
                    channel: row.channel,
                    created_ms: row.created_ms,
                    last_ms: row.last_ms,
                    messages: row.messages,
                    first,
                })
            }
            None => None,
        };
        let frozen = layers.frozen_part(key).map(|part| (part, part.entries.first().copied()));
        let live = layers.live.as_ref().map(|part| (part, layers.live_first));
        for (part, first) in frozen.into_iter().chain(live) {
            view = match (view, first) {
                (view, None) => view,
                (Some(view), Some(_)) => Some(ConvView {
                    created_ms: view.created_ms.min(part.created_ms),
                    last_ms: view.last_ms.max(part.last_ms),
                    messages: view.messages + part.messages,
                    ..view
                }),
                (None, Some(first)) => Some(ConvView {
                    channel: part.channel.clone(),
                    created_ms: part.created_ms,
                    last_ms: part.last_ms,
                    messages: part.messages,
                    first,
                }),
            };
        }
        Ok(view.map(|view| ConvView { first: first.unwrap_or(view.first), ..view }))
    }

    pub(crate) fn pending(&self, run: RunId) -> Option<Pending> {
        self.lock().pending.get(&run).cloned()
    }

    /// Whether a run is pending, and in which conversation; without copying more than that.
    pub(crate) fn pending_conversation(&self, run: RunId) -> Option<ConvKey> {
        self.lock().pending.get(&run).map(|pending| pending.conversation.clone())
    }

    /// Every pending run, oldest record first.
    pub(crate) fn all_pending(&self) -> Vec<(RunId, Pending)> {
        let mut all: Vec<_> =
            self.lock().pending.iter().map(|(run, pending)| (*run, pending.clone())).collect();
        all.sort_unstable_by_key(|(_, pending)| pending.accepted.lsn);
        all
    }

    /// Where the record that accepted a run may lie, likeliest first; read them to be sure.
    pub(crate) fn run_candidates(&self, run: RunId) -> Result<Vec<Pointer>, IndexError> {
        let (frozen, base) = {
            let state = self.lock();
            if let Some(at) = state.live.runs.get(&run) {
                return Ok(vec![*at]);
            }
            (state.frozen.clone(), Arc::clone(&state.base))
        };
        if let Some(at) = frozen.and_then(|frozen| frozen.delta.runs.get(&run).copied()) {
            return Ok(vec![at]);
        }
        base.run_candidates(run)
    }

    /// The run that an idempotency key started last, however long ago.
    pub(crate) fn mark(&self, hash: &[u8; 16]) -> Result<Option<Mark>, IndexError> {
        let (frozen, base) = {
            let state = self.lock();
            if let Some(mark) = state.live.marks.get(hash) {
                return Ok(Some(*mark));
            }
            (state.frozen.clone(), Arc::clone(&state.base))
        };
        match frozen.and_then(|frozen| frozen.delta.marks.get(hash).copied()) {
            Some(mark) => Ok(Some(mark)),
            None => base.mark(hash),
        }
    }

    /// The same as far as memory knows it.
    pub(crate) fn recent_mark(&self, hash: &[u8; 16]) -> Option<Mark> {
        let state = self.lock();
        let frozen = || state.frozen.as_ref().and_then(|frozen| frozen.delta.marks.get(hash));
        state.live.marks.get(hash).or_else(frozen).copied()
    }

    /// The last record that was applied.
    pub(crate) fn last(&self) -> Option<Pointer> {
        self.lock().last
    }

    /// The last record that a checkpoint covers.
    pub(crate) fn checkpointed(&self) -> Option<Lsn> {
        self.lock().base.summary.applied.map(|at| at.lsn)
    }
}
