//! What goes in and out of the log.

use std::{ops::Range, path::PathBuf};

use openclaw_core::Lsn;

/// Where a record lies. Worth storing: it finds the record with one read, and it stays true for as long as the record's
/// segment exists (erasing keeps every length). The segment follows from the Lsn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer {
    /// The record's position in the log.
    pub lsn: Lsn,
    /// Byte at which its frame starts within the segment file.
    pub offset: u32,
    /// Bytes of its payload.
    pub len: u32,
}

/// Knobs of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalOptions {
    /// Size in bytes at which a segment is sealed. A segment may go over it by one batch. Default 16 MiB; 4 KiB to 2 GiB.
    pub segment_bytes: u64,
    /// Largest payload in bytes. Default 64 MiB; at most 1 GiB.
    pub max_record_bytes: usize,
    /// Free bytes on the disk below which appends are refused, so that the rest of the machine keeps breathing.
    /// Default 16 MiB; 0 turns it off.
    pub min_free_bytes: u64,
    /// Bytes by which the file grows at a time, filled with zeros, so that most syncs change no metadata. Default 1 MiB;
    /// 0 turns it off. Sealed and closed segments carry no such tail.
    pub preallocate_bytes: u64,
    /// Payload bytes that may wait in the queue; each record counts 256 bytes on top. Further writers wait. Default 64 MiB.
    pub queue_bytes: usize,
    /// Most payload bytes that share one sync, if no single record is larger. Default 4 MiB.
    pub batch_bytes: usize,
    /// Where archived segments go. Default: the directory `archive` within the log's own.
    pub archive_dir: Option<PathBuf>,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            max_record_bytes: 64 << 20,
            min_free_bytes: 16 << 20,
            preallocate_bytes: 1 << 20,
            queue_bytes: 64 << 20,
            batch_bytes: 4 << 20,
            archive_dir: None,
        }
    }
}

impl WalOptions {
    /// The options with every value moved into its bounds.
    pub(super) fn clamped(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.clamp(4 << 10, 2 << 30);
        self.max_record_bytes = self.max_record_bytes.clamp(1, 1 << 30);
        self.preallocate_bytes = self.preallocate_bytes.min(self.segment_bytes);
        self.queue_bytes = self.queue_bytes.clamp(64 << 10, 1 << 30);
        let segment = usize::try_from(self.segment_bytes).unwrap_or(usize::MAX);
        self.batch_bytes = self.batch_bytes.clamp(4 << 10, 64 << 20).min(segment);
        self
    }
}

/// From where a start reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// Every record there is.
    Beginning,
    /// Records at or after this one. Its segment is read from the front, which costs time but no visits.
    Lsn(Lsn),
    /// Records after this one, the last that a checkpoint covers: reading starts at its end.
    After(Pointer),
}

/// One record, as replay and scans show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it lies, its Lsn included.
    pub pointer: Pointer,
    /// What was written; `None` when it was erased since.
    pub payload: Option<&'a [u8]>,
}

/// A record that is durable now: what the observer is told.
#[derive(Debug)]
pub struct Committed<T> {
    /// Where it lies, its Lsn included.
    pub pointer: Pointer,
    /// What was written.
    pub payload: Vec<u8>,
    /// What the writer gave along.
    pub item: T,
}

/// Called on the committer's thread with each batch in Lsn order, after its sync and before its writers are woken, so what
/// is acknowledged is visible. It may take the records out; what it leaves is dropped. It must not append to the same log
/// and wait for it, and must not take long: all writers wait for it.
pub type Observer<T> = Box<dyn FnMut(&mut Vec<Committed<T>>) + Send>;

/// What a start found. Everything empty: the log is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The Lsn the next record gets.
    pub next: Lsn,
    /// Records visited.
    pub replayed: u64,
    /// Bytes read for it.
    pub bytes: u64,
    /// What a crash left unfinished at the end, cut off. Never acknowledged, unless the disk lost it.
    pub cut: Option<Cut>,
    /// Damage met in what was read (older segments are not read at a start).
    pub damages: Vec<Damage>,
    /// Records that are missing although later ones are there.
    pub gaps: Vec<Gap>,
}

/// A tail that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Which file.
    pub path: PathBuf,
    /// Its new length.
    pub offset: u64,
    /// Bytes that looked written beyond it.
    pub bytes: u64,
}

/// Bytes that are no record although they lie between records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub path: PathBuf,
    /// Where it starts.
    pub offset: u64,
    /// How far it goes.
    pub bytes: u64,
    /// Lsns that were in it: empty when it hit a segment's header only.
    pub lost: Range<Lsn>,
    /// Whether it lies in the last batch before a crash and so was perhaps never acknowledged.
    pub maybe_unacknowledged: bool,
}

/// Records that no file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Which.
    pub lost: Range<Lsn>,
    /// The file that should hold them, or whose end should.
    pub path: PathBuf,
}

/// A segment, as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its file.
    pub path: PathBuf,
    /// Its records: from the first up to, not including, the end. Erased ones count.
    pub lsns: Range<Lsn>,
    /// Bytes of header and durable records; preallocated space is not counted.
    pub bytes: u64,
    /// Whether it takes no more records.
    pub sealed: bool,
    /// Bytes of its archive, when it lives in one.
    pub archived: Option<u64>,
}

/// What archiving a segment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveReport {
    /// Bytes the segment took.
    pub bytes_before: u64,
    /// Bytes its archive takes.
    pub bytes_after: u64,
}

/// Whether the log takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogHealth {
    /// It does.
    Writable,
    /// The disk is full: appends fail; the log tries again by itself, once a second and with each append.
    Full {
        /// What happened and what to do.
        reason: String,
    },
    /// A write or sync failed, or the committer died: appends fail until the log is opened anew.
    Poisoned {
        /// What happened and what to do.
        reason: String,
    },
    /// The log was closed.
    Closed,
}
