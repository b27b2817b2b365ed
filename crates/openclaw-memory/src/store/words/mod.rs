//! Keeps the lexical index up with the log and with the Markdown files, and looks after its files.
//!
//! Records are given to the index when a search asks for it, and otherwise by a thread soon after they were written; what the
//! index lost with a crash is given again. While it is being built anew, searches go through what it lacks themselves.

mod files;

use std::{
    io,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use openclaw_core::{Lsn, MemoryId, port::MemoryError};

use super::{
    Core,
    signal::{Signal, Wake},
    spoken::Spoken,
};
use crate::{
    fs::Fs,
    lexical::{DocKey, Doomed, HashKey, Lexical, LexicalError, NewDoc, Options, Space},
    record::ConvKey,
    wal::{ChangeError, Pointer},
};
pub(crate) use files::IndexedFile;
use files::read_notes;

/// Records that a search gives to the index before it asks; with more it goes through them itself.
const AT_ONCE: u64 = 4096;
/// Records given in one go.
const BATCH: u64 = 512;
/// How long what was written may wait for the thread: long enough for a burst to be taken in as one.
const REST: Duration = Duration::from_millis(200);
/// How often the Markdown files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// With more Markdown files than this a search leaves the look to the thread.
const LOOKED_AT: usize = 64;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// What sort of document: something to filter by.
pub(crate) const MESSAGE: u8 = 0;
pub(crate) const ENTRY: u8 = 1;
pub(crate) const LINE: u8 = 2;

/// The index and what it stands for.
pub(crate) struct Words {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    options: Options,
    /// `None`: it can't be opened for now.
    index: Mutex<Option<Arc<Lexical>>>,
    /// Held while documents are given or taken away.
    giving: Mutex<Vec<IndexedFile>>,
    signal: Arc<Signal>,
    stopped: AtomicBool,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// A text on its way into the index.
struct Owned {
    key: DocKey,
    text: String,
    time_ms: i64,
    kind: u8,
    importance: u8,
    place: u32,
    conversation: Vec<u8>,
    channel: String,
}

impl Owned {
    fn doc(&self) -> NewDoc<'_> {
        NewDoc {
            key: self.key,
            text: &self.text,
            time_ms: self.time_ms,
            kind: self.kind,
            importance: self.importance,
            place: self.place,
            conversation: &self.conversation,
            channel: self.channel.as_bytes(),
        }
    }
}

impl From<Spoken> for Owned {
    fn from(spoken: Spoken) -> Self {
        Self {
            key: DocKey { space: Space::Log, major: spoken.at.lsn.0, minor: spoken.part },
            text: spoken.text,
            time_ms: spoken.at_ms,
            kind: if spoken.is_entry { ENTRY } else { MESSAGE },
            importance: percent(spoken.importance),
            place: spoken.at.offset,
            conversation: spoken.conversation.as_ref().map_or(Vec::new(), ConvKey::to_bytes),
            channel: spoken.channel,
        }
    }
}

/// What could not be done.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Index(#[from] LexicalError),
}

impl Words {
    /// Opens the index, or begins a new one where there is none that can be used, or one of another key. With a key, words can't
    /// be told from the index without it.
    pub(super) fn open(fs: Arc<dyn Fs>, dir: PathBuf, key: Option<[u8; 16]>, signal: Arc<Signal>) -> Self {
        let words = Self {
            fs,
            dir,
            options: Options { key: key.map(HashKey), ..Options::default() },
            index: Mutex::default(),
            giving: Mutex::default(),
            signal,
            stopped: AtomicBool::new(false),
        };
        words.reopen();
        words
    }

