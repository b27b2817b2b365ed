//! Opening: lock, index, log, and what the index has not seen yet.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::{Duration, Instant},
};

use openclaw_core::config::MemoryConfig;
use tokio::sync::Semaphore;

use super::{
    Core, Item, Memory, OpenError, Parts, Semantic, Unfinished, Words, cache::Cache, curation::Model,
    order::Order, rebuild::Soundness, replay::Replay, sealing::Sealing, signal::Signal, turns::Turns, upkeep,
};
use crate::{
    fs::{Fs, RealFs},
    index::{Base, IndexError, Place, Projections},
    integrity::log_options,
    lock::Lock,
    vault::{self, Vault, VaultError},
    vectors::Vectors,
    wal::{Damage, Observer, ReadError, Reader, ReplayFrom, Wal, WalOptions},
};

/// Searches that scan the log at one time; others wait.
const SEARCHES: usize = 2;
/// Records after which a checkpoint is taken even if they are small, to bound the memory they take.
const CHECKPOINT_RECORDS: usize = 32 << 10;

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records of the log that were read because no checkpoint covered them.
    pub replayed: u64,
    /// Places where stored bytes are not what was written, with the records lost there.
    pub damaged: Vec<Damage>,
    /// Records that are missing although later ones are there.
    pub missing: u64,
    /// Bytes of an unfinished write that a crash had left at the log's end, cut off.
    pub cut_bytes: u64,
    /// Whether the index was built anew from the log.
    pub rebuilt: bool,
    /// Records whose erasure a crash had interrupted and that are gone now.
    pub erased: usize,
    /// Runs that have not ended.
    pub pending_runs: usize,
    /// How long it took.
    pub took: Duration,
}

impl Memory {
    /// Opens the memory in `dir`, creating it when there is none. Blocks: milliseconds as a rule, longer when the index has
    /// to be rebuilt. May be called outside a runtime.
    ///
    /// # Errors
    /// See [`OpenError`]. Damage is no error; it is in the report.
    pub fn open(dir: &Path, config: &MemoryConfig) -> Result<(Self, OpenReport), OpenError> {
        Self::open_with(dir, config, &Parts::default())
    }

