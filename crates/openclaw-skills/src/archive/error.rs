//! Why an archive was not unpacked.

use std::{error::Error, io, path::PathBuf};

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// Neither of the two kinds.
    #[error("the archive is neither a ZIP nor a gzipped tar file")]
    UnknownKind,
    /// A bound is passed.
    #[error("{what} has more than {limit} {unit}")]
    TooMuch {
        /// What of it.
        what: &'static str,
        /// What was counted.
        unit: &'static str,
        /// The most there may be.
        limit: u64,
    },
    /// An entry is none that a skill may have.
    #[error("the archive's entry `{path}` is refused: {reason}")]
    Entry {
        /// Its path, safe to show.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// Two readers could see two things in it.
    #[error("the archive is refused: {reason}")]
    Ambiguous {
        /// What is wrong.
        reason: &'static str,
    },
    /// The bytes are not what their format says.
    #[error("the archive is damaged: {what}")]
    Damaged {
        /// What can't be read.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file can't be written.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Longest part of a path that is shown, in characters.
const SHOWN: usize = 120;

impl ArchiveError {
    pub(super) fn entry(path: &str, reason: &'static str) -> Self {
        let path = path.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        Self::Entry { path, reason }
    }

    pub(super) fn damaged(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Damaged { what: what.into(), source: source.into() }
    }

    /// Whether the machine failed, and not the archive.
    pub(crate) fn is_io(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}
