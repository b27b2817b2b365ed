//! The runs of this process: those under way, and for a while those that ended.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_core::{ConversationId, RunId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Approvals, EventLog,
    limits::{KEPT_BYTES, KEPT_RUNS, KEPT_TIME},
};

/// What an event costs beside its text, about.
const EVENT_BYTES: usize = 64;

/// A run that this process works on, or has worked on lately.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) conversation: ConversationId,
    pub(crate) log: Arc<EventLog>,
    pub(crate) cancel: CancellationToken,
    pub(crate) approvals: Approvals,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    runs: HashMap<RunId, Arc<Live>>,
    ended: VecDeque<Ended>,
    ended_bytes: usize,
    /// Runs that this process took up from an earlier one: their ids carry another attempt.
    repeated: HashMap<RunId, u32>,
}

#[derive(Debug)]
struct Ended {
    run: RunId,
    bytes: usize,
    at: Instant,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The maps are consistent whenever the guard goes.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, run: RunId, conversation: ConversationId, attempt: u32) -> Arc<Live> {
        let live = Arc::new(Live {
            conversation,
            log: EventLog::new(attempt),
            cancel: CancellationToken::new(),
            approvals: Approvals::default(),
        });
        let mut inner = self.lock();
        if attempt > 0 {
            inner.repeated.insert(run, attempt);
        }
        inner.runs.insert(run, Arc::clone(&live));
        live
    }

    pub(crate) fn get(&self, run: RunId) -> Option<Arc<Live>> {
        self.lock().runs.get(&run).cloned()
    }

    /// The attempt under which a run's record is told.
    pub(crate) fn attempt(&self, run: RunId) -> u32 {
        self.lock().repeated.get(&run).copied().unwrap_or(0)
    }

    /// Forgets a run that never came to be.
    pub(crate) fn remove(&self, run: RunId) {
        self.lock().runs.remove(&run);
    }

    /// Every run of a conversation that is known here and came before `run`.
    pub(crate) fn before(&self, conversation: &ConversationId, run: RunId) -> Vec<Arc<Live>> {
        let inner = self.lock();
        let earlier = inner.runs.iter().filter(|(id, live)| **id < run && live.conversation == *conversation);
        earlier.map(|(_, live)| Arc::clone(live)).collect()
    }

    /// Every run that is known here.
    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        self.lock().runs.values().cloned().collect()
    }

    /// Forgets the ended runs of a conversation.
    pub(crate) fn forget(&self, conversation: &ConversationId) {
        let mut inner = self.lock();
        inner.runs.retain(|_, live| live.conversation != *conversation || live.log.last().is_none());
    }

    /// Keeps an ended run for a while, at the cost of the oldest ones.
    pub(crate) fn ended(&self, run: RunId, live: &Live) {
        let text = usize::try_from(live.log.position()).unwrap_or(usize::MAX);
        let bytes = text.saturating_add(live.log.len() * EVENT_BYTES);
        let mut inner = self.lock();
        inner.ended.push_back(Ended { run, bytes, at: Instant::now() });
        inner.ended_bytes = inner.ended_bytes.saturating_add(bytes);
        while inner.ended.len() > KEPT_RUNS || inner.ended_bytes > KEPT_BYTES {
            inner.drop_oldest();
        }
    }

    /// Forgets what was kept long enough; returns when to look again, if anything is left.
    pub(crate) fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut inner = self.lock();
        while inner.ended.front().is_some_and(|ended| ended.at + KEPT_TIME <= now) {
            inner.drop_oldest();
        }
        inner.ended.front().map(|ended| ended.at + KEPT_TIME)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().runs.len()
    }
}

impl Inner {
    fn drop_oldest(&mut self) {
        if let Some(ended) = self.ended.pop_front() {
            self.ended_bytes = self.ended_bytes.saturating_sub(ended.bytes);
            self.runs.remove(&ended.run);
        }
    }
}
