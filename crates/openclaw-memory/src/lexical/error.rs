//! What the index can fail with.

use std::{io, path::PathBuf};

/// Why the index could not do it. Whatever it is, the log is the truth: the owner may drop the index and build it anew.
#[derive(Debug, thiserror::Error)]
pub enum LexicalError {
    /// There is no index.
    #[error("there is no search index in {0}")]
    Absent(PathBuf),
    /// A file could not be used.
    #[error("can't {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Stored bytes are not what was written.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Another version's index, or one whose texts were taken apart by other rules.
    #[error("{path} is of version {found}, and this program's is {expected}: the index has to be built anew")]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this program.
        expected: u32,
    },
    /// The terms were hashed with another key.
    #[error("{0} was written with another key: the index has to be built anew")]
    OtherKey(PathBuf),
    /// An earlier commit failed, and nobody knows which state is on the disk.
    #[error("the search index in {0} takes no changes since a failed commit: open it again")]
    Poisoned(PathBuf),
    /// More documents than a segment can hold.
    #[error("a segment of the search index can't hold {0} documents")]
    TooMany(u64),
    /// The work was called off.
    #[error("stopped")]
    Stopped,
}

impl LexicalError {
    /// Whether the files are at fault, so that building the index anew helps.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::Damaged { .. } | Self::Version { .. } | Self::OtherKey(_))
    }
}