    /// Opens the index; a damaged one is dropped.
    fn reopen(&self) {
        let mut files = self.giving();
        let opened = match Lexical::open(Arc::clone(&self.fs), &self.dir, self.options) {
            Err(error) if error.is_damage() => {
                if !matches!(error, LexicalError::Absent(_)) {
                    tracing::warn!(%error, "the search index can't be used; it is built anew in the background");
                }
                Lexical::create(Arc::clone(&self.fs), &self.dir, self.options)
            }
            opened => opened,
        };
        let opened = match opened {
            Ok(index) => Some(Arc::new(index)),
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(error = %cause, cause = ?cause.source(), "there is no search index for now; searches go through the log");
                None
            }
        };
        *files = opened.as_ref().and_then(|index| read_notes(&index.notes())).unwrap_or_default();
        *self.slot() = opened;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Lexical>>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn giving(&self) -> MutexGuard<'_, Vec<IndexedFile>> {
        self.giving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index, if it can be used.
    pub(crate) fn index(&self) -> Option<Arc<Lexical>> {
        self.slot().clone().filter(|index| !index.is_poisoned())
    }

    /// The file of a passage.
    pub(crate) fn file(&self, major: u64) -> Option<IndexedFile> {
        self.giving().iter().find(|file| file.major == major).cloned()
    }

    /// Whether a person changed a line of the Markdown that cites this entry, so that the line counts instead of it.
    pub(crate) fn overrules(&self, id: MemoryId) -> bool {
        self.giving().iter().any(|file| file.overruled.contains(&id))
    }

    /// Holds what is on the disk against its checksums. What is damaged is dropped, and made anew in the background.
    pub(crate) fn check(&self) -> Result<(), LexicalError> {
        let Some(index) = self.index() else { return Ok(()) };
        index.check().inspect_err(|error| {
            if error.is_damage() {
                self.failed(error);
            }
        })
    }

    /// Notes that the index failed; it is opened again by the thread.
    pub(crate) fn failed(&self, error: &LexicalError) {
        if matches!(error, LexicalError::Stopped) {
            return;
        }
        tracing::warn!(%error, "the search index failed; searches go through the log until it is opened again");
        if error.is_damage() {
            // Whatever is in it: it is derived.
            let _ = self.fs.remove(&self.dir.join("manifest"));
        }
        *self.slot() = None;
        self.signal.due();
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.signal.stop();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Starts the thread. It ends when [`Words::stop`] was called.
    pub(super) fn start(core: &Arc<Core>) -> io::Result<JoinHandle<()>> {
        let core = Arc::clone(core);
        std::thread::Builder::new().name("memory-words".to_owned()).spawn(move || {
            let words = &core.words;
            while !words.is_stopped() {
                let wake = match catch_unwind(AssertUnwindSafe(|| words.step(&core))) {
                    Ok(true) => words.signal.wait(LOOK),
                    Ok(false) => words.signal.pause(PAUSE),
                    Err(_) => {
                        tracing::error!("the search index panicked; it is opened again");
                        *words.slot() = None;
                        words.signal.pause(PAUSE)
                    }
                };
                // What is written in a burst is taken in together.
                if wake == Wake::Stop || words.signal.pause(REST) == Wake::Stop {
                    break;
                }
            }
            if let Some(index) = words.index()
                && let Err(error) = index.flush()
            {
                tracing::warn!(%error, "the search index was not written out; the next start gives it again what it lacks");
            }
        })
    }

    /// Brings the index up to date. False: it failed.
    fn step(&self, core: &Core) -> bool {
        if self.slot().is_none() || self.index().is_none() {
            self.reopen();
        }
        let Some(index) = self.index() else { return false };
        let done = (|| -> Result<(), Failed> {
            while self.give(core, &index, BATCH)? && !self.is_stopped() {
                if index.flush_is_due() {
                    index.flush()?;
                }
            }
            self.give_files(core, &index)?;
            while !self.is_stopped() && index.maintain(&self.stopped)? {}
            Ok(())
        })();
        match done {
            Ok(()) | Err(Failed::Index(LexicalError::Stopped)) => true,
            Err(Failed::Index(error)) => {
                self.failed(&error);
                false
            }
            Err(Failed::Memory(error)) => {
                tracing::warn!(%error, "the search index can't be brought up to date; it is tried again");
                false
            }
        }
    }

    /// Gives the index what it lacks, if that is little; returns the records that it lacks still.
    pub(crate) fn catch_up(&self, core: &Core, index: &Lexical) -> Result<Range<Lsn>, MemoryError> {
        let held = core.reader().held();
        let lacks = |index: &Lexical| Lsn(index.covered().max(held.start.0))..held.end;
        if lacks(index).end.0.saturating_sub(lacks(index).start.0) <= AT_ONCE {
            while self.give(core, index, AT_ONCE).map_err(|failed| self.complain(failed))? {}
        }
        // Each look is a call of the system for each file. A bound, so that a prompt costs the same after years.
        if self.giving().len() <= LOOKED_AT {
            self.give_files(core, index).map_err(|failed| self.complain(failed))?;
        }
        Ok(lacks(index))
    }

    fn complain(&self, failed: Failed) -> MemoryError {
        match failed {
            Failed::Memory(error) => error,
            Failed::Index(error) => {
                self.failed(&error);
                index_error(error)
            }
        }
    }

    /// Gives the next records. False: there are none.
    fn give(&self, core: &Core, index: &Lexical, most: u64) -> Result<bool, Failed> {
        let _giving = self.giving();
        let held = core.reader().held();
        let start = index.covered().max(held.start.0);
        let end = held.end.0.min(start.saturating_add(most));
        if start >= end {
            return Ok(false);
        }
        let docs: Vec<Owned> = core.spoken(&(start..end))?.into_iter().map(Owned::from).collect();
        let borrowed: Vec<NewDoc<'_>> = docs.iter().map(Owned::doc).collect();
        index.add(&borrowed, end)?;
        Ok(true)
    }

    /// Takes out the documents of records that were overwritten. When this returns no search finds them.
    pub(super) fn forget(&self, records: &[Pointer]) -> Result<(), ChangeError> {
        let _giving = self.giving();
        let Some(index) = self.index() else {
            // Whatever it has goes with it.
            return match self.fs.remove(&self.dir.join("manifest")) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ChangeError::Io {
                    action: "drop the search index in",
                    path: self.dir.clone(),
                    source,
                }),
                _ => Ok(()),
            };
        };
        let doomed: Vec<Doomed<'_>> = records
            .iter()
            .map(|at| Doomed::Keys { space: Space::Log, from: (at.lsn.0, 0), to: (at.lsn.0, u32::MAX) })
            .collect();
        index.delete(&doomed).map(drop).map_err(|error| {
            self.failed(&error);
            let source = io::Error::other(error);
            ChangeError::Io { action: "take documents out of", path: self.dir.clone(), source }
        })?;
        self.signal.due();
        Ok(())
    }
}

