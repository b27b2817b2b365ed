//! Vectors for what was said, made in the background: newest first, a few records at a time, so that what arrives is findable by
//! meaning within a second even while years are being caught up on.

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

use openclaw_core::port::{EmbedError, EmbedPort, EmbedSide, Embedding, MemoryError, SemanticStats};

use super::{
    Core,
    signal::{Signal, Wake},
};
use crate::{
    fs::Fs,
    index::{IndexError, check_engine_file},
    record::ConvKey,
    search::{Language, fusion::Shipped},
    vault::Key,
    vectors::{NewVector, VectorKey, Vectors, VectorsError},
    wal::{ChangeError, Pointer, Reader},
};

/// Records whose passages are made into vectors in one go, and become durable together.
const CHUNK_RECORDS: u64 = 32;
/// Texts that the model is given at once.
const BATCH_TEXTS: usize = 16;
/// Most windows of one text that get a vector.
const MOST_WINDOWS: usize = 16;
/// Texts up to so many bytes are one window, whatever the language: a token is at least a byte.
const ONE_WINDOW_BYTES: usize = 480;
/// Pause while there is nothing to do: then it is looked whether the model is there by now.
const QUIET: Duration = Duration::from_secs(5);
/// Time between two looks for a model that is not there.
const LOOK: Duration = Duration::from_secs(1);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(30);
/// The space of the log's passages.
pub(crate) const LOG_SPACE: u8 = 0;

/// Search by meaning: the model, and the vectors it made.
pub(crate) struct Semantic {
    embedder: Arc<dyn EmbedPort>,
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// Seals them.
    key: Option<Key>,
    vectors: Mutex<Option<(u64, Arc<Vectors>)>>,
    /// Counts removals, so that a vector whose text was erased meanwhile is not put in. Held while vectors are put in or taken out.
    removals: Mutex<u64>,
    /// Due when something was committed.
    signal: Arc<Signal>,
    stopped: AtomicBool,
    told: AtomicBool,
}

impl std::fmt::Debug for Semantic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Semantic").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// Why a round of making vectors failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Vectors(#[from] VectorsError),
    #[error(transparent)]
    Model(#[from] EmbedError),
}

/// A text on its way to the model.
struct Piece {
    key: VectorKey,
    at_ms: i64,
    conversation: u32,
    channel: u16,
    place: u32,
    length: u16,
    text: String,
}

