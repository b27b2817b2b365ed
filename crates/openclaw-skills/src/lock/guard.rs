//! One program at a time changes the skills directory: the gateway, or a command.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::LockError;

/// The file's name in the skills directory. It stays: removing it would let two programs hold two files of one name.
const NAME: &str = ".lock";

/// The right to change a skills directory; given back when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub(crate) struct Guard {
    _file: File,
}

impl Guard {
    /// Waits for it; makes the directory when there is none. Blocking.
    ///
    /// # Errors
    /// When the file can't be made or locked.
    pub(crate) fn wait(dir: &Path) -> Result<Self, LockError> {
        if !dir.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(failed("create", dir))?;
        }
        let file = open(dir).map_err(failed("open", &dir.join(NAME)))?;
        file.lock().map_err(failed("lock", &dir.join(NAME)))?;
        Ok(Self { _file: file })
    }

    /// Takes it when it is free at once, and when there is a directory.
    ///
    /// # Errors
    /// When the file can't be made or locked.
    pub(crate) fn try_take(dir: &Path) -> Result<Option<Self>, LockError> {
        if !fs::metadata(dir).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(None);
        }
        let file = open(dir).map_err(failed("open", &dir.join(NAME)))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("lock", &dir.join(NAME))(error)),
        }
    }
}

fn open(dir: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(dir.join(NAME))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LockError + use<> {
    let path = path.to_owned();
    move |source| LockError::Io { action, path, source }
}
