//! Keeps the lexical index up to date with the log and the Markdown files.
//!
//! What is new is added before a question is answered, or by a thread when it becomes much. Whoever adds holds one lock from
//! the reading of the log to the end of the adding, and so does whoever deletes, so that nothing erased comes back.

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use openclaw_core::{
    Lsn, Role, RunId, Timestamp,
    port::{MemoryError, MemoryType, SearchQuery},
};

use super::files::{Files, KnownFiles};
use crate::{
    fs::Fs,
    lexical::{DocKey, Doomed, Filter, Found, Lexical, LexicalError, NewDoc, Options, Query, Space},
    record::{ConvKey, Home, Record, documents},
    store::{Core, Signal, Wake, compacted_files, read_error},
    wal::Pointer,
};

/// Records that are added in one go.
const BATCH: u64 = 256;
/// Records that a question waits for; when more are missing, the log is gone through instead.
const AWAITED: u64 = 2048;
/// Missing records from which on the thread adds them, though nobody asks.
const UNASKED: u64 = 128;
/// How far matches are counted.
const COUNTED: u64 = 1000;
/// Conversations and runs that are remembered between records.
const REMEMBERED: usize = 4096;
/// How often the thread looks whether there is something to do.
const QUIET: Duration = Duration::from_secs(1);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// What the reading of the log remembers from one record to the next.
#[derive(Debug, Default)]
struct Feed {
    runs: HashMap<RunId, ConvKey>,
    /// Channel of a conversation, and its last record that was added.
    conversations: HashMap<ConvKey, (String, Option<u64>)>,
    files: Option<KnownFiles>,
}

/// The lexical index and its upkeep.
#[derive(Debug)]
pub(crate) struct Indexer {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// `None`: it can't be used for now.
    index: Mutex<Option<Arc<Lexical>>>,
    feed: Mutex<Feed>,
    signal: Signal,
    stopped: AtomicBool,
}

/// An index that has everything.
#[derive(Debug)]
pub(super) struct Ready {
    index: Arc<Lexical>,
    pub(super) files: Files,
}

/// Why adding failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Index(#[from] LexicalError),
}

/// A document on its way into the index.
struct Piece {
    at: Pointer,
    part: u32,
    text: String,
    role: u8,
    at_ms: i64,
    conversation: Vec<u8>,
    channel: String,
    previous: Option<u64>,
}

impl Indexer {
    /// Opens the index in a directory. One that is absent, damaged or of another version begins anew.
    pub(crate) fn open(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        let indexer = Self {
            fs,
            dir,
            index: Mutex::default(),
            feed: Mutex::default(),
            signal: Signal::default(),
            stopped: AtomicBool::new(false),
        };
        let opened = Lexical::open(Arc::clone(&indexer.fs), &indexer.dir, Options::default());
        *indexer.slot() = match opened {
            Ok(index) => Some(Arc::new(index)),
            Err(error) => {
                if !matches!(error, LexicalError::Absent(_)) {
                    let cause: &dyn std::error::Error = &error;
                    tracing::warn!(error = %cause, cause = ?cause.source(), "the search index can't be opened");
                }
                if error.is_damage() { indexer.create() } else { None }
            }
        };
        indexer
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Lexical>>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self) -> Option<Arc<Lexical>> {
        match Lexical::create(Arc::clone(&self.fs), &self.dir, Options::default()) {
            Ok(index) => Some(Arc::new(index)),
            Err(error) => {
                tracing::warn!(%error, "no search index can be made; searches go through the log");
                None
            }
        }
    }

    /// Drops the index and begins a new one. Whoever holds the feed calls this.
    fn begin_anew(&self, feed: &mut Feed) {
        *feed = Feed::default();
        let mut slot = self.slot();
        if let Some(old) = slot.take() {
            old.retire();
        }
        *slot = self.create();
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.signal.stop();
    }

    /// What an error of the index means for who asked.
    fn failed(&self, feed: &mut Feed, error: &LexicalError) -> Result<(), MemoryError> {
        if matches!(error, LexicalError::Stopped) {
            return Err(MemoryError::Closed);
        }
        let cause: &dyn std::error::Error = error;
        tracing::warn!(error = %cause, cause = ?cause.source(), "the search index failed; searches go through the log meanwhile");
        if error.is_damage() || matches!(error, LexicalError::Poisoned(_)) {
            self.begin_anew(feed);
        }
        Ok(())
    }

