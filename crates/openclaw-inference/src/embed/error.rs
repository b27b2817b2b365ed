//! What can be wrong with the embedding model's file, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use openclaw_core::port::EmbedError;

/// A file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbedFileError {
    /// It isn't there.
    #[error("there is no embedding model at {}: get it with `gateway model pull embeddings`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The system gives no bytes of it.
    #[error("can't read the embedding model {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else, or of a later version.
    #[error("{} is no embedding model of this version ({what}): delete it and run `gateway model pull embeddings`", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What gives it away.
        what: &'static str,
    },
    /// Its bytes are not those that were written.
    #[error(
        "the embedding model {} is damaged ({what}, at byte {offset}): delete it and run `gateway model pull embeddings`",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where the part begins that is wrong.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

impl EmbedFileError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn damaged(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), offset, what }
    }
}

impl From<EmbedFileError> for EmbedError {
    fn from(error: EmbedFileError) -> Self {
        match error {
            EmbedFileError::Missing { path } => Self::Missing { path },
            other => Self::Unusable { message: other.to_string() },
        }
    }
}
