//! The thread that takes checkpoints, and what else happens aside.

use std::{io, sync::Arc, thread::JoinHandle, time::Duration};

use openclaw_core::port::MemoryError;

use super::{Core, error, signal::Wake};
use crate::{
    fs::{Fs as _, RealFs},
    index::IndexError,
};

/// A checkpoint is taken after this long without being due, if anything was written, so that the memory of a quiet gateway
/// and the time of its next start are small.
const QUIET: Duration = Duration::from_secs(15);
/// Free space that a checkpoint leaves alone: a full disk must not hit the index in the middle of a write.
const MIN_FREE_BYTES: u64 = 8 << 20;

/// Starts the thread. It ends when the signal says so.
pub(super) fn start(core: &Arc<Core>) -> io::Result<JoinHandle<()>> {
    let core = Arc::clone(core);
    std::thread::Builder::new().name("memory-upkeep".to_owned()).spawn(move || {
        while core.signal.wait(QUIET) != Wake::Stop {
            core.checkpoint();
        }
    })
}

impl Core {
    /// Writes to the index what happened since the last time. A failure costs the next start a longer replay, no more, so it
    /// is logged and tried again with the next occasion.
    pub(super) fn checkpoint(&self) {
        let mut unfinished = self.maintain();
        if let Err(error) = self.overwrite(&mut unfinished) {
            // No checkpoint may pass an erasure that is not finished.
            tracing::error!(%error, "an erasure could not be finished; it is tried again");
            return;
        }
        let (records, bytes) = self.projections.backlog();
        if records == 0 {
            return;
        }
        // The index grows by less than the log did, but a page at a time.
        let needed = MIN_FREE_BYTES + 2 * bytes;
        match RealFs.available_space(&self.dir) {
            Ok(free) if free < needed => {
                tracing::warn!(free, needed, "no checkpoint: the disk is nearly full");
                return;
            }
            _ => {}
        }
        if let Err(error) = self.projections.checkpoint(&self.base) {
            self.note_damage(&error);
            let cause: &dyn std::error::Error = &error;
            tracing::error!(error = %cause, cause = ?cause.source(), "the checkpoint failed; it is tried again");
        }
    }

    /// An answer that the index could not give.
    pub(super) fn index_failed(&self, failure: IndexError) -> MemoryError {
        self.note_damage(&failure);
        error::index(failure)
    }

    fn note_damage(&self, error: &IndexError) {
        if matches!(error, IndexError::Storage { .. } | IndexError::Row { .. }) {
            tracing::error!(%error, "the index is damaged; the next start rebuilds it from the log");
            self.base.condemn();
        }
    }
}
