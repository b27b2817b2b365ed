//! The few things the memory asks of a file system, as a trait, so that tests can put a failing one underneath.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

#[cfg(any(test, feature = "testing"))]
mod fault;
#[cfg(any(test, feature = "testing"))]
mod model;
mod overlay;
mod real;

#[cfg(any(test, feature = "testing"))]
pub use fault::{Crash, Fault, FaultFs, FaultKind};
pub(crate) use overlay::Overlay;
pub use real::RealFs;

/// A file system. All paths are absolute or relative to the process; nothing is cached here.
///
/// What survives a crash is only what was synced: a file's bytes by [`FsFile::sync_data`], the names in a directory by
/// [`Fs::sync_dir`].
pub trait Fs: fmt::Debug + Send + Sync {
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FsFile>>;

    /// Creates a file, or empties an existing one, readable by its owner only (mode 0600).
    fn create(&self, path: &Path) -> io::Result<Arc<dyn FsFile>>;

    /// Creates a directory and what is missing above it, for their owner only (mode 0700); an existing one is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Replaces `to` by `from`, atomically for whoever looks; durable after [`Fs::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; durable after [`Fs::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The files (not the directories) in a directory, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged user can still write on the disk of `path`.
    fn available_space(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Positions are explicit, so threads can share it.
pub trait FsFile: fmt::Debug + Send + Sync {
    /// Reads at a position; 0 means the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `data` at a position. After an error any part of it may have been written.
    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file's bytes and its length durable. After an error nothing is known about what was written since the
    /// last success, and a later success says nothing about it either.
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file or extends it by zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf` from a position, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let got = self.read_up_to(buf, offset)?;
        if got == buf.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads from a position until `buf` is full or the file ends; returns how many bytes that were.
    fn read_up_to(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// Whether an error says that the process, or the system, has too many files open: that passes by itself, too.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    error.raw_os_error().is_some_and(|code| codes.iter().any(|known| known.raw_os_error() == code))
}
