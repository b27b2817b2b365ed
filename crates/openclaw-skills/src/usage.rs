//! How often each skill was called, and when last. Kept in a file of the skills directory; a crash loses at most what was counted since it
//! was last written.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use openclaw_core::Timestamp;
use serde::{Deserialize, Serialize};

/// The file, below the skills directory.
const FILE: &str = ".usage.json";

/// Counts of all skills.
#[derive(Debug)]
pub(crate) struct Usage {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: BTreeMap<String, Used>,
    changed: bool,
}

/// Counts of one skill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) invocations: u64,
    pub(crate) last: Option<Timestamp>,
}

impl Usage {
    /// Reads what is known. A file that can't be read counts as none: figures are no reason to refuse work.
    pub(crate) fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let counts = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let state = State { counts: counts.unwrap_or_default(), changed: false };
        Self { path, state: Mutex::new(state) }
    }

    /// Counts a call.
    pub(crate) fn count(&self, skill: &str, at: Timestamp) {
        let mut state = self.lock();
        let used = state.counts.entry(skill.to_owned()).or_default();
        used.invocations += 1;
        used.last = Some(at);
        state.changed = true;
    }

    /// What is known of a skill.
    pub(crate) fn of(&self, skill: &str) -> Used {
        self.lock().counts.get(skill).copied().unwrap_or_default()
    }

    /// Forgets a skill that was removed.
    pub(crate) fn forget(&self, skill: &str) {
        let mut state = self.lock();
        state.changed |= state.counts.remove(skill).is_some();
    }

    /// Writes what has changed, if anything has. Blocking.
    pub(crate) fn write(&self) -> io::Result<()> {
        let bytes = {
            let mut state = self.lock();
            if !std::mem::take(&mut state.changed) {
                return Ok(());
            }
            serde_json::to_vec(&state.counts)?
        };
        let fresh = self.path.with_extension("new");
        let written = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            self.lock().changed = true;
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let usage = Usage::open(dir.path());
        let now = Timestamp::now();
        usage.count("weather", now);
        usage.count("weather", now);
        usage.count("calc", now);
        usage.forget("calc");
        usage.write().unwrap();
        let again = Usage::open(dir.path());
        assert_eq!(again.of("weather").invocations, 2);
        assert_eq!(again.of("weather").last.map(Timestamp::unix_millis), Some(now.unix_millis()));
        assert_eq!(again.of("calc"), Used::default());
        fs::write(dir.path().join(FILE), "not json").unwrap();
        assert_eq!(Usage::open(dir.path()).of("weather"), Used::default());
    }
}
