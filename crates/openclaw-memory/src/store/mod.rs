//! The façade: the port over the log, its projections and the search.

mod cache;
mod curation;
mod describe;
mod error;
mod forget;
mod lines;
mod open;
mod order;
mod port;
mod prune;
mod read;
mod rebuild;
mod replay;
mod runs;
mod sealing;
mod semantic;
mod signal;
mod spoken;
mod stats;
mod turns;
mod upkeep;
mod words;
mod write;

use std::{
    any::Any,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    thread::JoinHandle,
};

pub use curation::Past;
pub use error::OpenError;
pub(crate) use error::read as read_error;
pub use open::OpenReport;
use openclaw_core::{
    MemoryId,
    config::RetentionConfig,
    port::{DistillPort, EmbedPort, MemoryError},
};
pub(crate) use read::messages_of;
pub(crate) use replay::Replay;
pub(crate) use semantic::{LOG_SPACE, Semantic, channel_hash, conversation_hash};
pub use stats::LogBytes;
pub(crate) use words::{Words, index_error};

use crate::{
    index::{Base, Change, Projections},
    lock::Lock,
    vault::{Unlock, Vault},
    wal::{Reader, Wal},
};
use cache::Cache;
use curation::Model;
pub(crate) use lines::Unfinished;
use order::{Held, Order};
use rebuild::Soundness;
use sealing::Sealing;
use signal::Signal;
use turns::{Turn, Turns};

/// The store of everything that was said: a write-ahead log, an index derived from it, and search. One process at a time
/// owns its directory. Every write is durable when it is acknowledged.
///
/// Dropping it without [`Memory::close`] loses nothing that was acknowledged; it only makes the next start replay more.
#[derive(Debug)]
pub struct Memory {
    core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the memory may work with beside its files.
#[derive(Clone, Default)]
pub struct Parts {
    /// Makes passages findable by meaning.
    pub embedder: Option<Arc<dyn EmbedPort>>,
    /// Encrypts what is written, and opens what was encrypted. Without it, an encrypted memory is not opened.
    pub unlock: Option<Unlock>,
    /// Proposes what of the log becomes Markdown; without, and where it fails, that is extracted.
    pub distiller: Option<Arc<dyn DistillPort>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("embedder", &self.embedder.is_some())
            .field("unlock", &self.unlock)
            .field("distiller", &self.distiller.is_some())
            .finish()
    }
}

/// What a record carries to the observer.
#[derive(Debug)]
pub(crate) struct Item {
    change: Change,
    /// Let go after the projections know the record.
    _held: Option<Held>,
}

#[derive(Debug)]
pub(crate) struct Core {
    dir: PathBuf,
    wal: Wal<Item>,
    reader: Reader,
    projections: Arc<Projections>,
    base: Base,
    cache: Cache,
    sealing: Sealing,
    order: Arc<Order>,
    maintenance: Mutex<Unfinished>,
    signal: Arc<Signal>,
    /// Bounds the searches that scan at one time.
    searches: Arc<tokio::sync::Semaphore>,
    /// Whether something was erased since the oldest segments were last looked through.
    erased: AtomicBool,
    /// Why the index can't be used until the upkeep has opened it anew.
    index_fault: Mutex<Option<String>>,
    soundness: Soundness,
    /// Search by words.
    pub(crate) words: Words,
    /// Search by meaning, when there is who embeds.
    pub(crate) semantic: Option<Semantic>,
    retention: RetentionConfig,
    /// The entry remembered last, so that the next one's id comes after it.
    newest_memory: Mutex<Option<MemoryId>>,
    /// Segments done and in all, of the compaction under way.
    compacting: Mutex<Option<(u64, u64)>>,
    /// Who changes the Markdown.
    turns: Turns,
    /// Who proposes its lines.
    model: Model,
    _lock: Arc<Lock>,
}

