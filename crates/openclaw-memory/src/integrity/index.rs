//! The index of a closed memory, looked at without changing it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use openclaw_core::Lsn;

use super::derived::told;
use crate::{
    fs::Fs,
    index::{Base, IndexError, Place, Projections},
    store::Replay,
    vault::Vault,
    wal::{Pointer, Record},
};

/// An index as the last checkpoint left it.
pub(super) struct ClosedIndex {
    pub(super) base: Base,
    pub(super) projections: Projections,
    /// The last record a checkpoint covers.
    pub(super) applied: Option<Pointer>,
}

/// What became of looking at it.
pub(super) enum Looked {
    Open(Box<ClosedIndex>),
    /// There is none that could be used, and the next start makes a new one.
    Absent(String),
    /// It is damaged.
    Damaged(String),
}

pub(super) fn look(fs: Arc<dyn Fs>, dir: &Path) -> Looked {
    let place = Place::new(fs, dir.join("index")).read_only();
    let open = || -> Result<ClosedIndex, IndexError> {
        let base = Base::open(&place)?;
        // Its engine does not look at checksums when it reads.
        base.check_pages()?;
        let projections = Projections::new(base.snapshot()?)?;
        let applied = projections.last();
        Ok(ClosedIndex { base, projections, applied })
    };
    // Damaged pages may show as a panic.
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(open)) => Looked::Open(Box::new(open)),
        Ok(Err(error @ (IndexError::Absent(_) | IndexError::Version(_)))) => {
            Looked::Absent(error.to_string())
        }
        Ok(Err(error)) => Looked::Damaged(told(&error)),
        Err(_) => Looked::Damaged("reading it panicked".to_owned()),
    }
}

impl ClosedIndex {
    /// Messages and pending runs as the next start would have them, from what came after the checkpoint. `None`: a removal
    /// is among it, which only a start finishes.
    pub(super) fn figures(&self, replay: Replay<'_>) -> Result<Option<(u64, usize)>, String> {
        let found = replay.finish().map_err(|error| error.to_string())?;
        if !found.redo.is_empty() || !found.prunings.is_empty() {
            return Ok(None);
        }
        Ok(Some((self.projections.counters().messages, self.projections.all_pending().len())))
    }

    pub(super) fn replay<'a>(&'a self, vault: Option<&'a Vault>) -> Replay<'a> {
        Replay::new(&self.projections, &self.base, false, vault)
    }

    /// Whether a record came after the checkpoint.
    pub(super) fn lacks(&self, lsn: Lsn) -> bool {
        self.applied.is_none_or(|at| lsn > at.lsn)
    }
}

/// A record as the replay takes it.
pub(super) fn record(at: Pointer, payload: Option<&[u8]>) -> Record<'_> {
    Record { pointer: at, payload }
}
