//! What the committer, the readers and the owner of a log share.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use openclaw_core::Lsn;

use super::{
    SegmentInfo, WalOptions,
    archive::{ArchiveFile, archive_path},
    chain::Ledger,
    frame::Codec,
    preamble::{self, Preamble},
    signposts::Signposts,
    write_zeros,
};
use crate::{
    fs::{Fs, FsFile},
    poison::Poison,
};

/// Open files kept for reading.
const OPEN_FILES: usize = 32;

/// An I/O error with what was being done to what.
#[derive(Debug)]
pub(super) struct IoFailure {
    pub(super) action: &'static str,
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl IoFailure {
    /// For `map_err`.
    pub(super) fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// Where a segment's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// In a file of their own.
    Wal,
    /// In an archive, while the file they came from is still to be removed. Nothing may be changed before it is.
    Moving,
    /// In an archive.
    Archive,
}

/// One segment. The last of the table takes the appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first record; its name.
    pub(super) first: u64,
    /// Bytes of header and durable frames.
    pub(super) end: u64,
    /// Where they are.
    pub(super) home: Home,
    /// Bytes of its archive, if it has one.
    pub(super) archived: u64,
}

impl Segment {
    /// A segment with a file of its own.
    pub(super) fn plain(first: u64, end: u64) -> Self {
        Self { first, end, home: Home::Wal, archived: 0 }
    }

    /// Bytes it takes on the disk.
    pub(super) fn on_disk(&self) -> u64 {
        if self.home == Home::Wal { self.end } else { self.archived }
    }
}

/// Where the files of a log lie.
#[derive(Debug, Clone)]
pub(super) struct Dirs {
    /// Manifest and segments.
    pub(super) wal: PathBuf,
    /// Archives; made with the first of them.
    pub(super) archive: PathBuf,
}

impl Dirs {
    pub(super) fn new(wal: &Path, options: &WalOptions) -> Self {
        let archive = options.archive_dir.clone().unwrap_or_else(|| wal.join("archive"));
        Self { wal: wal.to_owned(), archive }
    }

    pub(super) fn path(&self, first: u64, home: Home) -> PathBuf {
        match home {
            Home::Wal => segment_path(&self.wal, first),
            Home::Moving | Home::Archive => archive_path(&self.archive, first),
        }
    }
}

/// Opens a segment's bytes, wherever they are.
pub(super) fn open_at(
    fs: &dyn Fs,
    dirs: &Dirs,
    codec: &Codec,
    first: u64,
    home: Home,
) -> io::Result<Arc<dyn FsFile>> {
    let file = fs.open(&dirs.path(first, home))?;
    match home {
        Home::Wal => Ok(file),
        Home::Moving | Home::Archive => Ok(Arc::new(ArchiveFile::open(file, codec, first)?)),
    }
}

/// The segments, oldest first, and the next record's Lsn.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) segments: Vec<Segment>,
    pub(super) next: u64,
}

impl Table {
    /// Index of the segment that holds a record, if any does.
    pub(super) fn find(&self, lsn: u64) -> Option<usize> {
        if lsn >= self.next {
            return None;
        }
        self.segments.partition_point(|segment| segment.first <= lsn).checked_sub(1)
    }

    /// The records of a segment.
    pub(super) fn lsns(&self, index: usize) -> Range<u64> {
        let first = self.segments.get(index).map_or(self.next, |segment| segment.first);
        first..self.segments.get(index + 1).map_or(self.next, |segment| segment.first)
    }

    /// A segment by its first record, with its index.
    pub(super) fn get(&self, first: u64) -> Option<(usize, Segment)> {
        let index = self.segments.binary_search_by_key(&first, |segment| segment.first).ok()?;
        Some((index, *self.segments.get(index)?))
    }

    /// From the first record held to the next to come.
    pub(super) fn held(&self) -> Range<Lsn> {
        Lsn(self.segments.first().map_or(self.next, |segment| segment.first))..Lsn(self.next)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dirs: Dirs,
    pub(super) codec: Codec,
    pub(super) options: WalOptions,
    pub(super) table: RwLock<Table>,
    pub(super) poison: Poison,
    /// Held while records are erased, segments archived or dropped, and by a reader that wants to know whether what it failed
    /// to verify was just being erased.
    changing: Mutex<()>,
    /// Counts the files that were replaced by others, so that a scan can let go of one it has open.
    replaced: AtomicU64,
    files: Mutex<Vec<(u64, Arc<dyn FsFile>)>>,
    /// The hash chain, once it was read. Whoever changes segments takes it after `changing`.
    chain: Mutex<Option<Ledger>>,
    pub(super) signposts: Signposts,
}

impl Shared {
    pub(super) fn new(fs: Arc<dyn Fs>, dirs: Dirs, codec: Codec, options: WalOptions, table: Table) -> Self {
        Self {
            fs,
            dirs,
            codec,
            options,
            table: RwLock::new(table),
            poison: Poison::default(),
            changing: Mutex::new(()),
            replaced: AtomicU64::new(0),
            files: Mutex::new(Vec::new()),
            chain: Mutex::new(None),
            signposts: Signposts::default(),
        }
    }

    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn chain(&self) -> MutexGuard<'_, Option<Ledger>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the table.
    pub(super) fn with_table<R>(&self, look: impl FnOnce(&Table) -> R) -> R {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the table.
    pub(super) fn edit_table<R>(&self, edit: impl FnOnce(&mut Table) -> R) -> R {
        edit(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a segment's bytes are now.
    pub(super) fn path(&self, first: u64) -> PathBuf {
        self.dirs.path(first, self.home(first).unwrap_or(Home::Wal))
    }

    fn home(&self, first: u64) -> Option<Home> {
        self.with_table(|table| table.get(first).map(|(_, segment)| segment.home))
    }

    /// Opens a segment for one reader.
    pub(super) fn open_file(&self, first: u64) -> io::Result<Arc<dyn FsFile>> {
        let open = |home| open_at(&*self.fs, &self.dirs, &self.codec, first, home);
        let home = self.home(first).ok_or(io::ErrorKind::NotFound)?;
        match open(home) {
            // It was archived between the look and the opening.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.home(first) {
                Some(now) if now != home => open(now),
                _ => Err(error),
            },
            done => done,
        }
    }

    /// How often a file was replaced by another.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Acquire)
    }

    /// The file of a segment was replaced: who has it open opens it anew.
    pub(super) fn file_replaced(&self, first: u64) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|(held, _)| *held != first);
        self.replaced.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes where a segment is now.
    pub(super) fn set_segment(&self, segment: Segment) {
        self.edit_table(|table| {
            if let Some((index, _)) = table.get(segment.first)
                && let Some(slot) = table.segments.get_mut(index)
            {
                *slot = segment;
            }
        });
    }