    /// The same with what else there is to work with.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        dir: &Path,
        config: &MemoryConfig,
        parts: &Parts,
    ) -> Result<(Self, OpenReport), OpenError> {
        let fs: Arc<dyn Fs> = Arc::new(RealFs);
        Self::open_parts(&fs, dir, config, parts)
    }

    /// The same with log and index on a file system of the caller's making (the lock stays on the real one). For tests.
    #[doc(hidden)]
    #[expect(clippy::needless_pass_by_value, reason = "tests make it on the spot")]
    pub fn open_on(
        fs: Arc<dyn Fs>,
        dir: &Path,
        config: &MemoryConfig,
    ) -> Result<(Self, OpenReport), OpenError> {
        Self::open_parts(&fs, dir, config, &Parts::default())
    }

    #[doc(hidden)]
    pub fn open_parts(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        config: &MemoryConfig,
        parts: &Parts,
    ) -> Result<(Self, OpenReport), OpenError> {
        let failed = |source| OpenError::Io { action: "create", path: dir.to_owned(), source };
        create_private(dir).map_err(failed)?;
        let lock =
            Lock::acquire(&dir.join("lock")).map_err(|error| OpenError::lock(dir.to_owned(), error))?;
        let lock = Arc::new(lock);
        let first = || Self::open_locked(fs, dir, config, parts, Arc::clone(&lock));
        // Damage deep in the index shows late, and may show as a panic. One rebuild cures it, or it was something else.
        match catch_unwind(AssertUnwindSafe(first)) {
            Ok(Err(error)) if error.is_damaged_index() => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(error = %cause, cause = ?cause.source(), "the index is damaged; rebuilding it");
            }
            Ok(done) => return done,
            Err(_) => tracing::error!("reading the index panicked; rebuilding it"),
        }
        let place = Place::new(Arc::clone(fs), dir.join("index"));
        place.remove().map_err(|error| OpenError::index(place.dir().to_owned(), error))?;
        Self::open_locked(fs, dir, config, parts, lock)
    }

    fn open_locked(
        fs: &Arc<dyn Fs>,
        dir: &Path,
        config: &MemoryConfig,
        parts: &Parts,
        lock: Arc<Lock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        let started = Instant::now();
        let index_dir = dir.join("index");
        let index_failed = |error| OpenError::index(index_dir.clone(), error);
        let place = Place::new(Arc::clone(fs), index_dir.clone());
        let vault = open_vault(&**fs, dir, parts)?;

        let (mut base, mut rebuild) = open_base(&place).map_err(index_failed)?;
        let mut projections = Arc::new(base.snapshot().and_then(Projections::new).map_err(index_failed)?);
        let signal = Arc::new(Signal::default());
        let order = Arc::new(Order::default());

        // The observer reaches the projections through a slot, because a stale index is replaced after the log is open.
        let applied = projections.last();
        let slot = Arc::new(Mutex::new(Arc::clone(&projections)));
        let words_signal = Arc::new(Signal::default());
        let semantic_signal = Arc::new(Signal::default());
        let observer = observer(
            Arc::clone(&slot),
            Arc::clone(&signal),
            [Some(Arc::clone(&words_signal)), parts.embedder.is_some().then(|| Arc::clone(&semantic_signal))],
            config,
        );
        let from = applied.map_or(ReplayFrom::Beginning, ReplayFrom::After);
        let mut replay = Replay::new(&projections, &base, rebuild, vault.as_deref());
        let wal_dir = dir.join("wal");
        let (wal, recovery) = Wal::open(
            Arc::clone(fs),
            &wal_dir,
            log_options(dir, wal_options(config)),
            from,
            &mut |record| replay.visit(&record),
            observer,
        )
        .map_err(OpenError::Log)?;
        let reader = wal.reader();
        let mut found = replay.finish()?;

        let behind = applied.is_some_and(|at| {
            recovery.next <= at.lsn || matches!(reader.read(at), Err(ReadError::Damaged { .. }))
        });
        if behind {
            tracing::warn!(index = %index_dir.display(), "the index does not belong to this log; rebuilding it");
            drop(projections);
            base = fresh_base(base, &place).map_err(index_failed)?;
            projections = Arc::new(base.snapshot().and_then(Projections::new).map_err(index_failed)?);
            *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&projections);
            rebuild = true;
            let mut replay = Replay::new(&projections, &base, true, vault.as_deref());
            let mut scan = reader.scan(reader.held());
            while let Some(record) = scan.next_record().map_err(|error| OpenError::unread(&wal_dir, error))? {
                replay.visit(&record);
            }
            found = replay.finish()?;
        }

        let vault = match (vault, &parts.unlock) {
            (None, Some(unlock)) => {
                refuse_sealed(&reader, dir)?;
                // Made anew, sealed.
                Vectors::remove_files(&**fs, &index_dir.join("vectors")).map_err(|error| OpenError::Io {
                    action: "remove the vectors in",
                    path: index_dir.clone(),
                    source: io::Error::other(error),
                })?;
                tracing::info!(keyring = %Vault::path(dir).display(), "what is written from now on is encrypted");
                Some(Arc::new(Vault::open(&**fs, dir, unlock)?))
            }
            (vault, _) => vault,
        };
        let key = vault.as_ref().map(|vault| vault.words_key());
        let words = Words::open(Arc::clone(fs), index_dir.join("lexical"), key, words_signal);
        let semantic = parts.embedder.clone().map(|embedder| {
            let key = vault.as_ref().map(|vault| vault.derived_key("vectors"));
            Semantic::new(embedder, Arc::clone(fs), index_dir.join("vectors"), key, semantic_signal)
        });
        let sealing = Sealing::new(vault);
        let core = Arc::new(Core {
            dir: dir.to_owned(),
            wal,
            reader: reader.unsealing(sealing.unseal()),
            projections,
            base,
            cache: Cache::default(),
            sealing,
            order,
            maintenance: Mutex::new(Unfinished::default()),
            signal,
            searches: Arc::new(Semaphore::new(SEARCHES)),
            erased: AtomicBool::new(false),
            index_fault: Mutex::new(None),
            soundness: Soundness::default(),
            words,
            semantic,
            retention: config.retention.clone(),
            newest_memory: Mutex::new(None),
            compacting: Mutex::new(None),
            turns: Turns::default(),
            model: Model(parts.distiller.clone()),
            _lock: lock,
        });
        let replayed = found.records;
        let redone = core.redo(found)?;
        if rebuild && !core.maintain().is_empty() {
            // Unsealed, so the next start meets the erasure again.
            tracing::warn!("the index is not finished before the erasure is");
        } else if rebuild {
            core.projections.checkpoint(&core.base).and_then(|_| core.base.seal()).map_err(index_failed)?;
        } else if core.projections.backlog().0 > CHECKPOINT_RECORDS / 2 {
            core.checkpoint();
        }
        let report = OpenReport {
            replayed,
            damaged: recovery.damages.into_iter().chain(redone.wrong).collect(),
            missing: recovery.gaps.iter().map(|gap| gap.lost.end.0.saturating_sub(gap.lost.start.0)).sum(),
            cut_bytes: recovery.cut.map_or(0, |cut| cut.bytes),
            // A memory that begins has nothing to rebuild from.
            rebuilt: rebuild && replayed > 0,
            erased: redone.records,
            pending_runs: core.projections.all_pending().len(),
            took: started.elapsed(),
        };
        if report.rebuilt {
            tracing::info!(records = report.replayed, took = ?report.took, "built the index anew from the log");
        }
        for damage in &report.damaged {
            tracing::warn!(path = %damage.path.display(), offset = damage.offset, bytes = damage.bytes,
                lost = damage.lost.end.0.saturating_sub(damage.lost.start.0), "part of the log is damaged and passed over");
        }
        let failed = |source| OpenError::Io { action: "start the threads of", path: dir.to_owned(), source };
        let memory = Self { core, threads: Mutex::default() };
        if !rebuild {
            // Its engine does not look at checksums when it reads. Not at once: a start has enough to do.
            memory.core.soundness.doubt();
        }
        let upkeep = upkeep::start(&memory.core).map_err(failed)?;
        memory.keep(upkeep);
        let words = Words::start(&memory.core).map_err(failed)?;
        memory.keep(words);
        if let Some(embedding) = Semantic::start(&memory.core).map_err(failed)? {
            memory.keep(embedding);
        }
        Ok((memory, report))
    }
}

