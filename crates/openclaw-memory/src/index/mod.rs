//! The projections of the log: conversations, runs, idempotency keys and figures.
//!
//! Three layers answer every question. `live` is what was committed since the last checkpoint began, `frozen` what that
//! checkpoint is writing, `base` what earlier ones wrote to the index on disk. Only the log's committer changes `live`, in
//! log order; only the checkpoint's thread moves the layers on, both at once under one lock, so that a reader always sees
//! every record exactly once. No layer holds content.

mod apply;
mod base;
mod check;
mod delta;
mod entry;
mod error;
mod list;
mod memory;
mod merge;
mod order;
mod place;
mod recollect;
mod row;
mod runs;
mod view;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use openclaw_core::RunId;

pub(crate) use apply::{Change, Effect, Fill, MemoryChange};
pub(crate) use base::{Base, Snapshot};
pub(crate) use check::{check_engine_file, check_pages};
pub(crate) use delta::{Below, ConvDelta, Counters, Delta, Mark, Pending};
pub(crate) use entry::{Entry, EntryKind};
pub(crate) use error::IndexError;
pub(crate) use list::Listing;
pub(crate) use memory::{MemoryRow, content_hash, short_hash};
pub(crate) use merge::Checkpoint;
pub(crate) use place::{Place, engine_file};
pub(crate) use view::ConvView;

use crate::{record::ForgottenRecord, wal::Pointer};

/// A delta that is being written to the disk, with what goes with it.
#[derive(Debug)]
pub(crate) struct Frozen {
    delta: Delta,
    pending: HashMap<RunId, Pending>,
    counters: Counters,
    applied: Option<Pointer>,
}

#[derive(Debug)]
struct State {
    live: Delta,
    frozen: Option<Arc<Frozen>>,
    base: Arc<Snapshot>,
    pending: HashMap<RunId, Pending>,
    counters: Counters,
    /// The last record that was applied.
    last: Option<Pointer>,
    /// Records to erase that a removal met only when it was applied.
    doomed: Vec<Entry>,
}

/// The projections.
#[derive(Debug)]
pub(crate) struct Projections {
    state: Mutex<State>,
    /// Copies of the counters that are asked for without the lock.
    completed: AtomicU64,
    latency_ms: AtomicU64,
}