impl Semantic {
    pub(super) fn new(
        embedder: Arc<dyn EmbedPort>,
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        key: Option<Key>,
        signal: Arc<Signal>,
    ) -> Self {
        Self {
            key,
            embedder,
            fs,
            dir,
            vectors: Mutex::new(None),
            removals: Mutex::new(0),
            signal,
            stopped: AtomicBool::new(false),
            told: AtomicBool::new(false),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.signal.stop();
    }

    fn opened(&self) -> MutexGuard<'_, Option<(u64, Arc<Vectors>)>> {
        self.vectors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The vectors of the model that is there; `None` while there is none.
    pub(crate) fn vectors(&self) -> Result<Option<Arc<Vectors>>, VectorsError> {
        let Some(model) = self.embedder.model() else { return Ok(None) };
        let mut opened = self.opened();
        if let Some((fingerprint, vectors)) = &*opened
            && *fingerprint == model.fingerprint
        {
            return Ok(Some(Arc::clone(vectors)));
        }
        let shipped = Shipped::E5_SMALL;
        let centre = if model.dimensions == shipped.dimensions() {
            shipped.common()
        } else {
            vec![0.0; model.dimensions].into()
        };
        let vectors =
            Arc::new(Vectors::open(&*self.fs, &self.dir, model.fingerprint, centre, self.key.clone())?);
        tracing::info!(model = model.name, vectors = vectors.len(), "search by meaning is on");
        *opened = Some((model.fingerprint, Arc::clone(&vectors)));
        Ok(Some(vectors))
    }

    /// Says once that there is no model.
    pub(crate) fn tell_missing(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "there is no embedding model, so search goes by words alone; `gateway model pull embeddings` gets one"
            );
        }
    }

    /// The vector of a question. Blocks while it is computed.
    pub(crate) fn question(&self, text: &str) -> Result<Option<Embedding>, EmbedError> {
        match self.embedder.embed(EmbedSide::Query, &[text]) {
            Ok(vectors) => Ok(vectors.into_iter().next()),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How far it has come; `None` while there is no model, or its vectors can't be used.
    pub(super) fn stats(&self, reader: &Reader) -> Option<SemanticStats> {
        let vectors = self.vectors().ok()??;
        let held = reader.held();
        let backlog = missing(&vectors.covered(), held.start.0..held.end.0);
        Some(SemanticStats { vectors: vectors.len() as u64, backlog })
    }

    /// Holds the file that says which vector is whose against its checksums. When it is damaged, all are dropped and made anew
    /// in the background.
    pub(crate) fn check(&self) -> Result<(), IndexError> {
        let _removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        check_engine_file(&self.fs, &Vectors::keys_path(&self.dir)).inspect_err(|error| {
            if error.is_damage()
                && let Err(error) = self.drop_all()
            {
                tracing::warn!(%error, "the damaged vectors can't be removed");
            }
        })
    }

    /// Takes out the vectors of records that are erased. When this returns none of their bytes is left.
    pub(super) fn forget(&self, records: &[Pointer]) -> Result<(), ChangeError> {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        *removals += 1;
        let taken_out = match self.vectors() {
            Ok(Some(vectors)) => records.iter().try_for_each(|at| {
                let key = |minor| VectorKey { space: LOG_SPACE, major: at.lsn.0, minor, window: 0 };
                vectors.remove_between(key(0), key(u32::MAX)).map(drop)
            }),
            // Without the model they can't be told apart.
            Ok(None) => self.drop_all(),
            Err(error) => Err(error),
        };
        let failed = |error| match error {
            VectorsError::Io { path, source } => ChangeError::Io { action: "erase vectors in", path, source },
            VectorsError::Keys { path, source } => {
                ChangeError::Io { action: "erase vectors in", path, source: io::Error::other(source) }
            }
            VectorsError::Row { path, source } => {
                ChangeError::Io { action: "erase vectors in", path, source: io::Error::other(source) }
            }
        };
        match taken_out {
            // They are derived: what can't be changed can be dropped.
            Err(error) => {
                tracing::warn!(%error, "vectors can't be taken out one by one; all are made again");
                self.drop_all().map_err(failed)
            }
            Ok(()) => Ok(()),
        }
    }

    fn drop_all(&self) -> Result<(), VectorsError> {
        *self.opened() = None;
        Vectors::remove_files(&*self.fs, &self.dir)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Until a model may be there. What is written meanwhile is no reason to look, at each commit, for a file that a person has
    /// yet to get.
    fn without_model(&self) -> Wake {
        match self.signal.pause(LOOK) {
            Wake::Stop => Wake::Stop,
            Wake::Work => self.signal.wait(QUIET),
        }
    }

    /// Starts the thread. It ends when [`Semantic::stop`] was called.
    pub(super) fn start(core: &Arc<Core>) -> io::Result<Option<JoinHandle<()>>> {
        if core.semantic.is_none() {
            return Ok(None);
        }
        let core = Arc::clone(core);
        let run = move || {
            let Some(semantic) = &core.semantic else { return };
            while !semantic.is_stopped() {
                let step = catch_unwind(AssertUnwindSafe(|| semantic.step(&core)));
                let wake = match step {
                    Ok(Ok(true)) => continue,
                    Ok(Ok(false)) if semantic.embedder.model().is_some() => semantic.signal.wait(QUIET),
                    Ok(Ok(false)) => semantic.without_model(),
                    Ok(Err(Failed::Model(error))) if error.is_missing() => semantic.without_model(),
                    Ok(Err(error)) => {
                        let cause: &dyn std::error::Error = &error;
                        tracing::warn!(error = %cause, cause = ?cause.source(),
                            "passages could not be made findable by meaning; it is tried again");
                        if matches!(error, Failed::Vectors(_)) {
                            *semantic.opened() = None;
                        }
                        semantic.signal.pause(PAUSE)
                    }
                    Err(_) => {
                        tracing::error!("making passages findable by meaning panicked; it is tried again");
                        semantic.signal.pause(PAUSE)
                    }
                };
                if wake == Wake::Stop {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("memory-embed".to_owned()).spawn(run).map(Some)
    }

    /// Makes the vectors of the next few records. False: there is nothing to do.
    fn step(&self, core: &Core) -> Result<bool, Failed> {
        let Some(vectors) = self.vectors()? else { return Ok(false) };
        let removals = *self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        let held = core.reader().held();
        let covered = vectors.covered();
        let Some(chunk) = next_chunk(&covered, held.start.0..held.end.0) else { return Ok(false) };
        let pieces = core.pieces(&chunk, self)?;
        let mut made = Vec::with_capacity(pieces.len());
        for batch in pieces.chunks(BATCH_TEXTS) {
            if self.is_stopped() {
                return Ok(true);
            }
            let texts: Vec<&str> = batch.iter().map(|piece| piece.text.as_str()).collect();
            for (piece, vector) in batch.iter().zip(self.embedder.embed(EmbedSide::Passage, &texts)?) {
                made.push(NewVector {
                    key: piece.key,
                    vector: vector.iter().copied().collect(),
                    language: Language::of(&piece.text) as u8,
                    at_ms: piece.at_ms,
                    conversation: piece.conversation,
                    channel: piece.channel,
                    text: crc32fast::hash(piece.text.as_bytes()),
                    place: piece.place,
                    length: piece.length,
                });
            }
        }
        let still = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        if *still == removals {
            vectors.put(&made, Some(chunk))?;
        }
        Ok(true)
    }

    /// The parts of a text that get a vector each.
    fn windows(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        if text.len() <= ONE_WINDOW_BYTES {
            return Ok(std::iter::once(0..text.len()).collect());
        }
        let mut windows = self.embedder.windows(text)?;
        windows.truncate(MOST_WINDOWS);
        Ok(windows)
    }
}

impl Core {
    /// The texts of some records.
    fn pieces(&self, records: &Range<u64>, semantic: &Semantic) -> Result<Vec<Piece>, Failed> {
        let mut pieces = Vec::new();
        for spoken in self.spoken(records)? {
            let length = self.words.index().map_or(0, |index| index.length_of(&spoken.text));
            for (window, range) in (0..).zip(semantic.windows(&spoken.text)?) {
                let major = spoken.at.lsn.0;
                pieces.push(Piece {
                    key: VectorKey { space: LOG_SPACE, major, minor: spoken.part, window },
                    at_ms: spoken.at_ms,
                    conversation: spoken.conversation.as_ref().map_or(0, conversation_hash),
                    channel: if spoken.channel.is_empty() { 0 } else { channel_hash(&spoken.channel) },
                    place: spoken.at.offset,
                    length: u16::try_from(length).unwrap_or(u16::MAX),
                    text: spoken.text.get(range).unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(pieces)
    }
}

/// What a sketch knows of a conversation. Never 0.
pub(crate) fn conversation_hash(key: &ConvKey) -> u32 {
    crc32fast::hash(&key.to_bytes()).max(1)
}

/// What a sketch knows of a channel. Never 0.
pub(crate) fn channel_hash(name: &str) -> u16 {
    (crc32fast::hash(name.as_bytes()) as u16).max(1)
}

/// How much of the log is not covered.
fn missing(covered: &[Range<u64>], held: Range<u64>) -> u64 {
    let done: u64 =
        covered.iter().map(|range| range.end.min(held.end).saturating_sub(range.start.max(held.start))).sum();
    (held.end - held.start).saturating_sub(done)
}

/// The newest records that are not covered, at most [`CHUNK_RECORDS`] of them.
fn next_chunk(covered: &[Range<u64>], held: Range<u64>) -> Option<Range<u64>> {
    let mut end = held.end;
    let mut floor = held.start;
    for range in covered.iter().rev() {
        if range.end >= end {
            end = end.min(range.start);
        } else {
            floor = floor.max(range.end);
            break;
        }
    }
    (floor < end).then(|| floor.max(end.saturating_sub(CHUNK_RECORDS))..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_gap_is_filled_first_and_from_its_end() {
        let covered = [10..20, 40..100];
        assert_eq!(next_chunk(&covered, 1..130), Some(100..130));
        assert_eq!(next_chunk(&covered, 1..200), Some(168..200));
        assert_eq!(next_chunk(&covered, 1..100), Some(20..40));
        assert_eq!(next_chunk(&[10..20, 20..100], 1..100), Some(1..10));
        assert_eq!(next_chunk(&[1..50, 50..100], 1..100), None);
        assert_eq!(next_chunk(&[1..50, 50..100], 5..60), None);
        assert_eq!(next_chunk(&[], 1..1), None);
        assert_eq!(missing(&covered, 15..130), 20 + 30);
    }
}
