//! What the parts of the store can fail with, in the port's words.

use std::{
    io,
    path::{Path, PathBuf},
};

use openclaw_core::port::MemoryError;

use crate::{
    compaction::CompactionError,
    index::IndexError,
    lock::LockError,
    record::CodecError,
    vault::VaultError,
    wal::{self, AppendError, ChangeError, ReadError},
};

/// A record that could not be sealed, so that it was not written.
pub(super) fn unsealable(error: &VaultError) -> MemoryError {
    let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
    MemoryError::Unwritable { reason: format!("{error}{cause}") }
}

/// A key that could not be destroyed.
pub(super) fn undestroyed(error: VaultError, dir: &std::path::Path) -> ChangeError {
    match error {
        VaultError::Io { path, source, .. } => ChangeError::Io { action: "destroy a key in", path, source },
        other => ChangeError::Io {
            action: "destroy a key in",
            path: crate::vault::Vault::path(dir),
            source: io::Error::other(other),
        },
    }
}

/// Why a memory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the directory.
    #[error("{} is in use by {}: stop that gateway first, or give this one its own directory (OPENCLAW_HOME)", path.display(), owner(*pid))]
    Locked {
        /// The memory's directory.
        path: PathBuf,
        /// The process, when its number could be read.
        pid: Option<u32>,
    },
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
    /// The log can't be opened.
    #[error("the memory's log can't be opened")]
    Log(#[source] wal::OpenError),
    /// A record that is whole but not of this version.
    #[error(
        "record {lsn} of the memory's log was written by a newer version ({what}): start that version again, or restore a backup"
    )]
    Newer {
        /// Which record.
        lsn: u64,
        /// What is not known.
        what: String,
    },
    /// It is encrypted and can't be opened with what was given, or should be encrypted and can't be.
    #[error(transparent)]
    Encryption(#[from] VaultError),
    /// The index can't be used, and building it anew was not possible or did not help.
    #[error("the memory's index in {} can't be used; when the disk is fine, remove that directory and start again", dir.display())]
    Index {
        /// The index's directory.
        dir: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl OpenError {
    pub(crate) fn index(dir: PathBuf, error: IndexError) -> Self {
        match error {
            IndexError::Io { path, source } => Self::Io { action: "use", path, source },
            other => Self::Index { dir, source: Box::new(other) },
        }
    }

    /// The log could not be read through.
    pub(super) fn unread(dir: &Path, error: ReadError) -> Self {
        let source = match error {
            ReadError::Io { source, .. } => source,
            other => io::Error::other(other),
        };
        Self::Io { action: "read the log in", path: dir.to_owned(), source }
    }

    /// Whether the index is at fault, so that building it anew helps.
    pub(super) fn is_damaged_index(&self) -> bool {
        match self {
            Self::Index { source, .. } => {
                source.downcast_ref::<IndexError>().is_some_and(IndexError::is_damage)
            }
            _ => false,
        }
    }

    pub(crate) fn lock(dir: PathBuf, error: LockError) -> Self {
        match error {
            LockError::Held { pid, .. } => Self::Locked { path: dir, pid },
            LockError::Io { action, path, source } => Self::Io { action, path, source },
        }
    }
}

/// A write that failed.
pub(super) fn append(error: AppendError) -> MemoryError {
    match error {
        AppendError::TooLarge { bytes, limit } => MemoryError::TooLarge { bytes, limit },
        AppendError::Full(reason) => MemoryError::Full { reason: reason.to_string() },
        AppendError::Poisoned(reason) => MemoryError::Unwritable { reason: reason.to_string() },
        AppendError::Closed => MemoryError::Closed,
    }
}

/// An erasure or a removal that failed.
pub(super) fn change(error: ChangeError) -> MemoryError {
    match error {
        ChangeError::Poisoned(reason) => MemoryError::Unwritable { reason: reason.to_string() },
        ChangeError::Io { path, source, .. } => MemoryError::Io { path, source },
        ChangeError::NotSealed { lsn } => MemoryError::Damaged {
            path: PathBuf::from("wal"),
            offset: 0,
            what: format!("no sealed segment starts with record {}", lsn.0),
        },
        ChangeError::Mismatch { path, offset, lsn } => {
            MemoryError::Damaged { path, offset, what: format!("another record than {} lies there", lsn.0) }
        }
    }
}

/// Markdown that could not be made or changed.
pub(super) fn compaction(error: CompactionError) -> MemoryError {
    match error {
        CompactionError::Io { path, source, .. } => MemoryError::Io { path, source },
        CompactionError::Messages(error) => error,
        CompactionError::Cancelled => MemoryError::Closed,
        CompactionError::TooLarge { ref path, .. } | CompactionError::Contended { ref path } => {
            MemoryError::Io { path: path.clone(), source: io::Error::other(error) }
        }
    }
}

/// A failed question to the index.
pub(super) fn index(error: IndexError) -> MemoryError {
    let is_damage = error.is_damage();
    match error {
        IndexError::Io { path, source } => MemoryError::Io { path, source },
        IndexError::Storage { path, source } if !is_damage => {
            // What the disk said itself, so that a full one is known as that.
            let source = match *source {
                redb::Error::Io(source) => source,
                other => io::Error::other(other),
            };
            MemoryError::Io { path, source }
        }
        IndexError::Closed(path) => {
            let reason = "it is closed since an I/O error; it is opened again once the disk answers";
            MemoryError::Io { path, source: io::Error::other(reason) }
        }
        IndexError::Storage { path, source } => MemoryError::Damaged {
            path,
            offset: 0,
            what: format!("{source}; it is rebuilt at the next start"),
        },
        IndexError::Row { path, source } => MemoryError::Damaged {
            path,
            offset: 0,
            what: format!("{source}; it is rebuilt at the next start"),
        },
        IndexError::Pages(path) => MemoryError::Damaged {
            path,
            offset: 0,
            what: "pages of the index; it is rebuilt at the next start".to_owned(),
        },
        IndexError::Version(path) | IndexError::Absent(path) => {
            MemoryError::Damaged { path, offset: 0, what: "another version's index".to_owned() }
        }
    }
}

/// A record that could not be read although it should be there.
pub(crate) fn read(error: ReadError) -> MemoryError {
    match error {
        ReadError::Io { path, source } => MemoryError::Io { path, source },
        ReadError::Damaged { path, offset, lsn } => {
            MemoryError::Damaged { path, offset, what: format!("record {} does not verify", lsn.0) }
        }
        ReadError::Erased(lsn) | ReadError::Absent { lsn, .. } => MemoryError::Damaged {
            path: PathBuf::from("wal"),
            offset: 0,
            what: format!("record {} is no longer there", lsn.0),
        },
    }
}

/// A record whose checksum is right and whose contents make no sense.
pub(super) fn codec(at: crate::wal::Pointer, error: CodecError) -> MemoryError {
    MemoryError::Damaged {
        path: PathBuf::from("wal"),
        offset: u64::from(at.offset),
        what: format!("record {}: {error}", at.lsn.0),
    }
}