impl Projections {
    /// The projections as the index on disk has them.
    pub(crate) fn new(base: Snapshot) -> Result<Self, IndexError> {
        let pending = base.pending()?;
        let counters = base.summary.counters.clone();
        let projections = Self {
            completed: AtomicU64::new(counters.completed),
            latency_ms: AtomicU64::new(counters.latency_ms),
            state: Mutex::new(State {
                live: Delta::default(),
                frozen: None,
                last: base.summary.applied,
                base: Arc::new(base),
                pending,
                counters,
                doomed: Vec::new(),
            }),
        };
        Ok(projections)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held is a bug elsewhere; what was applied before it is still right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs that ended with an answer, and the sum of their latencies.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.completed.load(Ordering::Relaxed), self.latency_ms.load(Ordering::Relaxed))
    }

    /// Lifetime figures as a removal noted them; a rebuild no longer meets the runs that were removed.
    pub(crate) fn raise_totals(&self, (completed, latency_ms): (u64, u64)) {
        let counters = &mut self.lock().counters;
        if completed > counters.completed {
            (counters.completed, counters.latency_ms) = (completed, latency_ms);
            self.completed.store(completed, Ordering::Relaxed);
            self.latency_ms.store(latency_ms, Ordering::Relaxed);
        }
    }

    /// Notes what was pruned from the log alone.
    pub(crate) fn raise_pruned(&self, intent: &ForgottenRecord) {
        if intent.keeps_lines {
            let entries = intent.memories.iter().map(|id| id.created_at().unix_millis().saturating_add(1));
            let before = intent.before_ms.into_iter().chain(entries).max();
            let counters = &mut self.lock().counters;
            counters.pruned_ms = counters.pruned_ms.max(before);
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.lock().counters.clone()
    }

    /// Messages, pending runs and the last record that was applied, all of one moment.
    pub(crate) fn figures(&self) -> (u64, usize, Option<openclaw_core::Lsn>) {
        let state = self.lock();
        (state.counters.messages, state.pending.len(), state.last.map(|at| at.lsn))
    }

    /// Notes the oldest message, after it was looked up.
    pub(crate) fn set_oldest(&self, oldest_ms: Option<i64>) {
        self.lock().counters.oldest_ms = oldest_ms;
    }

    /// Records and payload bytes that no checkpoint has written, one under way included.
    pub(crate) fn backlog(&self) -> (usize, u64) {
        let state = self.lock();
        let (records, bytes) =
            state.frozen.as_ref().map_or((0, 0), |frozen| (frozen.delta.records, frozen.delta.bytes));
        (records + state.live.records, bytes + state.live.bytes)
    }

    /// Records to erase that a removal met only when it was applied.
    pub(crate) fn take_doomed(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().doomed)
    }

    /// What the next checkpoint has to write: what an unfinished one left, or everything since the last. `None`: nothing.
    pub(crate) fn freeze(&self) -> Option<Arc<Frozen>> {
        let mut state = self.lock();
        if let Some(frozen) = &state.frozen {
            return Some(Arc::clone(frozen));
        }
        if state.live.is_empty() {
            return None;
        }
        let frozen = Arc::new(Frozen {
            delta: std::mem::take(&mut state.live),
            pending: state.pending.clone(),
            counters: state.counters.clone(),
            applied: state.last,
        });
        state.frozen = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// The frozen delta is in `base` now.
    pub(crate) fn thaw(&self, base: Snapshot) {
        let (frozen, old);
        {
            let mut state = self.lock();
            frozen = state.frozen.take();
            old = std::mem::replace(&mut state.base, Arc::new(base));
        }
        // Freed outside the lock: a large delta takes a while.
        drop((frozen, old));
    }

    /// Writes everything since the last checkpoint to the disk. One caller at a time.
    pub(crate) fn checkpoint(&self, base: &Base) -> Result<bool, IndexError> {
        let Some(frozen) = self.freeze() else { return Ok(false) };
        let before = Arc::clone(&self.lock().base);
        let checkpoint = Checkpoint {
            delta: &frozen.delta,
            pending: &frozen.pending,
            counters: &frozen.counters,
            applied: frozen.applied,
        };
        base.merge(&before.summary, &checkpoint)?;
        drop(before);
        drop(frozen);
        self.thaw(base.snapshot()?);
        Ok(true)
    }

    /// Changes places with other projections of the same log, in one step for whoever asks. False: a record came in between,
    /// so that those do not know all that these know.
    pub(crate) fn trade_with(&self, other: &Self) -> bool {
        let (mut state, mut new) = (self.lock(), other.lock());
        if state.last.map(|at| at.lsn) != new.last.map(|at| at.lsn) {
            return false;
        }
        new.doomed.append(&mut state.doomed);
        std::mem::swap(&mut *state, &mut *new);
        self.completed.store(state.counters.completed, Ordering::Relaxed);
        self.latency_ms.store(state.counters.latency_ms, Ordering::Relaxed);
        true
    }

    /// Opens the index anew after an I/O error. A checkpoint that failed may be there all the same.
    pub(crate) fn reopen(&self, base: &Base) -> Result<(), IndexError> {
        base.reopen()?;
        let snapshot = base.snapshot()?;
        let found = snapshot.summary.applied.map(|at| at.lsn);
        let (frozen, old);
        {
            let mut state = self.lock();
            if found < state.base.summary.applied.map(|at| at.lsn) {
                // What an earlier checkpoint wrote is gone, and no longer in memory either.
                return Err(IndexError::Version(base.path.clone()));
            }
            let written =
                state.frozen.as_ref().is_some_and(|frozen| found >= frozen.applied.map(|at| at.lsn));
            frozen = if written { state.frozen.take() } else { None };
            old = std::mem::replace(&mut state.base, Arc::new(snapshot));
        }
        drop((frozen, old));
        Ok(())
    }
}