impl Core {
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What opens sealed records, and has the key of what is derived from them. `None`: nothing is encrypted.
    pub(crate) fn vault(&self) -> Option<&Vault> {
        self.sealing.vault()
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn wal(&self) -> &Wal<Item> {
        &self.wal
    }

    /// Messages, pending runs and the last record, while nothing can be removed as long as the guard is held. `None`: a
    /// removal is not finished.
    pub(crate) fn settled_figures(&self) -> Option<(impl Drop + '_, u64, usize, Option<openclaw_core::Lsn>)> {
        let guard = self.maintain();
        if !guard.is_empty() {
            return None;
        }
        let (messages, pending, last) = self.projections.figures();
        Some((guard, messages, pending, last))
    }

    /// Waits for a running checkpoint or removal and keeps others out.
    fn maintain(&self) -> MutexGuard<'_, Unfinished> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for a removal, which changes the Markdown, too.
    fn remove(&self) -> (Turn<'_>, MutexGuard<'_, Unfinished>) {
        // In this order: a compaction that has the turn waits for the maintenance.
        let turn = self.turns.removal();
        (turn, self.maintain())
    }
}

impl Memory {
    /// Commits what is queued, takes a checkpoint and stops the threads. Later writes fail with [`MemoryError::Closed`];
    /// reads go on. Calling it again is fine.
    pub async fn close(&self) {
        // A compaction is stopped; the next one goes on from there.
        self.core.turns.close();
        self.core.wal.close().await;
        let threads = self.stop_threads();
        let core = Arc::clone(&self.core);
        let last = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A panicked thread left the projections as they were.
                let _ = thread.join();
            }
            core.turns.ended();
            core.checkpoint();
        });
        if last.await.is_err() {
            tracing::warn!("the last checkpoint did not finish; the next start replays more");
        }
    }

    fn keep(&self, thread: JoinHandle<()>) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Tells the threads to end and hands them out to be waited for.
    fn stop_threads(&self) -> Vec<JoinHandle<()>> {
        self.core.signal.stop();
        self.core.words.stop();
        self.core.turns.close();
        if let Some(semantic) = &self.core.semantic {
            semantic.stop();
        }
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks the whole memory while it is in use, as [`verify`](crate::verify) does for one that is not. Blocks, and
    /// delays removals by the time that one segment takes; nothing else waits for it.
    ///
    /// # Errors
    /// [`OpenError::Io`] or [`OpenError::Log`] when the directory can't be read. What is wrong is in the report.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(crate::CheckProgress),
    ) -> Result<crate::VerifyReport, OpenError> {
        crate::integrity::verify_open(&self.core, progress)
    }

    /// What the log takes on the disk.
    #[must_use]
    pub fn log_bytes(&self) -> LogBytes {
        self.core.log_bytes()
    }

    /// Archives every sealed segment of the log and extends the hash chain, as compaction and the upkeep do. Blocks. For tests.
    ///
    /// # Errors
    /// See [`MemoryError`].
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn archive_now(&self) -> Result<usize, MemoryError> {
        let sealed = self.core.reader.segments().into_iter().filter(|segment| segment.sealed);
        let archived = sealed.map(|segment| self.core.archive_segment(segment.lsns.start));
        let count = archived.collect::<Result<Vec<_>, _>>()?.len();
        self.core.extend_chain();
        Ok(count)
    }

    /// Takes a checkpoint now, as the upkeep does when one is due. Blocks. For tests.
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn checkpoint_now(&self) -> bool {
        self.core.checkpoint()
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Runs what reads files or waits for the disk off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let core = Arc::clone(&self.core);
        // One kind of task, whatever it answers: each is two kilobytes of the program.
        let work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> = Box::new(move || Box::new(work(&core)));
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer.downcast().map_or(Err(MemoryError::Closed), |answer| *answer),
            Err(failed) if failed.is_panic() => Err(self.core.index_panicked()),
            // The runtime is shutting down.
            Err(_) => Err(MemoryError::Closed),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for thread in self.stop_threads() {
            let _ = thread.join();
        }
    }
}
