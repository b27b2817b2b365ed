//! A file system in memory that fails, tears and forgets on demand, with the page cache's semantics: what was not synced may
//! survive a crash in any part.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Fs, FsFile,
    model::{Disk, Inode, NameChange},
};

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which operation, counted from 0. Everything that changes or syncs counts; reading does not.
    pub at: u64,
    /// What happens to it.
    pub kind: FaultKind,
}

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It fails with an I/O error. A failed sync also forgets what it should have written, as Linux does.
    Fail,
    /// A write gets half done, then fails with an I/O error. Anything else just fails.
    Tear,
    /// It fails because the disk is full; a write gets half done.
    Full,
    /// It reports success, and what it did never reaches the disk: a lying device. No log survives that for what is
    /// acknowledged then; it must notice, though.
    Lie,
    /// The machine stops before it.
    CrashBefore,
    /// The machine stops after it.
    CrashAfter,
}

/// What a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Only the process died: everything is still in the page cache, synced or not.
    ProcessOnly,
    /// Power was lost with nothing unsynced written back.
    LoseUnsynced,
    /// Power was lost with some unsynced sectors and names written back, in no order; the seed says which.
    Torn(u64),
}

/// The file system. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct FaultFs {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct FaultFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
}

impl FaultFs {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the next fault, with the operations counted from now on.
    pub fn inject(&self, fault: Fault) {
        let mut disk = self.lock();
        disk.operations = 0;
        disk.fault = Some(fault);
    }

    /// Operations since the disk was made or the last fault was set.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Size of the disk in bytes; writes beyond it fail as full. `None`: endless.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Whether the process has as many files open as it may: opening, creating, and syncing a directory fail.
    pub fn set_out_of_files(&self, out: bool) {
        self.lock().out_of_files = out;
    }

    /// The disk after a crash, in working order. The old one is dead: everything on it fails.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Self {
        let mut disk = self.lock();
        let mut after = disk.clone();
        disk.crashed = true;
        (after.crashed, after.fault, after.operations) = (false, None, 0);
        match crash {
            Crash::ProcessOnly => {}
            Crash::LoseUnsynced => after.lose_power(None),
            Crash::Torn(seed) => after.lose_power(Some(seed)),
        }
        Self { disk: Arc::new(Mutex::new(after)) }
    }

    /// Changes a file's bytes behind everybody's back, durably: rot, or a meddling person.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut disk = self.lock();
        let inode = disk.find(path)?;
        let file = disk.inode(inode)?;
        change(&mut file.current);
        *file = Inode::synced(file.current.clone());
        Ok(())
    }

    /// A file's bytes as a process sees them.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut disk = self.lock();
        let inode = disk.find(path)?;
        Ok(disk.inode(inode)?.current.clone())
    }

    /// All files.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }

    fn file(&self, inode: usize) -> Arc<dyn FsFile> {
        Arc::new(FaultFile { disk: Arc::clone(&self.disk), inode })
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn broken() -> io::Error {
    io::Error::other("injected I/O error")
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

impl Disk {
    /// Does an operation, or what the fault makes of it. `act` is told whether the disk lies.
    fn operate(&mut self, act: impl FnOnce(&mut Self, bool) -> io::Result<()>) -> io::Result<()> {
        match self.next_fault()? {
            None => act(self, false),
            Some(FaultKind::Lie) => act(self, true),
            Some(FaultKind::Full) => Err(full()),
            Some(FaultKind::CrashAfter) => {
                self.crashed = true;
                act(self, false)
            }
            Some(FaultKind::CrashBefore) => {
                self.crashed = true;
                Err(broken())
            }
            Some(FaultKind::Fail | FaultKind::Tear) => Err(broken()),
        }
    }

    /// Counts an operation and says what is to go wrong with it.
    fn next_fault(&mut self) -> io::Result<Option<FaultKind>> {
        self.check()?;
        let now = self.operations;
        self.operations += 1;
        Ok(self.fault.filter(|fault| fault.at == now).map(|fault| fault.kind))
    }

    fn check_files(&self) -> io::Result<()> {
        if self.out_of_files { Err(rustix::io::Errno::MFILE.into()) } else { Ok(()) }
    }

    fn check(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the machine has crashed")) } else { Ok(()) }
    }
}

impl Fs for FaultFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        let disk = self.lock();
        disk.check()?;
        disk.check_files()?;
        let inode = disk.find(path)?;
        drop(disk);
        Ok(self.file(inode))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        let mut disk = self.lock();
        disk.check_files()?;
        let mut inode = usize::MAX;
        disk.operate(|disk, lies| {
            inode = disk.add();
            disk.rename(NameChange::Link { name: path.to_owned(), inode }, lies);
            Ok(())
        })?;
        drop(disk);
        Ok(self.file(inode))
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        // Directories are not modelled: a file's path is its name.
        self.lock().check()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lock().operate(|disk, lies| {
            disk.find(from)?;
            disk.rename(NameChange::Move { from: from.to_owned(), to: to.to_owned() }, lies);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.lock().operate(|disk, lies| {
            disk.find(path)?;
            disk.rename(NameChange::Unlink { name: path.to_owned() }, lies);
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let disk = self.lock();
        disk.check()?;
        Ok(disk.names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.lock();
        disk.check_files()?;
        disk.operate(|disk, lies| {
            if !lies {
                disk.sync_names(dir);
            }
            Ok(())
        })
    }

    fn available_space(&self, _path: &Path) -> io::Result<u64> {
        let disk = self.lock();
        disk.check()?;
        Ok(disk.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(disk.used())))
    }
}

impl FsFile for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = lock(&self.disk);
        disk.check()?;
        let file = disk.inode(self.inode)?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.current.len());
        let rest = file.current.get(from..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        let fault = disk.next_fault()?;
        let half = data.get(..data.len() / 2).unwrap_or_default();
        match fault {
            None => disk.write(self.inode, offset, data, false),
            Some(FaultKind::Lie) => disk.write(self.inode, offset, data, true),
            Some(FaultKind::Fail) => Err(broken()),
            Some(FaultKind::Tear) => disk.write(self.inode, offset, half, false).and(Err(broken())),
            Some(FaultKind::Full) => disk.write(self.inode, offset, half, false).and(Err(full())),
            Some(FaultKind::CrashBefore) => {
                disk.crashed = true;
                Err(broken())
            }
            Some(FaultKind::CrashAfter) => {
                disk.crashed = true;
                disk.write(self.inode, offset, data, false)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk);
        let done = disk.operate(|disk, lies| {
            if !lies {
                disk.inode(self.inode)?.sync();
            }
            Ok(())
        });
        if done.is_err() && !disk.crashed {
            // Linux marks the pages clean, whatever became of them: what they hold is only in memory from now on.
            disk.inode(self.inode)?.forget_unsynced();
        }
        done
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.disk).operate(|disk, lies| disk.set_len(self.inode, len, lies))
    }

    fn len(&self) -> io::Result<u64> {
        let mut disk = lock(&self.disk);
        disk.check()?;
        Ok(disk.inode(self.inode)?.current.len() as u64)
    }
}
