//! What can go wrong with the journal.

use std::path::PathBuf;

/// The journal could not be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the channels' journal {} can't be used: {reason}", file.display())]
pub struct JournalError {
    /// The file.
    pub file: PathBuf,
    /// What happened.
    pub reason: String,
}
