//! Keeps the lexical index up with the log and with the Markdown files, and looks after its files.
//!
//! Records are given to the index when a search asks for it, and otherwise by a thread soon after they were written; what the
//! index lost with a crash is given again. While it is being built anew, searches go through what it lacks themselves.

use std::{
    collections::HashMap,
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

use openclaw_core::{Lsn, RunId, port::MemoryError};

use super::{
    Core,
    error::read as read_failed,
    signal::{Signal, Wake},
    stats::compacted_files,
};
use crate::{
    compaction::passages,
    fs::Fs,
    lexical::{DocKey, Doomed, HashKey, Lexical, LexicalError, NewDoc, Options, Space},
    record::{ConvKey, Home, Reader as Fields, Record, documents, put_bytes, put_signed, put_varint},
    wal::{ChangeError, Pointer},
};

/// Records that a search gives to the index before it asks; with more it goes through them itself.
const AT_ONCE: u64 = 4096;
/// Records given in one go.
const BATCH: u64 = 512;
/// How long what was written may wait for the thread: long enough for a burst to be taken in as one.
const REST: Duration = Duration::from_millis(200);
/// How often the Markdown files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// Largest Markdown file that is searched.
const FILE_BYTES: u64 = 8 << 20;
/// Channels of conversations that are remembered while records are given.
const CHANNELS: usize = 1024;

/// What sort of document: something to filter by.
pub(crate) const MESSAGE: u8 = 0;
pub(crate) const ENTRY: u8 = 1;
pub(crate) const LINE: u8 = 2;

/// A Markdown file in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedFile {
    /// Below the memory's directory.
    pub(crate) path: String,
    modified_ms: i64,
    bytes: u64,
    /// The major number of its passages.
    pub(crate) major: u64,
}

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
        self.give_files(core, index).map_err(|failed| self.complain(failed))?;
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
        let docs = core.docs(&(start..end))?;
        let borrowed: Vec<NewDoc<'_>> = docs.iter().map(Owned::doc).collect();
        index.add(&borrowed, end)?;
        Ok(true)
    }

    /// Gives the Markdown files that changed.
    fn give_files(&self, core: &Core, index: &Lexical) -> Result<(), Failed> {
        let mut there = Vec::new();
        for file in compacted_files(core.dir())? {
            let Ok(below) = file.path.strip_prefix(core.dir()) else { continue };
            if file.path.extension().is_some_and(|extension| extension == "md") && file.bytes <= FILE_BYTES {
                let path = below.to_string_lossy().into_owned();
                there.push((path, file.modified.unix_millis(), file.bytes));
            }
        }
        let mut files = self.giving();
        let same = |file: &IndexedFile, (path, modified_ms, bytes): &(String, i64, u64)| {
            file.path == *path && file.modified_ms == *modified_ms && file.bytes == *bytes
        };
        let (kept, gone): (Vec<IndexedFile>, Vec<IndexedFile>) =
            files.iter().cloned().partition(|file| there.iter().any(|there| same(file, there)));
        let fresh: Vec<_> =
            there.into_iter().filter(|there| !kept.iter().any(|file| same(file, there))).collect();
        if gone.is_empty() && fresh.is_empty() {
            return Ok(());
        }
        let doomed: Vec<Doomed<'_>> = gone.iter().map(|file| lines_of(file.major)).collect();
        index.delete(&doomed)?;
        let next = index.last_key(Space::Markdown).map_or(1, |key| key.major + 1);
        let next = next.max(kept.iter().map(|file| file.major + 1).max().unwrap_or(1));
        let mut now_there = kept;
        for ((path, modified_ms, bytes), next) in fresh.into_iter().zip(next..) {
            // Gone, or no text: then it has nothing to find.
            let text = std::fs::read(core.dir().join(&path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let docs: Vec<Owned> = passages(&text)
                .filter(|passage| !passage.struck)
                .map(|passage| Owned {
                    key: DocKey { space: Space::Markdown, major: next, minor: passage.line as u32 },
                    time_ms: passage.date.map_or(modified_ms, |date| date.unix_millis()),
                    kind: LINE,
                    importance: percent(passage.importance.unwrap_or(0.6)),
                    place: 0,
                    conversation: Vec::new(),
                    channel: String::new(),
                    text: passage.text,
                })
                .collect();
            let borrowed: Vec<NewDoc<'_>> = docs.iter().map(Owned::doc).collect();
            index.add(&borrowed, 0)?;
            now_there.push(IndexedFile { path, modified_ms, bytes, major: next });
        }
        index.set_notes(write_notes(&now_there));
        *files = now_there;
        index.flush()?;
        Ok(())
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

fn lines_of(major: u64) -> Doomed<'static> {
    Doomed::Keys { space: Space::Markdown, from: (major, 0), to: (major, u32::MAX) }
}

fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0) as u8
}

