//! Opening a log: what is in the directory, where the log ends, what a crash left unfinished.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::Lsn;

use super::{
    Cut, Damage, Gap, OpenError, Recovery, WalOptions,
    archive::{ArchiveFile, ArchiveHead, Unopened},
    change::remove_files,
    frame::{Codec, LogId},
    preamble::{self, Preamble, Unreadable},
    replay::walk_to_end,
    shared::{
        Dirs, Home, IoFailure, Segment, Table, archive_first, create_segment, manifest_path, open_at,
        segment_first, write_manifest,
    },
    walk::Walker,
};
use crate::fs::{Fs, FsFile};

impl From<IoFailure> for OpenError {
    fn from(failure: IoFailure) -> Self {
        Self::Io { action: failure.action, path: failure.path, source: failure.source }
    }
}

/// A log directory that was found in order, or put in order.
pub(super) struct Opened {
    pub(super) codec: Codec,
    pub(super) table: Table,
    /// The last segment.
    pub(super) file: Arc<dyn FsFile>,
    /// Its length: records, then zeros.
    pub(super) capacity: u64,
    pub(super) report: Recovery,
}

/// A segment as found. Its file is not kept open: there may be more of them than a process may have files.
pub(super) struct Found {
    pub(super) first: u64,
    pub(super) home: Home,
    /// Bytes of the segment.
    pub(super) len: u64,
    /// Bytes of its file.
    pub(super) on_disk: u64,
    /// `None` when damaged.
    pub(super) header: Option<Preamble>,
    /// Behind its last record; an archive knows.
    pub(super) end: Option<u64>,
}

impl Found {
    pub(super) fn segment(&self) -> Segment {
        let archived = if self.home == Home::Wal { 0 } else { self.on_disk };
        Segment { first: self.first, end: self.len, home: self.home, archived }
    }
}

/// Where the tail's check may start: at the end of a record known to be synced.
pub(super) type Hint = Option<super::Pointer>;

/// Puts the directory in order and finds the log's end. `least_next` is what the next record's Lsn must at least be.
pub(super) fn open(
    fs: &dyn Fs,
    dirs: &Dirs,
    options: &WalOptions,
    hint: Hint,
    least_next: Lsn,
) -> Result<Opened, OpenError> {
    let dir = dirs.wal.as_path();
    fs.create_dir_all(dir).map_err(IoFailure::at("create", dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs.sync_dir(parent).map_err(IoFailure::at("sync", parent))?;
    }
    let mut report = Recovery::default();
    let inventory = Inventory::take(fs, dirs)?;
    for path in &inventory.unfinished {
        fs.remove(path).map_err(IoFailure::at("remove", path))?;
    }
    // A process that was killed between renaming and syncing left names that only the page cache knows.
    fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
    if inventory.has_archives() {
        fs.sync_dir(&dirs.archive).map_err(IoFailure::at("sync", &dirs.archive))?;
    }
    let manifest = match &inventory.manifest {
        Some(path) => {
            let file = fs.open(path).map_err(IoFailure::at("open", path))?;
            read_preamble(&*file, path, preamble::MANIFEST)?
        }
        None => None,
    };
    let mut found = Vec::with_capacity(inventory.segments.len());
    for (first, home) in inventory.segments {
        found.push(look_at(fs, dirs, first, home)?);
    }
    let id = identify(dirs, manifest, &found)?;
    let codec = Codec::new(id.unwrap_or_else(|| ulid::Ulid::generate().to_bytes()));
    // A lost manifest forgets what was dropped on purpose: what is there is then taken for all there was.
    let all = found.first().map_or(1, |segment| segment.first);
    let floor = manifest.map_or(all, |manifest| manifest.lsn.0.max(1));
    if manifest.is_none() {
        write_manifest(fs, dir, &codec, floor)?;
    }
    finish_drop(fs, dirs, floor, &mut found)?;
    finish_moves(fs, dirs, &codec, &mut found)?;
    check_chain((fs, dirs), &codec, floor, &found, &mut report)?;

    let mut table = Table { segments: Vec::with_capacity(found.len() + 1), next: floor };
    table.segments.extend(found.iter().map(Found::segment));
    let mut tail = None;
    if let Some(last) = found.pop_if(|last| last.home != Home::Wal) {
        // The segment that took the records after it is missing. A new one goes on behind it.
        table.next = match last.end {
            Some(end) => end,
            None => end_of(fs, dirs, &codec, &last)?,
        };
    } else if let Some(last) = found.pop() {
        let path = dirs.path(last.first, last.home);
        let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
        let end = settle_tail(&last, &file, &path, codec, hint, &mut report)?;
        if let Some(segment) = table.segments.last_mut() {
            segment.end = end.offset;
        }
        table.next = end.next;
        tail = Some((file, end.capacity));
    }
    if least_next.0 > table.next {
        // A checkpoint covers records the log no longer has. Their numbers must not be given out again.
        let path =
            table.segments.last().map_or_else(|| dir.to_owned(), |last| dirs.path(last.first, last.home));
        report.gaps.push(Gap { lost: Lsn(table.next)..least_next, path });
        table.next = least_next.0;
        tail = None;
    }
    let (file, capacity) = match tail {
        Some(tail) => tail,
        None => {
            let previous = table.segments.last().map_or(0, |segment| segment.first);
            let zeros = options.preallocate_bytes;
            let file = create_segment(fs, dir, &codec, (table.next, previous), zeros)?;
            let end = preamble::SIZE as u64;
            // An empty segment of that name may be there already, in which case it was just replaced.
            table.segments.retain(|segment| segment.first != table.next);
            table.segments.push(Segment::plain(table.next, end));
            (file, end + zeros)
        }
    };
    report.next = Lsn(table.next);
    Ok(Opened { codec, table, file, capacity, report })
}

/// What is in a log's directories.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) manifest: Option<PathBuf>,
    /// In order; a segment that was being archived is in it twice, its file first.
    pub(super) segments: Vec<(u64, Home)>,
    /// What an interrupted start, rotation or archiving left.
    pub(super) unfinished: Vec<PathBuf>,
}

