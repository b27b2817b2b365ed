//! What a check can find wrong.

use std::{fmt, ops::Range, path::PathBuf};

use openclaw_core::Lsn;

/// Something in a memory's directory that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub kind: ProblemKind,
    /// In which file.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// How many bytes of the file it concerns; 0: none in particular.
    pub bytes: u64,
    /// Records that it costs; empty: none, or nobody knows.
    pub lsns: Range<Lsn>,
    /// What else is known.
    pub detail: String,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The log's manifest is missing or damaged.
    Manifest,
    /// The header of a segment or archive is damaged. Its records are not.
    Header,
    /// Bytes that are no record, where records were.
    Records,
    /// Bytes at the very end of the log that are no record: a write that was not finished, or damage to the last record.
    Tail,
    /// Records are missing, and no file has them.
    Gap,
    /// The file of a segment that the hash chain knows is missing.
    Missing,
    /// A part of an archive is damaged. Which records that costs, if any, is said by other problems.
    Archive,
    /// A file belongs to another log.
    Foreign,
    /// A file, or a record, was written by a newer version.
    Newer,
    /// The system does not let a file be read.
    Unreadable,
    /// A record is what was written and makes no sense all the same.
    Senseless,
    /// A part of the hash chain is damaged.
    Chain,
    /// An entry of the hash chain does not follow from the one before it: somebody changed it, or left entries out.
    ChainBroken,
    /// A segment holds other bytes than the hash chain vouches for, and the memory did not change it.
    Changed,
    /// Segments were dropped, and not by the memory.
    Dropped,
    /// Something was interrupted, and the next start finishes it.
    Unfinished,
    /// The index is missing, damaged, or does not agree with the log.
    Index,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What a kill or a power cut leaves; the next start puts it in order.
    Unfinished,
    /// It should not be there.
    Broken,
}

impl ProblemKind {
    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Tail | Self::Unfinished => Severity::Unfinished,
            _ => Severity::Broken,
        }
    }

    /// What to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Manifest | Self::Header | Self::Records | Self::Gap | Self::Missing | Self::Archive => {
                "restore the file from a backup, or run `gateway memory repair`, which keeps every sound record"
            }
            Self::Tail => {
                "nothing, if the gateway was killed or lost power; the next start cuts it off. `gateway memory repair` sets it aside first"
            }
            Self::Foreign => "move the file away",
            Self::Newer => "start the newer version again",
            Self::Unreadable => "check the disk and the file's permissions",
            Self::Senseless => "nothing: it is passed over. Report it, since the program wrote it like that",
            Self::Chain | Self::ChainBroken => {
                "find out who changed the file; `gateway memory repair` begins the chain anew"
            }
            Self::Changed | Self::Dropped => {
                "find out who changed it, and restore a backup if it must not be so; `gateway memory repair` accepts what is there"
            }
            Self::Unfinished => "start the gateway once: it finishes this",
            Self::Index => {
                "remove the directory memory/index and start the gateway: it is built anew from the log"
            }
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Manifest => "the log's manifest is missing or damaged",
            Self::Header => "the header is damaged",
            Self::Records => "bytes that are no record, where records were",
            Self::Tail => "bytes at the log's end that are no record",
            Self::Gap => "records are missing",
            Self::Missing => "the file of a segment is missing",
            Self::Archive => "part of the archive is damaged",
            Self::Foreign => "the file belongs to another log",
            Self::Newer => "written by a newer version",
            Self::Unreadable => "can't be read",
            Self::Senseless => "a record makes no sense",
            Self::Chain => "part of the hash chain is damaged",
            Self::ChainBroken => "the hash chain is broken",
            Self::Changed => "the bytes are not those that the hash chain vouches for",
            Self::Dropped => "segments were dropped by somebody else",
            Self::Unfinished => "something was interrupted",
            Self::Index => "the index does not agree with the log",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.bytes > 0 {
            write!(f, ", bytes {} to {}", self.offset, self.offset + self.bytes)?;
        }
        write!(f, ": {}", self.kind.what())?;
        match self.lsns.end.0.saturating_sub(self.lsns.start.0) {
            0 => {}
            1 => write!(f, " (record {})", self.lsns.start.0)?,
            _ => write!(f, " (records {} to {})", self.lsns.start.0, self.lsns.end.0 - 1)?,
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}