    /// The file of a segment, from a small set that is kept open.
    pub(super) fn file(&self, first: u64) -> io::Result<Arc<dyn FsFile>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = files.iter().position(|(held, _)| *held == first) {
            if let Some(recent) = files.get_mut(at..) {
                recent.rotate_left(1);
            }
        } else {
            let file = self.open_file(first)?;
            if files.len() == OPEN_FILES {
                files.remove(0);
            }
            files.push((first, file));
        }
        files.last().map(|(_, file)| Arc::clone(file)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Closes the files of segments that are gone.
    pub(super) fn close_files_before(&self, lsn: u64) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|(first, _)| *first >= lsn);
    }

    pub(super) fn segments(&self) -> Vec<SegmentInfo> {
        self.with_table(|table| {
            let last = table.segments.len().saturating_sub(1);
            let info = |(index, segment): (usize, &Segment)| {
                let lsns = table.lsns(index);
                SegmentInfo {
                    path: self.dirs.path(segment.first, segment.home),
                    lsns: Lsn(lsns.start)..Lsn(lsns.end),
                    bytes: segment.end,
                    sealed: index != last,
                    archived: (segment.home != Home::Wal).then_some(segment.archived),
                }
            };
            table.segments.iter().enumerate().map(info).collect()
        })
    }
}

/// A segment's file is named after its first record, in 20 digits so that names sort.
pub(super) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.wal"))
}

/// The first record of the segment at `path`; `None` when it is no segment.
pub(super) fn segment_first(path: &Path) -> Option<u64> {
    first_of(path, ".wal")
}

/// The first record of the archive at `path`; `None` when it is no archive.
pub(super) fn archive_first(path: &Path) -> Option<u64> {
    first_of(path, ".arc")
}

fn first_of(path: &Path, suffix: &str) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(suffix)?;
    if digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

/// Where the manifest lies.
pub(super) fn manifest_path(dir: &Path) -> PathBuf {
    dir.join("manifest")
}

/// Puts a file in place as a whole: under another name, synced, renamed, the directory synced.
pub(super) fn place(
    fs: &dyn Fs,
    dir: &Path,
    path: &Path,
    head: &[u8],
    zeros: u64,
) -> Result<Arc<dyn FsFile>, IoFailure> {
    let temporary = path.with_extension("tmp");
    let file = fs.create(&temporary).map_err(IoFailure::at("create", &temporary))?;
    let written = file
        .write_all_at(head, 0)
        .and_then(|()| write_zeros(&*file, head.len() as u64, zeros))
        .and_then(|()| file.sync_data());
    if let Err(source) = written {
        // Only tidiness: the next start removes it too.
        let _ = fs.remove(&temporary);
        return Err(IoFailure { action: "write", path: temporary, source });
    }
    fs.rename(&temporary, path).map_err(IoFailure::at("rename", &temporary))?;
    fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
    Ok(file)
}

/// Creates an empty segment, durably, with `zeros` bytes of room.
pub(super) fn create_segment(
    fs: &dyn Fs,
    dir: &Path,
    codec: &Codec,
    lsns: (u64, u64),
    zeros: u64,
) -> Result<Arc<dyn FsFile>, IoFailure> {
    let (first, previous) = lsns;
    let head = Preamble { id: codec.id, lsn: Lsn(first), previous: Lsn(previous) }.encode(preamble::SEGMENT);
    place(fs, dir, &segment_path(dir, first), &head, zeros)
}

/// Replaces the manifest, durably.
pub(super) fn write_manifest(fs: &dyn Fs, dir: &Path, codec: &Codec, floor: u64) -> Result<(), IoFailure> {
    let bytes = Preamble { id: codec.id, lsn: Lsn(floor), previous: Lsn(0) }.encode(preamble::MANIFEST);
    place(fs, dir, &manifest_path(dir), &bytes, 0).map(drop)
}
