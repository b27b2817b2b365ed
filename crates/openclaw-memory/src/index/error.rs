//! What can be wrong with the index.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::record::CodecError;

/// What can be wrong with the index. It is derived, so the cure is always to build it anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("the index {} can't be used", path.display())]
    Storage {
        path: PathBuf,
        #[source]
        source: Box<redb::Error>,
    },
    #[error("a row of the index {} is damaged", path.display())]
    Row {
        path: PathBuf,
        #[source]
        source: CodecError,
    },
    #[error("can't use {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("pages of the index {} are not what was written", .0.display())]
    Pages(PathBuf),
    #[error("the index {} is unfinished or of another version", .0.display())]
    Version(PathBuf),
    #[error("there is no index {}", .0.display())]
    Absent(PathBuf),
    #[error("the index {} is closed since an I/O error", .0.display())]
    Closed(PathBuf),
}

impl IndexError {
    /// Whether building the index anew is the cure. It is none for a disk or a process that has run out of something.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Storage { source, .. } => match &**source {
                // What is no database, or ends early, is reported as an I/O error.
                redb::Error::Io(error) => {
                    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
                }
                redb::Error::PreviousIo
                | redb::Error::Backend(_)
                | redb::Error::Unsupported
                | redb::Error::DatabaseAlreadyOpen
                | redb::Error::LockProtocolMismatch => false,
                _ => true,
            },
            Self::Row { .. } | Self::Pages(_) | Self::Version(_) | Self::Absent(_) => true,
            Self::Io { .. } | Self::Closed(_) => false,
        }
    }
}

pub(super) fn storage(path: &Path, error: impl Into<redb::Error>) -> IndexError {
    IndexError::Storage { path: path.to_owned(), source: Box::new(error.into()) }
}

pub(super) fn damaged(path: &Path, source: CodecError) -> IndexError {
    IndexError::Row { path: path.to_owned(), source }
}
