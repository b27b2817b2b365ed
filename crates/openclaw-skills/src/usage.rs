//! How often each skill was called, and when last. Kept in a file of the skills directory, to which the gateway and every command add
//! what they counted; a crash loses at most what was counted since it was last written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use openclaw_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lock::write_whole;

/// The file, below the skills directory.
const FILE: &str = ".usage.json";
/// Held by whoever replaces the file; empty.
const LOCK: &str = ".usage.lock";
/// Looks at a lock that another program has, and the time between them: it has it for the time of one small write.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// Counts of all skills.
#[derive(Debug)]
pub(crate) struct Usage {
    path: PathBuf,
    state: Mutex<State>,
}

type Counts = BTreeMap<String, Used>;
/// What a file looks like from outside: its inode and when that changed.
type Look = Option<(u64, i64, i64)>;

#[derive(Debug, Default)]
struct State {
    /// What is in the file, and what is to be added to it.
    known: Counts,
    /// What was counted since the file was written.
    fresh: Counts,
    /// Skills that were removed since.
    gone: BTreeSet<String>,
    /// What the file looked like when it was read.
    look: Look,
    /// Whether somebody was told that it can't be written.
    told: bool,
}

/// Counts of one skill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) invocations: u64,
    pub(crate) last: Option<Timestamp>,
}

impl Used {
    fn add(&mut self, more: Self) {
        self.invocations = self.invocations.saturating_add(more.invocations);
        self.last = self.last.max(more.last);
    }
}

impl Usage {
    /// Reads what is known. A file that can't be read counts as none: figures are no reason to refuse work.
    pub(crate) fn open(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let state = State { look: look(&path), known: read(&path).unwrap_or_default(), ..State::default() };
        Self { path, state: Mutex::new(state) }
    }

    /// Counts a call.
    pub(crate) fn count(&self, skill: &str, at: Timestamp) {
        let mut state = self.lock();
        let once = Used { invocations: 1, last: Some(at) };
        state.known.entry(skill.to_owned()).or_default().add(once);
        state.fresh.entry(skill.to_owned()).or_default().add(once);
    }

    /// What is known of a skill.
    pub(crate) fn of(&self, skill: &str) -> Used {
        self.lock().known.get(skill).copied().unwrap_or_default()
    }

    /// Forgets a skill that was removed.
    pub(crate) fn forget(&self, skill: &str) {
        let mut state = self.lock();
        state.known.remove(skill);
        state.fresh.remove(skill);
        state.gone.insert(skill.to_owned());
    }

    /// Adds to the file what was counted, and learns what others have; a failure is told of once. Blocking.
    pub(crate) fn keep(&self) {
        let kept = self.write();
        let was_told = std::mem::replace(&mut self.lock().told, kept.is_err());
        if let (Err(error), false) = (kept, was_told) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "how often skills were called can't be written; it is tried again");
        }
    }

    fn write(&self) -> io::Result<()> {
        let (fresh, gone) = {
            let mut state = self.lock();
            if state.fresh.is_empty() && state.gone.is_empty() && look(&self.path) == state.look {
                return Ok(());
            }
            (std::mem::take(&mut state.fresh), std::mem::take(&mut state.gone))
        };
        let merged = self.merge(&fresh, &gone);
        let mut state = self.lock();
        match merged {
            Ok((mut counts, look)) => {
                // What was counted or removed meanwhile.
                counts.retain(|skill, _| !state.gone.contains(skill));
                add(&mut counts, &state.fresh);
                state.known = counts;
                state.look = look;
                Ok(())
            }
            Err(error) => {
                let mut fresh = fresh;
                fresh.retain(|skill, _| !state.gone.contains(skill));
                add(&mut state.fresh, &fresh);
                state.gone.extend(gone);
                Err(error)
            }
        }
    }

    /// What the file has now, with these changes.
    fn merge(&self, fresh: &Counts, gone: &BTreeSet<String>) -> io::Result<(Counts, Look)> {
        if fresh.is_empty() && gone.is_empty() {
            let look = look(&self.path);
            return Ok((read(&self.path)?, look));
        }
        let _lock = self.exclusive()?;
        let before = read(&self.path)?;
        let mut counts = before.clone();
        counts.retain(|skill, _| !gone.contains(skill));
        add(&mut counts, fresh);
        if counts != before {
            write_whole(&self.path, &serde_json::to_vec(&counts)?)?;
        }
        Ok((counts, look(&self.path)))
    }

    fn exclusive(&self) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.path.with_file_name(LOCK))?;
        for _ in 0..LOOKS {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "another program is writing them"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counts: &mut Counts, more: &Counts) {
    for (skill, used) in more {
        counts.entry(skill.clone()).or_default().add(*used);
    }
}

/// The file's counts; without one, or when it makes no sense, none.
fn read(path: &Path) -> io::Result<Counts> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Counts::new()),
        Err(error) => Err(error),
    }
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
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

    #[test]
    fn several_programs_count_into_one_file() {
        let dir = tempfile::tempdir().unwrap();
        let (gateway, command) = (Usage::open(dir.path()), Usage::open(dir.path()));
        let (earlier, later) = (Timestamp::from_unix_millis(1), Timestamp::from_unix_millis(2));
        gateway.count("weather", later);
        command.count("weather", earlier);
        command.count("calc", earlier);
        for usage in [&gateway, &command] {
            usage.write().unwrap();
        }
        gateway.count("weather", later);
        gateway.write().unwrap();
        for usage in [&gateway, &Usage::open(dir.path())] {
            assert_eq!(usage.of("weather"), Used { invocations: 3, last: Some(later) });
            assert_eq!(usage.of("calc").invocations, 1);
        }
        // Who has nothing to add still learns.
        command.write().unwrap();
        assert_eq!(command.of("weather").invocations, 3);
        command.forget("weather");
        command.write().unwrap();
        gateway.write().unwrap();
        assert_eq!(gateway.of("weather"), Used::default());
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let usage = Usage::open(dir.path());
                    for _ in 0..5 {
                        usage.count("calc", later);
                        // With eight at a slow disk one may not get its turn in time: what it counted waits for the next.
                        while let Err(error) = usage.write() {
                            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                        }
                    }
                });
            }
        });
        assert_eq!(Usage::open(dir.path()).of("calc").invocations, 41);
    }

    #[test]
    fn what_can_not_be_written_is_not_lost_and_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let usage = Usage::open(dir.path());
        let now = Timestamp::now();
        fs::create_dir(dir.path().join(LOCK)).unwrap();
        for calls in 1..=2 {
            usage.count("weather", now);
            assert!(usage.write().is_err());
            assert_eq!(usage.of("weather").invocations, calls);
        }
        usage.keep();
        assert!(usage.lock().told);
        fs::remove_dir(dir.path().join(LOCK)).unwrap();
        usage.keep();
        assert!(!usage.lock().told);
        assert_eq!(Usage::open(dir.path()).of("weather").invocations, 2);
    }
}
