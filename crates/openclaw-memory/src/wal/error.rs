//! What can go wrong, one enum per kind of operation.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use openclaw_core::Lsn;

/// Why a log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refused something.
    #[error("can't {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A newer version of the gateway wrote this.
    #[error(
        "{path} has format version {found}; this program reads up to version {supported}: start the newer version again"
    )]
    FutureVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest this program knows.
        supported: u32,
    },
    /// A segment belongs to another log.
    #[error("{path} belongs to another log than the one in this directory: move it away")]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The manifest and the headers of all segments are damaged, so no record can be verified.
    #[error(
        "{path} can't be read as a log: its manifest and every segment header are damaged; restore them from a backup"
    )]
    Unidentified {
        /// The log's directory.
        path: PathBuf,
    },
    /// The committer's thread could not be started.
    #[error("can't start the thread that writes the log")]
    Thread(#[source] io::Error),
}

/// Why a record was not appended. After any of these it is either in the log as a whole or not at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The payload is over the bound.
    #[error("a record of {bytes} bytes is over the log's bound of {limit} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The disk is full. Appending works again once there is space.
    #[error("{0}")]
    Full(Arc<str>),
    /// A write or sync failed, now or earlier. Nothing can be appended until the log is opened anew.
    #[error("{0}")]
    Poisoned(Arc<str>),
    /// The log is closed or closing.
    #[error("the log is closed")]
    Closed,
}

impl AppendError {
    /// Whether the same call may succeed later on the same log.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

/// Why a record can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("can't read {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was written, or no record starts there.
    #[error("{path} is damaged at byte {offset}: record {lsn:?} does not verify")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// Which record.
        lsn: Lsn,
    },
    /// The record was erased.
    #[error("record {0:?} was erased")]
    Erased(Lsn),
    /// No segment holds it: it was dropped, or lost, or never written.
    #[error("record {lsn:?} is not in the log, which holds {held:?}")]
    Absent {
        /// Which record.
        lsn: Lsn,
        /// From the first record to the next one to be written.
        held: Range<Lsn>,
    },
}

/// Why records were not erased or segments not archived or dropped. What was done so far stays done; do it again to finish.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The system refused something.
    #[error("can't {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The pointer is wrong: another record lies there. Nothing was overwritten at that place.
    #[error("{path} holds another record than {lsn:?} at byte {offset}: nothing was erased there")]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The record that should lie there.
        lsn: Lsn,
    },
    /// No segment that takes no more records starts there.
    #[error(
        "no sealed segment of the log starts with record {lsn:?}: it was dropped, or it still takes records"
    )]
    NotSealed {
        /// The record.
        lsn: Lsn,
    },
    /// The log can't be written any more.
    #[error("{0}")]
    Poisoned(Arc<str>),
}