impl Inventory {
    pub(super) fn take(fs: &dyn Fs, dirs: &Dirs) -> Result<Self, IoFailure> {
        let mut found = Self::default();
        for path in fs.list(&dirs.wal).map_err(IoFailure::at("list", &dirs.wal))? {
            if path == manifest_path(&dirs.wal) {
                found.manifest = Some(path);
            } else if let Some(first) = segment_first(&path) {
                found.segments.push((first, Home::Wal));
            } else if is_temporary(&path) {
                found.unfinished.push(path);
            }
        }
        let archives = match fs.list(&dirs.archive) {
            // Nothing was archived yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(IoFailure::at("list", &dirs.archive))?,
        };
        for path in archives {
            if let Some(first) = archive_first(&path) {
                found.segments.push((first, Home::Archive));
            } else if is_temporary(&path) {
                found.unfinished.push(path);
            }
        }
        found.segments.sort_unstable_by_key(|(first, home)| (*first, *home == Home::Archive));
        Ok(found)
    }

    fn has_archives(&self) -> bool {
        self.segments.iter().any(|(_, home)| *home == Home::Archive)
    }
}

fn is_temporary(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

fn read_preamble(file: &dyn FsFile, path: &Path, magic: [u8; 8]) -> Result<Option<Preamble>, OpenError> {
    let mut bytes = [0; preamble::SIZE];
    let read = file.read_up_to(&mut bytes, 0).map_err(IoFailure::at("read", path))?;
    if read < bytes.len() {
        return Ok(None);
    }
    match Preamble::decode(&bytes, magic) {
        Ok(preamble) => Ok(Some(preamble)),
        Err(Unreadable::Damaged) => Ok(None),
        Err(Unreadable::Future(found)) => {
            Err(OpenError::FutureVersion { path: path.to_owned(), found, supported: preamble::VERSION })
        }
    }
}

pub(super) fn look_at(fs: &dyn Fs, dirs: &Dirs, first: u64, home: Home) -> Result<Found, OpenError> {
    let path = dirs.path(first, home);
    let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
    let on_disk = file.len().map_err(IoFailure::at("read", &path))?;
    if home != Home::Wal {
        // Of an archive no more is read than this, however many there are.
        let mut bytes = [0; preamble::SIZE];
        let read = file.read_up_to(&mut bytes, 0).map_err(IoFailure::at("read", &path))?;
        let head = match ArchiveHead::decode(&bytes) {
            Err(Unreadable::Future(found)) => {
                return Err(OpenError::FutureVersion { path, found, supported: preamble::VERSION });
            }
            Ok(head) if read == bytes.len() && head.first.0 == first => Some(head),
            _ => None,
        };
        return Ok(Found {
            first,
            home,
            // Without a head it is found out once the log is identified.
            len: head.map_or(0, |head| u64::from(head.len)),
            on_disk,
            header: head.map(|head| Preamble { id: head.id, lsn: head.first, previous: head.previous }),
            end: head.map(|head| head.end.0),
        });
    }
    let header = read_preamble(&*file, &path, preamble::SEGMENT)?;
    let header = header.filter(|header| header.lsn.0 == first);
    Ok(Found { first, home, len: on_disk, on_disk, header, end: None })
}

/// The log's id, from whatever still tells it; `None` for a log that does not exist yet.
pub(super) fn identify(
    dirs: &Dirs,
    manifest: Option<Preamble>,
    found: &[Found],
) -> Result<Option<LogId>, OpenError> {
    let mut headers = found.iter().filter_map(|segment| Some((segment, segment.header?.id)));
    let id = match manifest {
        Some(manifest) => Some(manifest.id),
        None => headers.clone().next().map(|(_, id)| id),
    };
    if id.is_none() && !found.is_empty() {
        return Err(OpenError::Unidentified { path: dirs.wal.clone() });
    }
    if let Some((segment, _)) = headers.find(|(_, other)| Some(*other) != id) {
        return Err(OpenError::Foreign { path: dirs.path(segment.first, segment.home) });
    }
    Ok(id)
}

/// Removes the segments that a drop had written off before it was interrupted.
fn finish_drop(fs: &dyn Fs, dirs: &Dirs, floor: u64, found: &mut Vec<Found>) -> Result<(), OpenError> {
    let gone = found.iter().filter(|segment| segment.first < floor).count();
    for segment in found.drain(..gone) {
        remove_files(fs, dirs, &segment.segment())?;
        let dir = if segment.home == Home::Wal { &dirs.wal } else { &dirs.archive };
        fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
    }
    Ok(())
}

/// Where a segment has both a file and an archive, archiving was interrupted, and they hold the same. The file goes, unless
/// the archive is not whole.
fn finish_moves(fs: &dyn Fs, dirs: &Dirs, codec: &Codec, found: &mut Vec<Found>) -> Result<(), OpenError> {
    for segment in found.iter_mut().filter(|segment| segment.home != Home::Wal && segment.header.is_none()) {
        let archive = open_archive(fs, dirs, codec, segment.first)?;
        let path = dirs.path(segment.first, Home::Archive);
        segment.len = archive.len().map_err(IoFailure::at("read", &path))?;
    }
    let twice: Vec<u64> =
        found.array_windows().filter_map(|[a, b]| (a.first == b.first).then_some(a.first)).collect();
    for first in twice {
        let whole = is_whole(fs, dirs, codec, first)?;
        let (dir, home) = if whole { (&dirs.wal, Home::Wal) } else { (&dirs.archive, Home::Archive) };
        let path = dirs.path(first, home);
        fs.remove(&path).map_err(IoFailure::at("remove", &path))?;
        fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
        found.retain(|segment| segment.first != first || segment.home != home);
    }
    Ok(())
}

fn open_archive(fs: &dyn Fs, dirs: &Dirs, codec: &Codec, first: u64) -> Result<ArchiveFile, OpenError> {
    let path = dirs.path(first, Home::Archive);
    let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
    ArchiveFile::open(file, codec, first).map_err(|error| match error {
        Unopened::Future(found) => OpenError::FutureVersion { path, found, supported: preamble::VERSION },
        Unopened::Io(source) => OpenError::Io { action: "read", path, source },
    })
}

fn is_whole(fs: &dyn Fs, dirs: &Dirs, codec: &Codec, first: u64) -> Result<bool, OpenError> {
    let path = dirs.path(first, Home::Archive);
    let archive = open_archive(fs, dirs, codec, first)?;
    if archive.head.is_none() || !archive.has_table {
        return Ok(false);
    }
    for number in 0..archive.blocks() {
        if !archive.block(number).map_err(IoFailure::at("read", &path))?.1 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The Lsn behind the last record of a segment.
fn end_of(fs: &dyn Fs, dirs: &Dirs, codec: &Codec, found: &Found) -> Result<u64, OpenError> {
    let path = dirs.path(found.first, found.home);
    let file = open_at(fs, dirs, codec, found.first, found.home).map_err(IoFailure::at("open", &path))?;
    let mut walker = Walker::new(file, *codec, found.first, found.len);
    Ok(walk_to_end(&mut walker).map_err(IoFailure::at("read", &path))?.next)
}

/// Notes damaged headers and missing segments. Reads more than headers only where something is missing.
fn check_chain(
    (fs, dirs): (&dyn Fs, &Dirs),
    codec: &Codec,
    floor: u64,
    found: &[Found],
    report: &mut Recovery,
) -> Result<(), OpenError> {
    let mut before: Option<&Found> = None;
    for segment in found {
        let path = dirs.path(segment.first, segment.home);
        let Some(header) = segment.header else {
            let bytes = segment.on_disk.min(preamble::SIZE as u64);
            let lost = Lsn(segment.first)..Lsn(segment.first);
            report.damages.push(Damage { path, offset: 0, bytes, lost, maybe_unacknowledged: false });
            before = Some(segment);
            continue;
        };
        let missing = match before {
            Some(before) if header.previous.0 != before.first => {
                Some(end_of(fs, dirs, codec, before)?..segment.first)
            }
            None if segment.first > floor => Some(floor..segment.first),
            _ => None,
        };
        if let Some(Range { start, end }) = missing.filter(|lost| !lost.is_empty()) {
            let path = dirs.path(start, Home::Wal);
            report.gaps.push(Gap { lost: Lsn(start)..Lsn(end), path });
        }
        before = Some(segment);
    }
    Ok(())
}

/// The end of the last segment.
struct Tail {
    offset: u64,
    next: u64,
    capacity: u64,
}

/// Finds the end of the last segment, cuts what is no record behind it, and makes the last batch durable: a process that
/// was killed, or whose sync failed, may have left it in the page cache only.
fn settle_tail(
    last: &Found,
    file: &Arc<dyn FsFile>,
    path: &Path,
    codec: Codec,
    hint: Hint,
    report: &mut Recovery,
) -> Result<Tail, OpenError> {
    let mut walker = Walker::new(Arc::clone(file), codec, last.first, last.len);
    if let Some(pointer) = hint.filter(|pointer| pointer.lsn.0 >= last.first) {
        let frame = walker.frame_at(u64::from(pointer.offset), pointer.lsn.0);
        if let Some(frame) =
            frame.map_err(IoFailure::at("read", path))?.filter(|frame| frame.len == pointer.len)
        {
            walker.seek(frame.end(), frame.lsn + 1);
        }
    }
    let (from, _) = walker.place();
    let end = walk_to_end(&mut walker).map_err(IoFailure::at("read", path))?;
    report.damages.extend(end.damages.into_iter().map(|damage| damage.at(path)));
    let mut capacity = last.len.max(end.offset);
    if end.dirty > 0 || last.len < preamble::SIZE as u64 {
        if end.dirty > 0 {
            report.cut = Some(Cut { path: path.to_owned(), offset: end.offset, bytes: end.dirty });
        }
        file.set_len(end.offset).map_err(IoFailure::at("cut", path))?;
        capacity = end.offset;
    }
    rewrite(&**file, end.last_batch.unwrap_or(from), end.offset)
        .and_then(|()| file.sync_data())
        .map_err(IoFailure::at("sync", path))?;
    Ok(Tail { offset: end.offset, next: end.next, capacity })
}

/// Writes bytes over themselves, which makes the next sync cover them.
fn rewrite(file: &dyn FsFile, from: u64, to: u64) -> std::io::Result<()> {
    let mut buf = vec![0; 256 * 1024];
    let mut at = from;
    while at < to {
        let part = usize::try_from(to - at).unwrap_or(usize::MAX).min(buf.len());
        let Some(piece) = buf.get_mut(..part) else { break };
        file.read_exact_at(piece, at)?;
        file.write_all_at(piece, at)?;
        at += part as u64;
    }
    Ok(())
}
