//! One program at a time changes the skills directory: the gateway, or a command.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
    process,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::LockError;
use crate::limits::LOCK_TIME;

/// The file's name in the skills directory. It stays: removing it would let two programs hold two files of one name.
const NAME: &str = ".lock";
/// Time between two looks at a lock that another has.
const PAUSE: Duration = Duration::from_millis(50);
/// Digits of a process's number that are read.
const DIGITS: u64 = 20;

/// The right to change a skills directory; given back when dropped, and by the kernel when the process ends.
#[derive(Debug)]
pub(crate) struct Guard {
    _file: File,
}

impl Guard {
    /// Waits for it; makes the directory when there is none. No thread waits, and who is dropped meanwhile has nothing.
    ///
    /// # Errors
    /// When the file can't be made or locked, or another has it for too long.
    pub(crate) async fn wait(dir: &Path) -> Result<Self, LockError> {
        let end = Instant::now() + LOCK_TIME;
        loop {
            let path = dir.to_owned();
            let taken = tokio::task::spawn_blocking(move || Self::take(&path)).await;
            let holder =
                match taken.map_err(|error| failed("lock", &dir.join(NAME))(io::Error::other(error)))?? {
                    Taken::Ours(guard) => return Ok(guard),
                    Taken::Others(holder) => holder,
                };
            if Instant::now() >= end {
                return Err(LockError::Held { dir: dir.to_owned(), holder });
            }
            sleep(PAUSE).await;
        }
    }

    fn take(dir: &Path) -> Result<Taken, LockError> {
        if !dir.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(failed("create", dir))?;
        }
        let mut file = open(dir).map_err(failed("open", &dir.join(NAME)))?;
        match file.try_lock() {
            Ok(()) => {
                // For those who wait; a disk that is full does not keep anybody from removing something.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", process::id()));
                Ok(Taken::Ours(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(DIGITS).read_to_string(&mut text);
                Ok(Taken::Others(text.trim().parse().ok()))
            }
            Err(TryLockError::Error(error)) => Err(failed("lock", &dir.join(NAME))(error)),
        }
    }

    /// Takes it when it is free at once, and when there is a directory. Blocking.
    ///
    /// # Errors
    /// When the file can't be made or locked.
    pub(crate) fn try_take(dir: &Path) -> Result<Option<Self>, LockError> {
        if !fs::metadata(dir).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(None);
        }
        match Self::take(dir)? {
            Taken::Ours(guard) => Ok(Some(guard)),
            Taken::Others(_) => Ok(None),
        }
    }
}

enum Taken {
    Ours(Guard),
    /// By the process of this number, if it says.
    Others(Option<u32>),
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
