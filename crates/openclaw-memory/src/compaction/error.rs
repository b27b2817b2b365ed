//! What compaction and its care can fail with.

use std::{io, path::PathBuf};

use openclaw_core::port::MemoryError;

/// Why the Markdown could not be made or changed. What was there before is still there; trying again is safe.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// A file or directory could not be used.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is larger than any that is read.
    #[error("{} has {bytes} bytes, more than {limit}: split it, or move it out of the directory", path.display())]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// Somebody changes a file all the time.
    #[error("{} was changed each time it was about to be written: close the program that writes it, and try again", path.display())]
    Contended {
        /// Which one.
        path: PathBuf,
    },
    /// The messages could not be read.
    #[error("the messages to compact can't be read")]
    Messages(#[source] MemoryError),
    /// It was told to stop.
    #[error("the compaction was stopped; the next one does this part again")]
    Cancelled,
}

impl CompactionError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
