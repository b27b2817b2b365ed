//! Running MCP servers: one for each conversation, or one for all where a skill says that it is stateless.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use openclaw_core::{ConversationId, Secret};
use tokio::time::Instant;

use crate::{
    egress::Lease,
    limits::{SESSION_LIFE, SESSION_TIME, SESSIONS},
    protocol::mcp::Session,
};

/// A server with what belongs to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) session: Session,
    /// Kept for as long as the server runs.
    pub(super) _lease: Option<Lease>,
    pub(super) secrets: Vec<Secret>,
    since: Instant,
}

impl Server {
    pub(super) fn new(session: Session, lease: Option<Lease>, secrets: Vec<Secret>) -> Self {
        Self { session, _lease: lease, secrets, since: Instant::now() }
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
    /// The server of that key, if it still answers.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Server>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|kept| kept.key == *key)?;
        let one = kept.get_mut(at)?;
        if one.server.session.is_open() && one.server.since.elapsed() < SESSION_LIFE {
            one.used = Instant::now();
            return Some(Arc::clone(&one.server));
        }
        let gone = kept.remove(at);
        drop(kept);
        drop(gone);
        None
    }

    /// Keeps one; past [`SESSIONS`], the one that was not used for longest goes.
    pub(super) fn keep(&self, key: Key, server: Arc<Server>) {
        let mut gone = Vec::new();
        let mut kept = self.lock();
        gone.extend(kept.extract_if(.., |kept| kept.key == key));
        kept.push(Kept { key, used: Instant::now(), server });
        while kept.len() > SESSIONS {
            let oldest = kept.iter().enumerate().min_by_key(|(_, kept)| kept.used).map_or(0, |(at, _)| at);
            gone.push(kept.remove(oldest));
        }
        drop(kept);
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
        let gone: Vec<_> = self.lock().extract_if(.., |kept| kept.used.elapsed() >= SESSION_TIME).collect();
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