    /// The index, with everything that was acknowledged before. `None`: it can't be used, or more is missing than can be
    /// waited for.
    pub(super) fn ready(
        &self,
        core: &Core,
        with_files: bool,
        stop: &AtomicBool,
    ) -> Result<Option<Ready>, MemoryError> {
        let mut feed = self.feed();
        let Some(index) = self.slot().clone() else { return Ok(None) };
        if core.last_lsn().saturating_sub(index.covered()) > AWAITED {
            self.signal.due();
            return Ok(None);
        }
        let caught_up = loop {
            if stop.load(Ordering::Relaxed) {
                return Err(MemoryError::Closed);
            }
            match self.add_some(core, &index, &mut feed) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let updated = caught_up.and_then(|()| {
            let files = feed.files.get_or_insert_with(|| KnownFiles::of(&index));
            if with_files {
                let mut found = compacted_files(core.dir())?;
                found.sort_by(|a, b| a.path.cmp(&b.path));
                files.update(&index, found)?;
            }
            Ok(files.current())
        });
        match updated {
            Ok(files) => Ok(Some(Ready { index, files })),
            Err(Failed::Memory(error)) => Err(error),
            Err(Failed::Index(error)) => self.failed(&mut feed, &error).map(|()| None),
        }
    }

    /// Asks the index. `None`: it failed, and the log has to be gone through.
    pub(super) fn ask(
        &self,
        ready: &Ready,
        query: &SearchQuery,
        limit: usize,
        stop: &AtomicBool,
    ) -> Result<Option<Found>, MemoryError> {
        let conversation = query.conversation.as_ref().map(|id| ConvKey::of(id).to_bytes());
        let filter = Filter {
            space: match query.kind {
                MemoryType::All => None,
                MemoryType::Wal => Some(Space::Log),
                MemoryType::Compacted => Some(Space::Markdown),
            },
            since_ms: query.since.map(Timestamp::unix_millis),
            until_ms: query.until.map(Timestamp::unix_millis),
            conversation: conversation.as_deref(),
            channel: query.channel.as_deref().map(str::as_bytes),
            kinds: &[],
        };
        let asked = Query { text: &query.query, filter, limit, count_to: COUNTED };
        match ready.index.search(&asked, stop) {
            Ok(found) => Ok(Some(found)),
            Err(error) => self.failed(&mut self.feed(), &error).map(|()| None),
        }
    }

    /// Deletes the documents of records that are erased. What can't be deleted is dropped with the whole index.
    pub(crate) fn forget(&self, records: &[Pointer]) {
        let mut feed = self.feed();
        let Some(index) = self.slot().clone() else {
            // Whatever state its files are in, they are of the time before.
            return self.begin_anew(&mut feed);
        };
        let mut lsns: Vec<u64> =
            records.iter().map(|at| at.lsn.0).filter(|lsn| *lsn <= index.covered()).collect();
        lsns.sort_unstable();
        let ranges = lsns.chunk_by(|a, b| b - a <= 1).filter_map(|range| {
            let (first, last) = (range.first()?, range.last()?);
            Some(Doomed::Keys { space: Space::Log, from: (*first, 0), to: (*last, u32::MAX) })
        });
        let doomed: Vec<Doomed<'_>> = ranges.collect();
        if doomed.is_empty() {
            return;
        }
        match index.delete(&doomed) {
            Ok(gone) => {
                tracing::debug!(documents = gone, "deleted from the search index");
                self.signal.due();
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(error = %cause, cause = ?cause.source(), "the search index can't delete and is built anew");
                self.begin_anew(&mut feed);
            }
        }
    }

    /// Adds the next records. False: there are none.
    fn add_some(&self, core: &Core, index: &Lexical, feed: &mut Feed) -> Result<bool, Failed> {
        let (covered, last) = (index.covered(), core.last_lsn());
        if covered > last {
            tracing::warn!("the search index does not belong to this log");
            return Err(LexicalError::Absent(self.dir.clone()).into());
        }
        let from = (covered + 1).max(core.reader().held().start.0);
        let end = (from + BATCH).min(last + 1);
        if from >= end {
            return Ok(false);
        }
        let pieces = core.pieces_of(from, end, feed)?;
        let docs: Vec<NewDoc<'_>> = pieces.iter().map(Piece::as_doc).collect();
        index.add(&docs, end - 1)?;
        Ok(true)
    }

    /// Starts the thread. It ends when [`Indexer::stop`] was called.
    pub(crate) fn start(core: &Arc<Core>) -> io::Result<JoinHandle<()>> {
        let core = Arc::clone(core);
        std::thread::Builder::new().name("memory-index".to_owned()).spawn(move || {
            let indexer = &core.indexer;
            while !indexer.stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                let wake = match catch_unwind(AssertUnwindSafe(|| indexer.step(&core))) {
                    // As long as it worked it rests: those who write come first.
                    Ok(Ok(true)) => indexer.signal.pause(begun.elapsed().min(QUIET)),
                    Ok(Ok(false)) => indexer.signal.wait(QUIET),
                    Ok(Err(Failed::Index(LexicalError::Stopped))) => Wake::Stop,
                    Ok(Err(Failed::Memory(error))) => {
                        tracing::warn!(%error, "the search index could not be brought up to date; it is tried again");
                        indexer.signal.pause(PAUSE)
                    }
                    Ok(Err(Failed::Index(error))) => {
                        let _ = indexer.failed(&mut indexer.feed(), &error);
                        indexer.signal.pause(PAUSE)
                    }
                    Err(_) => {
                        tracing::error!("bringing the search index up to date panicked; it is built anew");
                        indexer.begin_anew(&mut indexer.feed());
                        indexer.signal.pause(PAUSE)
                    }
                };
                if wake == Wake::Stop {
                    break;
                }
            }
        })
    }