/// The index's failure as the port has it.
pub(crate) fn index_error(error: LexicalError) -> MemoryError {
    match error {
        LexicalError::Stopped => MemoryError::Closed,
        LexicalError::Io { path, source, .. } => MemoryError::Io { path, source },
        other => MemoryError::Io { path: PathBuf::from("index/lexical"), source: io::Error::other(other) },
    }
}

fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFs;

    #[test]
    fn another_key_begins_anew_and_none_is_written_down() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("lexical");
        let open = |key| Words::open(Arc::new(RealFs), dir.clone(), key, Arc::default());
        let documents_before = |key: Option<[u8; 16]>| {
            let words = open(key);
            let index = words.index().unwrap();
            let before = index.stats().documents;
            let doc = Owned {
                key: DocKey { space: Space::Log, major: index.covered() + 1, minor: 0 },
                text: "harbour".to_owned(),
                time_ms: 0,
                kind: MESSAGE,
                importance: 50,
                place: 0,
                conversation: Vec::new(),
                channel: String::new(),
            };
            index.add(&[doc.doc()], doc.key.major + 1).unwrap();
            index.flush().unwrap();
            before
        };
        let key = |byte| Some([byte; 16]);
        let found = [None, None, key(1), key(1), key(2)].map(documents_before);
        assert_eq!(found, [0, 1, 0, 1, 0]);
        let manifest = std::fs::read(dir.join("manifest")).unwrap();
        assert!(!manifest.windows(16).any(|bytes| bytes == [2; 16]));
        assert_eq!(documents_before(None), 0);
    }
}
