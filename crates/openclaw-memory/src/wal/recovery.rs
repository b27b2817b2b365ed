//! Opening a log: what is in the directory, where the log ends, what a crash left unfinished.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::Lsn;

use super::{
    Cut, Damage, Gap, OpenError, Recovery, WalOptions,
    frame::{Codec, LogId},
    preamble::{self, Preamble, Unreadable},
    replay::walk_to_end,
    shared::{
        IoFailure, Segment, Table, create_segment, manifest_path, segment_first, segment_path, write_manifest,
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
struct Found {
    first: u64,
    len: u64,
    /// `None` when damaged.
    header: Option<Preamble>,
}

/// Where the tail's check may start: at the end of a record known to be synced.
pub(super) type Hint = Option<super::Pointer>;

/// Puts the directory in order and finds the log's end. `least_next` is what the next record's Lsn must at least be.
pub(super) fn open(
    fs: &dyn Fs,
    dir: &Path,
    options: &WalOptions,
    hint: Hint,
    least_next: Lsn,
) -> Result<Opened, OpenError> {
    fs.create_dir_all(dir).map_err(IoFailure::at("create", dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs.sync_dir(parent).map_err(IoFailure::at("sync", parent))?;
    }
    let mut report = Recovery::default();
    let (manifest_file, names) = inventory(fs, dir)?;
    // A process that was killed between renaming and syncing left names that only the page cache knows.
    fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
    let manifest = match manifest_file {
        Some(path) => {
            let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
            read_preamble(&*file, &path, preamble::MANIFEST)?
        }
        None => None,
    };
    let mut found = Vec::with_capacity(names.len());
    for first in names {
        found.push(look_at(fs, dir, first)?);
    }
    let id = identify(dir, manifest, &found)?;
    let codec = Codec::new(id.unwrap_or_else(|| ulid::Ulid::generate().to_bytes()));
    // A lost manifest forgets what was dropped on purpose: what is there is then taken for all there was.
    let all = found.first().map_or(1, |segment| segment.first);
    let floor = manifest.map_or(all, |manifest| manifest.lsn.0.max(1));
    if manifest.is_none() {
        write_manifest(fs, dir, &codec, floor)?;
    }
    finish_drop(fs, dir, floor, &mut found)?;
    check_chain((fs, dir), &codec, floor, &found, &mut report)?;

    let mut table = Table { segments: Vec::with_capacity(found.len() + 1), next: floor };
    table.segments.extend(found.iter().map(|segment| Segment { first: segment.first, end: segment.len }));
    let mut tail = None;
    if let Some(last) = found.pop() {
        let path = segment_path(dir, last.first);
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
        let path = table.segments.last().map_or_else(|| dir.to_owned(), |last| segment_path(dir, last.first));
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
            table.segments.push(Segment { first: table.next, end });
            (file, end + zeros)
        }
    };
    report.next = Lsn(table.next);
    Ok(Opened { codec, table, file, capacity, report })
}

/// Removes what an interrupted start or rotation left, and lists the rest: the manifest, and the segments in order.
fn inventory(fs: &dyn Fs, dir: &Path) -> Result<(Option<PathBuf>, Vec<u64>), OpenError> {
    let mut manifest = None;
    let mut segments = Vec::new();
    for path in fs.list(dir).map_err(IoFailure::at("list", dir))? {
        if path == manifest_path(dir) {
            manifest = Some(path);
        } else if let Some(first) = segment_first(&path) {
            segments.push(first);
        } else if path.extension().is_some_and(|extension| extension == "tmp") {
            fs.remove(&path).map_err(IoFailure::at("remove", &path))?;
        }
    }
    segments.sort_unstable();
    Ok((manifest, segments))
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

fn look_at(fs: &dyn Fs, dir: &Path, first: u64) -> Result<Found, OpenError> {
    let path = segment_path(dir, first);
    let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
    let len = file.len().map_err(IoFailure::at("read", &path))?;
    let header = read_preamble(&*file, &path, preamble::SEGMENT)?;
    Ok(Found { first, len, header: header.filter(|header| header.lsn.0 == first) })
}

/// The log's id, from whatever still tells it; `None` for a log that does not exist yet.
fn identify(dir: &Path, manifest: Option<Preamble>, found: &[Found]) -> Result<Option<LogId>, OpenError> {
    let mut headers = found.iter().filter_map(|segment| Some((segment.first, segment.header?.id)));
    let id = match manifest {
        Some(manifest) => Some(manifest.id),
        None => headers.clone().next().map(|(_, id)| id),
    };
    if id.is_none() && !found.is_empty() {
        return Err(OpenError::Unidentified { path: dir.to_owned() });
    }
    if let Some((first, _)) = headers.find(|(_, other)| Some(*other) != id) {
        return Err(OpenError::Foreign { path: segment_path(dir, first) });
    }
    Ok(id)
}

/// Removes the segments that a drop had written off before it was interrupted.
fn finish_drop(fs: &dyn Fs, dir: &Path, floor: u64, found: &mut Vec<Found>) -> Result<(), OpenError> {
    let gone = found.iter().filter(|segment| segment.first < floor).count();
    if gone == 0 {
        return Ok(());
    }
    for segment in found.drain(..gone) {
        let path = segment_path(dir, segment.first);
        fs.remove(&path).map_err(IoFailure::at("remove", &path))?;
    }
    Ok(fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?)
}

/// Notes damaged headers and missing segments. Reads more than headers only where something is missing.
fn check_chain(
    (fs, dir): (&dyn Fs, &Path),
    codec: &Codec,
    floor: u64,
    found: &[Found],
    report: &mut Recovery,
) -> Result<(), OpenError> {
    let mut before: Option<&Found> = None;
    for segment in found {
        let path = segment_path(dir, segment.first);
        let Some(header) = segment.header else {
            let bytes = segment.len.min(preamble::SIZE as u64);
            let lost = Lsn(segment.first)..Lsn(segment.first);
            report.damages.push(Damage { path, offset: 0, bytes, lost, maybe_unacknowledged: false });
            before = Some(segment);
            continue;
        };
        let missing = match before {
            Some(before) if header.previous.0 != before.first => {
                let path = segment_path(dir, before.first);
                let file = fs.open(&path).map_err(IoFailure::at("open", &path))?;
                let mut walker = Walker::new(file, *codec, before.first, before.len);
                Some(walk_to_end(&mut walker).map_err(IoFailure::at("read", &path))?.next..segment.first)
            }
            None if segment.first > floor => Some(floor..segment.first),
            _ => None,
        };
        if let Some(Range { start, end }) = missing.filter(|lost| !lost.is_empty()) {
            let path = segment_path(dir, start);
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
