//! The write-ahead log: an append-only, segmented, checksummed sequence of records.
//!
//! The bytes on disk are written down in `docs/formats.md`. In short: one directory holds a manifest and segments named
//! after their first [`Lsn`](openclaw_core::Lsn); a segment is a header and frames; a frame is one record. One committer
//! thread writes what has queued up, syncs once and only then wakes the writers.

mod error;
mod log;
mod reader;
mod types;

pub use error::{AppendError, ChangeError, OpenError, ReadError};
pub use log::{Slot, Ticket, Wal};
pub use reader::{Reader, Scanner};
pub use types::{
    Committed, Cut, Damage, Gap, LogHealth, Observer, Pointer, Record, Recovery, ReplayFrom, SegmentInfo,
    WalOptions,
};