    /// One piece of work. False: there is nothing to do.
    fn step(&self, core: &Core) -> Result<bool, Failed> {
        let Some(index) = self.slot().clone() else {
            self.begin_anew(&mut self.feed());
            return Ok(false);
        };
        if index.maintain(&self.stopped)? {
            return Ok(true);
        }
        let missing = core.last_lsn().saturating_sub(index.covered());
        if missing < UNASKED {
            return Ok(false);
        }
        let mut feed = self.feed();
        self.add_some(core, &index, &mut feed)
    }
}

impl Piece {
    fn as_doc(&self) -> NewDoc<'_> {
        NewDoc {
            key: DocKey { space: Space::Log, major: self.at.lsn.0, minor: self.part },
            text: &self.text,
            time_ms: self.at_ms,
            kind: self.role,
            importance: 0,
            place: self.at.offset,
            conversation: &self.conversation,
            channel: self.channel.as_bytes(),
            previous: self.previous,
        }
    }
}

impl Core {
    /// The documents of some records.
    fn pieces_of(&self, from: u64, end: u64, feed: &mut Feed) -> Result<Vec<Piece>, MemoryError> {
        let mut pieces = Vec::new();
        let mut scan = self.reader().scan(Lsn(from)..Lsn(end));
        while let Some(found) = scan.next_record().map_err(read_error)? {
            let Some(Ok(record)) = found.payload.map(Record::decode) else { continue };
            let at = found.pointer;
            if feed.runs.len() >= REMEMBERED {
                feed.runs.clear();
            }
            if feed.conversations.len() >= REMEMBERED {
                feed.conversations.clear();
            }
            if let Record::Accepted(accepted) = &record {
                feed.runs.insert(accepted.run, accepted.conversation.clone());
            }
            let mut texts = Vec::new();
            documents(&record, &mut |document| texts.push(document));
            for document in texts {
                let home = match document.home {
                    Home::Conversation(key) => Some(key.clone()),
                    Home::Run(run) => match feed.runs.get(&run) {
                        Some(key) => Some(key.clone()),
                        None => match self.locate(run)? {
                            Some((_, key)) => Some(key),
                            // Erased by now.
                            None => continue,
                        },
                    },
                    Home::Nowhere => None,
                };
                let mut piece = Piece {
                    at,
                    part: document.part,
                    text: document.text.into_owned(),
                    role: document.role.map_or(0, number_of),
                    at_ms: document.at_ms,
                    conversation: Vec::new(),
                    channel: String::new(),
                    previous: None,
                };
                if let Some(key) = home {
                    piece.conversation = key.to_bytes();
                    if !feed.conversations.contains_key(&key) {
                        // An entry may belong to a conversation in which nothing was said.
                        let view = self.conversation_view(&key)?;
                        let channel = view.map_or_else(String::new, |view| view.channel.as_str().to_owned());
                        feed.conversations.insert(key.clone(), (channel, None));
                    }
                    if let Some((channel, last)) = feed.conversations.get_mut(&key) {
                        piece.channel.clone_from(channel);
                        piece.previous = last.replace(at.lsn.0).filter(|last| *last != at.lsn.0);
                    }
                }
                pieces.push(piece);
            }
        }
        Ok(pieces)
    }
}

/// A role as a document's kind; 0 is a remembered entry.
fn number_of(role: Role) -> u8 {
    match role {
        Role::User => 1,
        Role::Assistant => 2,
        Role::Tool => 3,
        Role::System => 4,
    }
}
