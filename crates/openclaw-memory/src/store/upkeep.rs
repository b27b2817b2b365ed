//! The thread that takes checkpoints, and what else happens aside.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use openclaw_core::{Lsn, port::MemoryError};

use super::{Core, error, signal::Wake};
use crate::{index::IndexError, wal::ArchiveReport};

/// A checkpoint is taken after this long without being due, if anything was written, so that the memory of a quiet gateway
/// and the time of its next start are small.
const QUIET: Duration = Duration::from_secs(15);
/// Free space that a checkpoint leaves alone: a full disk must not hit the index in the middle of a write.
const MIN_FREE_BYTES: u64 = 8 << 20;

/// Pages that one record may touch, as far as space goes: a few rows of some hundred bytes, however large the record is.
const RECORD_BYTES: u64 = 512;
/// Pause after a failed checkpoint; it doubles with each further one. What is committed meanwhile does not shorten it.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Starts the thread. It ends when the signal says so.
pub(super) fn start(core: &Arc<Core>) -> io::Result<JoinHandle<()>> {
    let core = Arc::clone(core);
    std::thread::Builder::new().name("memory-upkeep".to_owned()).spawn(move || {
        let mut pause = PAUSE;
        while core.signal.wait(QUIET) != Wake::Stop {
            let done = catch_unwind(AssertUnwindSafe(|| core.checkpoint()));
            let done = done.unwrap_or_else(|_| {
                core.index_panicked();
                false
            });
            core.extend_chain();
            if done {
                pause = PAUSE;
                continue;
            }
            if core.signal.pause(pause) == Wake::Stop {
                break;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    })
}

impl Core {
    /// Writes to the index what happened since the last time. A failure costs the next start a longer replay, no more, so it
    /// is logged and tried again later. False: it failed.
    pub(super) fn checkpoint(&self) -> bool {
        // Only a removal that failed leaves something; it takes the Markdown's turn.
        let owed = !self.maintain().is_empty();
        let turn = owed.then(|| self.turns.removal());
        let mut unfinished = self.maintain();
        if turn.is_none() && !unfinished.is_empty() {
            return false;
        }
        if let Err(error) = self.overwrite(&mut unfinished) {
            // No checkpoint may pass an erasure that is not finished.
            tracing::error!(%error, "an erasure could not be finished; it is tried again");
            return false;
        }
        if !self.reopen_index() || !self.tend_index() {
            return false;
        }
        let (records, _) = self.projections.backlog();
        if records == 0 {
            return true;
        }
        // A page at a time, so that many small records are what takes space, not large ones.
        let needed = MIN_FREE_BYTES + RECORD_BYTES * records as u64;
        match self.base.place().fs().available_space(&self.dir) {
            Ok(free) if free < needed => {
                tracing::warn!(free, needed, "no checkpoint: the disk is nearly full");
                return false;
            }
            _ => {}
        }
        if let Err(error) = self.projections.checkpoint(&self.base) {
            self.note_damage(&error);
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = %cause, cause = ?cause.source(), "the checkpoint failed; it is tried again");
            return false;
        }
        if self.erased.swap(false, Ordering::Relaxed)
            && let Err(error) = self.drop_empty_segments()
        {
            tracing::warn!(%error, "the log's empty segments could not be dropped");
        }
        true
    }

    /// Notes in the log's hash chain the segments that were sealed since the last time, or changed on purpose. A failure is
    /// logged and tried again.
    pub(super) fn extend_chain(&self) {
        match self.wal.extend_chain(&|| self.signal.is_stopped()) {
            Ok(progress) if progress.added > 0 => {
                tracing::debug!(segments = progress.added, "the log's hash chain vouches for more segments");
            }
            Ok(_) => {}
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(%error, cause = ?cause.source(), "the log's hash chain could not be extended; it is tried again");
            }
        }
    }

    /// Turns a sealed segment of the log into a compressed archive. Blocks; removals wait for it. To be called for segments
    /// that need not be read at full speed any more, say because they were compacted.
    pub(crate) fn archive_segment(&self, first: Lsn) -> Result<ArchiveReport, MemoryError> {
        let report = self.wal.archive(first).map_err(error::change)?;
        tracing::info!(
            segment = first.0,
            before = report.bytes_before,
            after = report.bytes_after,
            "archived a log segment"
        );
        Ok(report)
    }

    /// An answer that the index could not give.
    pub(super) fn index_failed(&self, failure: IndexError) -> MemoryError {
        self.note_damage(&failure);
        if failure.is_damage() { self.index_is_damaged(failure) } else { error::index(failure) }
    }

    /// Work on the index that ended in a panic, which is how damaged pages may show.
    pub(super) fn index_panicked(&self) -> MemoryError {
        tracing::error!("reading or writing the index panicked; it is built anew from the log");
        self.condemn_index();
        self.index_is_damaged(IndexError::Pages(self.base.place().dir().to_owned()))
    }

    /// Why the index can't be used for now, if so.
    pub(super) fn index_fault(&self) -> Option<String> {
        self.fault().clone()
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.index_fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_damage(&self, error: &IndexError) {
        if error.is_damage() {
            tracing::error!(%error, "the index is damaged; it is built anew from the log");
            self.condemn_index();
        } else if matches!(error, IndexError::Storage { .. }) {
            // Its engine takes nothing more after an I/O error until it is opened anew.
            let cause =
                std::error::Error::source(error).map_or_else(String::new, |cause| format!(" ({cause})"));
            self.fault().get_or_insert(format!("{error}{cause}; it is opened again once the disk answers"));
            self.signal.due();
        }
    }

    /// Opens the index again when an I/O error made its engine give up. False: it still fails.
    fn reopen_index(&self) -> bool {
        if self.index_fault().is_none() {
            return true;
        }
        match self.projections.reopen(&self.base) {
            Ok(()) => {
                *self.fault() = None;
                tracing::info!("the index is open again after an I/O error");
                true
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(error = %cause, cause = ?cause.source(), "the index can't be opened again yet");
                if error.is_damage() {
                    self.condemn_index();
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::config::MemoryConfig;

    use super::*;
    use crate::store::Memory;

    fn open(dir: &std::path::Path) -> (Memory, crate::OpenReport) {
        Memory::open(dir, &MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_damage_and_the_index_is_built_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (memory, _) = open(dir.path());
        let answer = memory.blocking(|_| -> Result<(), MemoryError> { panic!("a bad page") }).await;
        assert!(matches!(answer, Err(MemoryError::Rebuilding { .. })), "{answer:?}");
        // Here, if the upkeep's thread has not done it before.
        assert!(memory.checkpoint_now());
        assert!(!dir.path().join("index/rebuild").exists());
        assert!(memory.blocking(|core| core.stats()).await.is_ok());
    }

    #[tokio::test]
    async fn what_breaks_again_and_again_is_left_to_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let (memory, _) = open(dir.path());
        for round in 0..4 {
            memory.core().condemn_index();
            assert_eq!(memory.checkpoint_now(), round < 3, "{round}");
        }
        let answer = memory.blocking(|_| -> Result<(), MemoryError> { panic!("a bad page") }).await;
        assert!(matches!(answer, Err(MemoryError::Damaged { .. })), "{answer:?}");
        assert!(dir.path().join("index/rebuild").exists());
        memory.close().await;
        drop(memory);
        drop(open(dir.path()));
        assert!(!dir.path().join("index/rebuild").exists());
    }
}
