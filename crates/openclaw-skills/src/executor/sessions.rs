//! Running MCP servers: one for each conversation, or one for all where a skill says that it is stateless.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use openclaw_core::{ConversationId, Secret};
use tokio::time::Instant;

use super::{Executor, places::Place};
use crate::{
    egress::Lease,
    limits::{SESSION_LIFE, SESSION_TIME},
    protocol::mcp::Session,
};

/// A server with what belongs to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) session: Session,
    pub(super) secrets: Vec<Secret>,
    /// Active while there are calls.
    lease: Option<Lease>,
    since: Instant,
    /// Changed under the lock of [`Sessions`] only.
    calls: AtomicUsize,
    _place: Place,
}

impl Server {
    /// With its first call under way, and so with an active lease.
    pub(super) fn new(session: Session, lease: Option<Lease>, secrets: Vec<Secret>, place: Place) -> Self {
        Self { session, secrets, lease, since: Instant::now(), calls: AtomicUsize::new(1), _place: place }
    }

    /// One call more. With the first, the network is open.
    fn enter(&self) {
        if self.calls.fetch_add(1, Ordering::AcqRel) == 0
            && let Some(lease) = &self.lease
        {
            lease.activate();
        }
    }

    /// One call less. Behind the last, nothing goes out.
    fn leave(&self) {
        if self.calls.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(lease) = &self.lease
        {
            lease.deactivate();
        }
    }

    fn is_idle(&self) -> bool {
        self.calls.load(Ordering::Acquire) == 0
    }
}

/// A server with a call under way. Dropped without [`InUse::done`], the server is ended.
#[derive(Debug)]
pub(super) struct InUse<'a> {
    executor: &'a Executor,
    server: Arc<Server>,
    is_done: bool,
}

impl InUse<'_> {
    /// The call has come to its end, and the server may serve another one.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Deref for InUse<'_> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        let sessions = &self.executor.sessions;
        if !self.is_done {
            sessions.end(&self.server);
        }
        sessions.leave(&self.server);
        self.executor.make_room();
    }
}

/// Whose server it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) skill: String,
    /// `None`: every conversation's.
    pub(super) conversation: Option<ConversationId>,
    pub(super) stamp: u64,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    used: Instant,
    server: Arc<Server>,
}

/// Those that run.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    kept: Mutex<Vec<Kept>>,
    /// Who starts a server of a key; others wait for it.
    starting: Mutex<Vec<(Key, Weak<tokio::sync::Mutex<()>>)>>,
}

impl Sessions {
    /// The server of that key, if it still answers, with a call of `executor`'s under way.
    pub(super) fn get<'a>(&self, executor: &'a Executor, key: &Key) -> Option<InUse<'a>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|kept| kept.key == *key)?;
        let one = kept.get_mut(at)?;
        if one.server.session.is_open() && one.server.since.elapsed() < SESSION_LIFE {
            one.used = Instant::now();
            one.server.enter();
            return Some(InUse { executor, server: Arc::clone(&one.server), is_done: false });
        }
        let gone = kept.remove(at);
        drop(kept);
        drop(gone);
        None
    }

    /// Keeps one that was started for a call, which goes on.
    pub(super) fn keep<'a>(&self, executor: &'a Executor, key: Key, server: Arc<Server>) -> InUse<'a> {
        let mut kept = self.lock();
        let gone: Vec<_> = kept.extract_if(.., |kept| kept.key == key).collect();
        kept.push(Kept { key, used: Instant::now(), server: Arc::clone(&server) });
        drop(kept);
        drop(gone);
        InUse { executor, server, is_done: false }
    }

    /// The end of a call.
    fn leave(&self, server: &Arc<Server>) {
        let mut kept = self.lock();
        server.leave();
        if let Some(kept) = kept.iter_mut().find(|kept| Arc::ptr_eq(&kept.server, server)) {
            kept.used = Instant::now();
        }
    }

    /// Ends the one without calls that was not used for longest; whether there was one.
    pub(super) fn evict(&self) -> bool {
        let mut kept = self.lock();
        let idle = kept.iter().enumerate().filter(|(_, kept)| kept.server.is_idle());
        let oldest = idle.min_by_key(|(_, kept)| kept.used).map(|(at, _)| at);
        let gone = oldest.map(|at| kept.remove(at));
        drop(kept);
        gone.is_some()
    }

    /// Ends this very server.
    pub(super) fn end(&self, server: &Arc<Server>) {
        let gone: Vec<_> = self.lock().extract_if(.., |kept| Arc::ptr_eq(&kept.server, server)).collect();
        drop(gone);
    }

    /// What to hold while a server of that key is started: calls side by side share one.
    pub(super) fn starting(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        starting.retain(|(_, turn)| turn.strong_count() > 0);
        if let Some(turn) =
            starting.iter().find(|(other, _)| other == key).and_then(|(_, turn)| turn.upgrade())
        {
            return turn;
        }
        let turn = Arc::default();
        starting.push((key.clone(), Arc::downgrade(&turn)));
        turn
    }

    /// Ends those of which `is_current` does not know the skill and its stamp.
    pub(super) fn retain(&self, is_current: impl Fn(&str, u64) -> bool) {
        let gone: Vec<_> =
            self.lock().extract_if(.., |kept| !is_current(&kept.key.skill, kept.key.stamp)).collect();
        drop(gone);
    }

    /// Ends those nobody has used for a while.
    pub(super) fn sweep(&self) {
        let gone: Vec<_> = self
            .lock()
            .extract_if(.., |kept| kept.server.is_idle() && kept.used.elapsed() >= SESSION_TIME)
            .collect();
        drop(gone);
    }

    /// Ends all.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