/// Version, then each file.
const NOTES: u8 = 1;

fn write_notes(files: &[IndexedFile]) -> Vec<u8> {
    let mut out = vec![NOTES];
    for file in files {
        put_bytes(&mut out, file.path.as_bytes());
        put_signed(&mut out, file.modified_ms);
        put_varint(&mut out, file.bytes);
        put_varint(&mut out, file.major);
    }
    out
}

fn read_notes(notes: &[u8]) -> Option<Vec<IndexedFile>> {
    let mut reader = Fields::new(notes);
    if reader.byte().ok()? != NOTES {
        return None;
    }
    let mut files = Vec::new();
    while !reader.is_empty() {
        files.push(IndexedFile {
            path: reader.text().ok()?.to_owned(),
            modified_ms: reader.signed().ok()?,
            bytes: reader.varint().ok()?,
            major: reader.varint().ok()?,
        });
    }
    Some(files)
}

impl Core {
    /// The documents of some records.
    fn docs(&self, records: &Range<u64>) -> Result<Vec<Owned>, MemoryError> {
        let mut docs = Vec::new();
        let mut channels: HashMap<ConvKey, String> = HashMap::new();
        // A run's end is mostly near its beginning.
        let mut runs: HashMap<RunId, ConvKey> = HashMap::new();
        let mut scan = self.reader().scan(Lsn(records.start)..Lsn(records.end));
        while let Some(found) = scan.next_record().map_err(read_failed)? {
            let Some(payload) = found.payload else { continue };
            let Ok(record) = Record::decode(payload) else { continue };
            if let Record::Accepted(accepted) = &record {
                runs.insert(accepted.run, accepted.conversation.clone());
            }
            let importance = match &record {
                Record::Remembered(entry) => entry.importance,
                _ => 0.5,
            };
            let mut texts = Vec::new();
            documents(&record, &mut |document| texts.push(document));
            for document in texts {
                if document.text.trim().is_empty() {
                    continue;
                }
                let home = match document.home {
                    Home::Conversation(key) => Some(key.clone()),
                    Home::Run(run) => match runs.get(&run) {
                        Some(conversation) => Some(conversation.clone()),
                        None => match self.locate(run)? {
                            Some((_, conversation)) => Some(conversation),
                            // Erased by now.
                            None => continue,
                        },
                    },
                    Home::Nowhere => None,
                };
                let channel = match &home {
                    None => String::new(),
                    Some(key) => match channels.get(key) {
                        Some(channel) => channel.clone(),
                        None => {
                            let view = self.conversation_view(key)?;
                            let channel = view.map_or(String::new(), |view| view.channel.as_str().to_owned());
                            if channels.len() >= CHANNELS {
                                channels.clear();
                            }
                            channels.insert(key.clone(), channel.clone());
                            channel
                        }
                    },
                };
                docs.push(Owned {
                    key: DocKey { space: Space::Log, major: found.pointer.lsn.0, minor: document.part },
                    time_ms: document.at_ms,
                    kind: if document.role.is_none() { ENTRY } else { MESSAGE },
                    importance: percent(importance),
                    place: found.pointer.offset,
                    conversation: home.as_ref().map_or(Vec::new(), ConvKey::to_bytes),
                    channel,
                    text: document.text.into_owned(),
                });
            }
        }
        Ok(docs)
    }
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

    #[test]
    fn notes_come_back() {
        let file =
            |path: &str, major| IndexedFile { path: path.to_owned(), modified_ms: -5, bytes: 9, major };
        let files = vec![file("compacted/facts.md", 3), file("compacted/事実.md", 9)];
        assert_eq!(read_notes(&write_notes(&files)), Some(files));
        assert_eq!(read_notes(&[]), None);
        assert_eq!(read_notes(&[NOTES]), Some(Vec::new()));
    }
}
