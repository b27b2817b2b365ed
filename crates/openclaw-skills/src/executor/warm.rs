//! Sandboxes kept ready: the skill's program has started and waits for its input. Each serves one call and no other.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_core::Secret;
use tokio::time::Instant;

use super::places::Place;
use crate::{egress::Lease, sandbox::Sandbox};

/// A program that waits for its input.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) sandbox: Sandbox,
    pub(super) lease: Option<Lease>,
    /// What was given to it and must not come back.
    pub(super) secrets: Vec<Secret>,
    pub(super) unset: Vec<String>,
    pub(super) place: Place,
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
pub(super) struct Warm {
    kept: Mutex<Vec<Kept>>,
    /// Skills of which one is being prepared.
    begun: Mutex<HashSet<String>>,
}

/// One that is being prepared; dropped, it is not any more.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    warm: &'a Warm,
    skill: String,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.warm.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.skill);
    }
}

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

    /// Ends the oldest; whether there was one.
    pub(super) fn evict(&self) -> bool {
        let mut kept = self.lock();
        let oldest = (!kept.is_empty()).then(|| kept.remove(0));
        drop(kept);
        oldest.is_some()
    }

    /// Begins to prepare one, unless the skill has one or gets one already.
    pub(super) fn begin(&self, skill: &str) -> Option<Begun<'_>> {
        if self.lock().iter().any(|kept| kept.skill == skill) {
            return None;
        }
        let is_new = self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(skill.to_owned());
        is_new.then(|| Begun { warm: self, skill: skill.to_owned() })
    }

    /// Ends those of which `is_current` does not know the skill and its stamp.
    pub(super) fn retain(&self, is_current: impl Fn(&str, u64) -> bool) {
        let mut kept = self.lock();
        let gone = kept.extract_if(.., |kept| !is_current(&kept.skill, kept.stamp)).collect::<Vec<_>>();
        drop(kept);
        drop(gone);
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
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