fn observer(
    slot: Arc<Mutex<Arc<Projections>>>,
    signal: Arc<Signal>,
    searching: [Option<Arc<Signal>>; 2],
    config: &MemoryConfig,
) -> Observer<Item> {
    let checkpoint_bytes = u64::from(config.checkpoint_mb) << 20;
    let mut projections: Option<Arc<Projections>> = None;
    Box::new(move |batch| {
        let projections = projections.get_or_insert_with(|| {
            Arc::clone(&slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
        });
        let (records, bytes) =
            projections.apply(batch.iter().map(|committed| (committed.pointer, &committed.item.change)));
        if bytes >= checkpoint_bytes || records >= CHECKPOINT_RECORDS {
            signal.due();
        }
        searching.iter().flatten().for_each(|signal| signal.due());
        // What the items hold is let go only now, when the projections know their records.
        batch.clear();
    })
}

fn wal_options(config: &MemoryConfig) -> WalOptions {
    WalOptions {
        segment_bytes: u64::from(config.segment_mb) << 20,
        min_free_bytes: u64::from(config.min_free_mb) << 20,
        ..WalOptions::default()
    }
}

/// What opens the sealed records of a memory. `None`: it has none, or there is no keyring yet.
fn open_vault(fs: &dyn Fs, dir: &Path, parts: &Parts) -> Result<Option<Arc<Vault>>, VaultError> {
    match (Vault::exists(fs, dir)?, &parts.unlock) {
        (false, _) => Ok(None),
        (true, Some(unlock)) => Vault::open(fs, dir, unlock).map(|vault| Some(Arc::new(vault))),
        (true, None) => Err(VaultError::Locked { path: Vault::path(dir) }),
    }
}

/// Whether a log may get a new keyring: not when its records were sealed with an old one. Goes through all of it, once.
fn refuse_sealed(reader: &Reader, dir: &Path) -> Result<(), OpenError> {
    let mut scan = reader.scan(reader.held());
    while let Some(record) = scan.next_record().map_err(|error| OpenError::unread(&dir.join("wal"), error))? {
        if record.payload.is_some_and(vault::is_sealed) {
            return Err(VaultError::KeyringMissing { path: Vault::path(dir) }.into());
        }
    }
    Ok(())
}

/// The index, and whether it has to be filled from the log's beginning.
fn open_base(place: &Place) -> Result<(Base, bool), IndexError> {
    match Base::open(place) {
        Ok(base) => Ok((base, false)),
        Err(error) => {
            if !error.is_damage() {
                return Err(error);
            }
            if !matches!(error, IndexError::Absent(_)) {
                tracing::warn!(%error, index = %place.dir().display(), "the index can't be used; rebuilding it from the log");
            }
            place.remove()?;
            Base::create(place).map(|base| (base, true))
        }
    }
}

fn fresh_base(old: Base, place: &Place) -> Result<Base, IndexError> {
    drop(old);
    place.remove()?;
    Base::create(place)
}

#[cfg(unix)]
fn create_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}
