//! An index that is found damaged while it is in use: built anew from the log, without a restart.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use openclaw_core::port::MemoryError;

use super::{Core, OpenError, Replay};
use crate::index::{self, Base, IndexError, Projections};

/// How often at most a whole index is read because of doubts about it.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// How often it is built anew before it is left to the next start: what breaks it again and again is not in the file.
const MOST_REBUILDS: u32 = 3;
/// How often the last few records are caught up with before the rebuild is put off.
const MOST_TRIES: usize = 10_000;

/// What is known of the index's soundness.
#[derive(Debug, Default)]
pub(super) struct Soundness {
    /// It is damaged.
    condemned: AtomicBool,
    /// It may be.
    doubted: AtomicBool,
    checked: Mutex<Option<Instant>>,
    rebuilds: AtomicU32,
}

impl Soundness {
    /// It is looked at when the upkeep is next about, which is soon.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    fn may_rebuild(&self) -> bool {
        self.rebuilds.load(Ordering::Relaxed) < MOST_REBUILDS
    }

    /// Whether to look now.
    fn is_due(&self) -> bool {
        if !self.doubted.load(Ordering::Relaxed) {
            return false;
        }
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.is_some_and(|at| at.elapsed() < CHECK_EVERY) {
            return false;
        }
        *checked = Some(Instant::now());
        self.doubted.store(false, Ordering::Relaxed);
        true
    }
}

impl Core {
    /// Something does not fit, and it may be the index: it is looked at soon.
    pub(super) fn doubt_index(&self) {
        self.soundness.doubt();
        self.signal.due();
    }

    /// The index is damaged. The upkeep builds it anew, or else the next start.
    pub(super) fn condemn_index(&self) {
        if !self.soundness.condemned.swap(true, Ordering::Relaxed) {
            self.base.place().condemn();
            self.signal.due();
        }
    }

    /// What an answer says that a damaged index could not give.
    pub(super) fn index_is_damaged(&self, failure: IndexError) -> MemoryError {
        let path = self.base.place().dir().to_owned();
        if self.soundness.may_rebuild() {
            MemoryError::Rebuilding { path }
        } else {
            super::error::index(failure)
        }
    }

    /// Holds the whole index against its checksums; a damaged one is built anew soon. To be called with the maintenance.
    pub(crate) fn check_index(&self) -> Result<(), IndexError> {
        index::check_pages(self.base.place()).inspect_err(|error| {
            if error.is_damage() {
                tracing::error!(%error, "the index is damaged; it is built anew from the log");
                self.condemn_index();
            }
        })
    }

    /// Looks at the index where there are doubts, and builds a damaged one anew. False: that failed. To be called with the
    /// maintenance, nothing unfinished.
    pub(super) fn tend_index(&self) -> bool {
        if !self.soundness.condemned.load(Ordering::Relaxed)
            && self.soundness.is_due()
            && let Err(error) = self.check_index()
            && !error.is_damage()
        {
            tracing::warn!(%error, "the index could not be looked at");
        }
        if !self.soundness.condemned.load(Ordering::Relaxed) {
            return true;
        }
        if !self.soundness.may_rebuild() {
            tracing::error!(
                "the index is damaged again; the next start builds it anew: check the disk and the memory of this machine"
            );
            return false;
        }
        self.soundness.rebuilds.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        match self.rebuild_index() {
            Ok(records) => {
                self.soundness.condemned.store(false, Ordering::Relaxed);
                tracing::info!(records, took = ?began.elapsed(), "built the damaged index anew from the log");
                true
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(error = %cause, cause = ?cause.source(), "the damaged index could not be built anew; it is tried again");
                false
            }
        }
    }

    /// Fills a new index from the log beside the damaged one, and goes on with it. Questions and writes go on meanwhile.
    fn rebuild_index(&self) -> Result<u64, OpenError> {
        let place = self.base.place();
        let failed = |error| OpenError::index(place.dir().to_owned(), error);
        place.remove_next().map_err(failed)?;
        let base = Base::create(&place.next()).map_err(failed)?;
        let projections = base.snapshot().and_then(Projections::new).map_err(failed)?;
        // As they were written: a replay unseals them itself.
        let reader = self.wal.reader();
        let mut replay = Replay::new(&projections, &base, true, self.vault());
        let mut next = reader.held().start;
        let mut catch_up = |replay: &mut Replay<'_>| -> Result<(), OpenError> {
            let end = reader.held().end;
            let mut scan = reader.scan(next..end);
            while let Some(record) =
                scan.next_record().map_err(|error| OpenError::unread(&self.dir.join("wal"), error))?
            {
                replay.visit(&record);
            }
            next = end;
            Ok(())
        };
        catch_up(&mut replay)?;
        replay.check()?;
        projections.checkpoint(&base).and_then(|_| base.seal()).map_err(failed)?;
        // The file first, which may fail; what follows can't. A crash in between leaves it condemned.
        place.promote_next().map_err(failed)?;
        let mut tries = 0;
        while !self.projections.trade_with(&projections) {
            tries += 1;
            if tries > MOST_TRIES {
                return Err(failed(IndexError::Version(place.dir().to_owned())));
            }
            catch_up(&mut replay)?;
            replay.check()?;
        }
        self.base.adopt(&base);
        let found = replay.finish()?;
        // Nothing is unfinished, so that nothing is to be erased again. What was pruned has to be told all the same.
        self.forget_pruned(&found.prunings).map_err(failed)?;
        place.acquit().map_err(failed)?;
        Ok(found.records)
    }
}
