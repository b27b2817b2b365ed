//! The write-ahead log: an append-only, segmented, checksummed sequence of records.
//!
//! The bytes on disk are written down in `docs/formats.md`. In short: one directory holds a manifest and segments named
//! after their first [`Lsn`](openclaw_core::Lsn); a segment is a header and frames; a frame is one record. One committer
//! thread writes what has queued up, syncs once and only then wakes the writers.

mod archive;
mod chain;
mod change;
mod check;
mod committer;
mod error;
mod frame;
mod log;
mod mend;
mod patched;
mod preamble;
mod problem;
mod queue;
mod reader;
mod recovery;
mod replay;
mod shared;
mod signposts;
mod types;
mod unseal;
mod walk;
mod walk_bytes;
mod window;

use std::io;

pub use chain::ChainProgress;
pub(crate) use check::{Check, Findings, Met};
pub use error::{AppendError, ChangeError, OpenError, ReadError};
pub use log::{Slot, Ticket, Wal};
pub(crate) use mend::MendError;
pub use problem::{Problem, ProblemKind, Severity};
pub use reader::{Reader, Scanner};
pub use types::{
    ArchiveReport, Committed, Cut, Damage, Gap, LogHealth, Observer, Pointer, Record, Recovery, ReplayFrom,
    SegmentInfo, WalOptions,
};
pub(crate) use unseal::{Unseal, Unsealed};
pub use walk_bytes::{SegmentContent, walk_segment};
#[cfg(any(test, feature = "testing"))]
pub use walk_bytes::{encode_segment, read_archive};

use crate::fs::FsFile;

/// Size of the pieces in which files are filled.
const FILL_BYTES: usize = 64 * 1024;

fn write_zeros(file: &dyn FsFile, offset: u64, count: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(count).unwrap_or(usize::MAX).min(FILL_BYTES)];
    let mut at = offset;
    let end = offset + count;
    while at < end {
        let part = usize::try_from(end - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(&zeros[..part], at)?;
        at += part as u64;
    }
    Ok(())
}
