//! Why the memory could not do what it was asked for, and what is said of that.

use std::path::PathBuf;

use crate::{Failure, MemoryId, MessageId, RunId};

/// Why the memory could not do it.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The disk is too full for the log. Nothing was acknowledged; the same call succeeds once there is room.
    #[error("the memory log can't be written: {reason}")]
    Full {
        /// Which disk, and what to do.
        reason: String,
    },
    /// The log can't be written (failed fsync, a dead worker). Nothing was acknowledged.
    #[error("the memory log can't be written: {reason}")]
    Unwritable {
        /// What happened and what to do.
        reason: String,
    },
    /// A record is over the log's bound.
    #[error("a record of {bytes} bytes is over the log's bound of {limit} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The run is unknown, or was erased with its conversation.
    #[error("no run {0}")]
    UnknownRun(RunId),
    /// There is no remembered entry of this id to take the place of.
    #[error("no memory {0}")]
    UnknownMemory(MemoryId),
    /// What was to be remembered or taken in breaks a rule.
    #[error("{field} {rule}")]
    Invalid {
        /// Which part of it.
        field: &'static str,
        /// What it must be.
        rule: String,
    },
    /// This build can't do it.
    #[error("{what} is not available in this build")]
    Unavailable {
        /// What.
        what: &'static str,
    },
    /// The message that a window starts at is not in the conversation.
    #[error("no message {0} in this conversation")]
    UnknownMessage(MessageId),
    /// A file could not be read or written.
    #[error("can't read or write {path}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// The index is damaged and is being built anew from the log, which has everything. The same call succeeds soon.
    #[error("the index in {path} was damaged and is being built anew from the log")]
    Rebuilding {
        /// Its directory.
        path: PathBuf,
    },
    /// It is being done already, and only once at a time.
    #[error("{what} is under way already")]
    UnderWay {
        /// What is: `a compaction`.
        what: &'static str,
    },
    /// The store is shutting down.
    #[error("the memory is shutting down")]
    Closed,
}

impl MemoryError {
    /// Whether the same call may succeed later without anybody's doing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Unwritable { .. }
                | Self::Rebuilding { .. }
                | Self::UnderWay { .. }
                | Self::Closed
        )
    }
}

impl From<&MemoryError> for Failure {
    fn from(error: &MemoryError) -> Self {
        use crate::ErrorCode::{
            BadRequest, Conflict, InternalError, NotFound, PayloadTooLarge, ServiceUnavailable,
        };
        match error {
            MemoryError::Full { .. } => {
                Self::new(ServiceUnavailable, error.to_string()).with("reason", "disk_full")
            }
            MemoryError::Unwritable { .. } => Self::new(ServiceUnavailable, error.to_string()),
            MemoryError::Closed => {
                Self::new(ServiceUnavailable, "The gateway is shutting down; try again in a moment")
            }
            MemoryError::UnderWay { .. } => {
                Self::new(Conflict, format!("{error}; wait until it is done")).with("reason", "under_way")
            }
            MemoryError::Rebuilding { .. } => {
                let message = "The memory's index was damaged and is being built anew from the log. Nothing is lost; ask again in a few seconds";
                Self::new(ServiceUnavailable, message).with("reason", "index_rebuilding")
            }
            MemoryError::TooLarge { .. } => Self::new(PayloadTooLarge, error.to_string()),
            MemoryError::UnknownRun(id) => Self::new(NotFound, error.to_string()).with("id", id.to_string()),
            MemoryError::UnknownMemory(id) => {
                Self::new(NotFound, error.to_string()).with("id", id.to_string())
            }
            MemoryError::Invalid { field, .. } => {
                Self::new(BadRequest, error.to_string()).with("field", (*field).to_owned())
            }
            MemoryError::Unavailable { .. } => Self::new(ServiceUnavailable, error.to_string()),
            MemoryError::UnknownMessage(_) => {
                Self::new(BadRequest, error.to_string()).with("field", "before")
            }
            MemoryError::Io { source, .. } if is_disk_full(source) => {
                let message = "The disk is full; free some space. Nothing acknowledged is lost, and a deletion that began is finished as \
                    soon as there is room";
                Self::new(ServiceUnavailable, message).with("reason", "disk_full")
            }
            MemoryError::Io { .. } | MemoryError::Damaged { .. } => {
                Self::new(InternalError, "The memory's files could not be read or written; the log says more")
            }
        }
    }
}

/// Whether an error says that the disk (or the user's share of it) is full: the one failure that passes by itself.
#[must_use]
pub fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::ErrorCode;

    #[test]
    fn a_full_disk_is_said_to_be_full_and_nothing_else_is() {
        let failure = |kind: io::ErrorKind| {
            Failure::from(&MemoryError::Io { path: "/memory/wal".into(), source: kind.into() })
        };
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let failure = failure(kind);
            assert_eq!(failure.code, ErrorCode::ServiceUnavailable);
            assert!(failure.message.contains("disk is full"), "{}", failure.message);
        }
        assert_eq!(failure(io::ErrorKind::NotFound).code, ErrorCode::InternalError);
    }
}
