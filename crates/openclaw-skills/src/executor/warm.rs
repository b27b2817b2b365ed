//! Sandboxes kept ready: the skill's program has started and waits for its input. Each serves one call and no other.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_core::Secret;
use tokio::time::Instant;

use crate::{egress::Lease, sandbox::Sandbox};

/// A program that waits for its input.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) sandbox: Sandbox,
    pub(super) lease: Option<Lease>,
    /// What was given to it and must not come back.
    pub(super) secrets: Vec<Secret>,
    pub(super) unset: Vec<String>,
}

#[derive(Debug)]
struct Kept {
    skill: String,
    stamp: u64,
    since: Instant,
    prepared: Prepared,
}

/// Those that are ready, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Warm(Mutex<Vec<Kept>>);

impl Warm {
    /// Takes one of a skill, if there is one that was made of these very files and grants.
    pub(super) fn take(&self, skill: &str, stamp: u64) -> Option<Prepared> {
        let mut kept = self.lock();
        let at = kept.iter().position(|kept| kept.skill == skill)?;
        let found = kept.remove(at);
        drop(kept);
        // Another version: dropping it ends it.
        (found.stamp == stamp).then_some(found.prepared)
    }

    /// Keeps one, at most `most` in all: the oldest goes.
    pub(super) fn keep(&self, skill: String, stamp: u64, prepared: Prepared, most: usize) {
        let mut out = Vec::new();
        let mut kept = self.lock();
        kept.push(Kept { skill, stamp, since: Instant::now(), prepared });
        while kept.len() > most {
            out.push(kept.remove(0));
        }
        drop(kept);
    }

    /// Whether a skill has one.
    pub(super) fn has(&self, skill: &str) -> bool {
        self.lock().iter().any(|kept| kept.skill == skill)
    }

    /// Ends those that are older than `age`.
    pub(super) fn sweep(&self, age: Duration) {
        let mut kept = self.lock();
        let old = kept.extract_if(.., |kept| kept.since.elapsed() >= age).collect::<Vec<_>>();
        drop(kept);
        drop(old);
    }

    /// Ends all.
    pub(super) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        drop(all);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
