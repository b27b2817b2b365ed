//! Erasing records, in place as long as their segment is no archive, and dropping whole segments.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::Lsn;

use super::{
    ChangeError, Pointer, archive, chain,
    frame::{Head, MAX_HEAD, frame_len},
    patched::Patch,
    shared::{Dirs, Home, IoFailure, Segment, Shared, write_manifest},
    walk::{Step, Walker},
    write_zeros,
};
use crate::{
    fs::{Fs, FsFile},
    poison::State,
};

impl From<IoFailure> for ChangeError {
    fn from(failure: IoFailure) -> Self {
        Self::Io { action: failure.action, path: failure.path, source: failure.source }
    }
}

/// Told of a wrong pointer; an error ends the erasing.
pub(super) type Wrong<'a> = dyn FnMut(ChangeError) -> Result<(), ChangeError> + 'a;

/// See [`super::Wal::erase`].
pub(super) fn erase(shared: &Shared, records: &[Pointer], wrong: &mut Wrong<'_>) -> Result<(), ChangeError> {
    refuse_when_poisoned(shared)?;
    let mut records = records.to_vec();
    records.sort_unstable();
    let _changing = shared.change();
    let mut rest = &records[..];
    while let Some(pointer) = rest.first() {
        let found = shared.with_table(|table| {
            let index = table.find(pointer.lsn.0)?;
            Some((*table.segments.get(index)?, table.lsns(index).end))
        });
        let Some((segment, behind)) = found else {
            // Dropped, or never there: nothing of it is left.
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        let (here, later) = rest.split_at(rest.partition_point(|pointer| pointer.lsn.0 < behind));
        erase_in(shared, segment, here, wrong)?;
        rest = later;
    }
    Ok(())
}

fn erase_in(
    shared: &Shared,
    segment: Segment,
    records: &[Pointer],
    wrong: &mut Wrong<'_>,
) -> Result<(), ChangeError> {
    if segment.home != Home::Wal {
        return archive::erase_in(shared, segment, records, wrong);
    }
    let path = shared.path(segment.first);
    let file = shared.file(segment.first).map_err(IoFailure::at("open", &path))?;
    // Even if all of it was erased already: the note may be what a crash prevented.
    chain::announce_change(shared, &segment);
    for pointer in records {
        let Some(patch) = plan(shared, (&path, &file), segment, pointer, wrong)? else { continue };
        let offset = u64::from(pointer.offset);
        file.write_all_at(&patch.bytes, offset)
            .and_then(|()| write_zeros(&*file, offset + patch.bytes.len() as u64, patch.zeros))
            .map_err(IoFailure::at("erase in", &path))?;
    }
    // Even if all of it was erased already: a process that was killed may have left that in the page cache only.
    if let Err(source) = file.sync_data() {
        // The committer may be about to trust a sync of the same file.
        return Err(poisoned(shared, path, source));
    }
    Ok(())
}

/// Nothing may be built on a file or directory whose sync failed.
pub(super) fn poisoned(shared: &Shared, path: PathBuf, source: io::Error) -> ChangeError {
    shared.poison.poison(
        format!("could not sync {}: {source}; restart the gateway, and check the disk first", path.display())
            .into(),
    );
    ChangeError::Io { action: "sync", path, source }
}

/// What erasing one record writes over it, if anything has to be.
pub(super) fn plan(
    shared: &Shared,
    (path, file): (&Path, &Arc<dyn FsFile>),
    segment: Segment,
    pointer: &Pointer,
    wrong: &mut Wrong<'_>,
) -> Result<Option<Patch>, ChangeError> {
    let offset = u64::from(pointer.offset);
    let mismatch = || ChangeError::Mismatch { path: path.to_owned(), offset, lsn: pointer.lsn };
    let end = offset + frame_len(pointer.len) as u64;
    if offset < super::preamble::SIZE as u64 || end > segment.end {
        wrong(mismatch())?;
        return Ok(None);
    }
    let walk = |limit| Walker::new(Arc::clone(file), shared.codec, segment.first, limit);
    let frame_at =
        |walker: &mut Walker| walker.frame_at(offset, pointer.lsn.0).map_err(IoFailure::at("read", path));
    // As a rule the frame is what the pointer says, and reading ends where it does.
    let expected = frame_at(&mut walk(end))?.filter(|frame| frame.len == pointer.len);
    let first = match expected {
        Some(frame) if frame.kind.erased => return Ok(None),
        Some(frame) => frame.kind.first,
        None => {
            let mut walker = walk(segment.end);
            let other = frame_at(&mut walker)?.is_some();
            if other || !is_free(&mut walker, pointer, end).map_err(IoFailure::at("read", path))? {
                wrong(mismatch())?;
                return Ok(None);
            }
            opens_batch(&**file, offset).map_err(IoFailure::at("read", path))?
        }
    };
    let mut head = [0; MAX_HEAD];
    let size = shared.codec.erased_head(first, pointer.lsn.0, pointer.offset, pointer.len, &mut head);
    Ok(Some(Patch { bytes: head[..size].to_vec(), zeros: u64::from(pointer.len) }))
}

/// Whether no other record's verified frame touches the pointer's bytes. A frame that was torn while it was being erased
/// does not verify, and neither does a damaged one; both must become erased now, but a wrong pointer must destroy nothing.
fn is_free(walker: &mut Walker, pointer: &Pointer, end: u64) -> std::io::Result<bool> {
    let start = u64::from(pointer.offset);
    loop {
        match walker.step()? {
            Step::Frame(frame) => {
                if frame.end() > start && u64::from(frame.offset) < end {
                    return Ok(false);
                }
                if u64::from(frame.offset) >= end {
                    return Ok(true);
                }
            }
            Step::Damage { .. } => {}
            Step::End { .. } => return Ok(true),
        }
    }
}

/// What the torn head says about opening a batch. Wrong either way is harmless: the flag only tells what surely was synced
/// long ago, and this is.
fn opens_batch(file: &dyn FsFile, offset: u64) -> std::io::Result<bool> {
    let mut head = [0; MAX_HEAD];
    let read = file.read_up_to(&mut head, offset)?;
    Ok(Head::parse(head.get(..read).unwrap_or_default()).is_some_and(|head| head.kind.first))
}

/// See [`super::Wal::drop_before`].
pub(super) fn drop_before(shared: &Shared, lsn: Lsn) -> Result<(u64, u64), ChangeError> {
    refuse_when_poisoned(shared)?;
    let _changing = shared.change();
    let (dropped, floor) = shared.with_table(|table| {
        // The last segment takes appends; a segment can go when the next one starts at or before `lsn`.
        let starts = table.segments.get(1..).unwrap_or_default();
        let count = starts.partition_point(|segment| segment.first <= lsn.0);
        let dropped = table.segments.get(..count).unwrap_or_default().to_vec();
        (dropped, table.segments.get(count).map_or(table.next, |segment| segment.first))
    });
    let Some(oldest) = dropped.first() else { return Ok((0, 0)) };
    chain::announce_drop(shared, oldest.first, floor);
    // From here on a start finishes the work and does not take the segments for lost.
    write_manifest(&*shared.fs, &shared.dirs.wal, &shared.codec, floor)?;
    shared.edit_table(|table| table.segments.retain(|segment| segment.first >= floor));
    shared.close_files_before(floor);
    for segment in &dropped {
        remove_files(&*shared.fs, &shared.dirs, segment)?;
    }
    for dir in [(&shared.dirs.wal, false), (&shared.dirs.archive, true)] {
        if dropped.iter().any(|segment| (segment.home != Home::Wal) == dir.1) {
            shared.fs.sync_dir(dir.0).map_err(IoFailure::at("sync", dir.0))?;
        }
    }
    Ok((floor - oldest.first, dropped.iter().map(Segment::on_disk).sum()))
}

/// Removes whatever holds a segment.
pub(super) fn remove_files(fs: &dyn Fs, dirs: &Dirs, segment: &Segment) -> Result<(), IoFailure> {
    let homes: &[Home] = match segment.home {
        Home::Wal => &[Home::Wal],
        Home::Moving => &[Home::Wal, Home::Archive],
        Home::Archive => &[Home::Archive],
    };
    for home in homes {
        let path = dirs.path(segment.first, *home);
        match fs.remove(&path) {
            // A file that was being moved may be gone already.
            Err(error) if error.kind() == io::ErrorKind::NotFound && segment.home == Home::Moving => {}
            done => done.map_err(IoFailure::at("remove", &path))?,
        }
    }
    Ok(())
}

pub(super) fn refuse_when_poisoned(shared: &Shared) -> Result<(), ChangeError> {
    match shared.poison.state() {
        State::Poisoned(reason) => Err(ChangeError::Poisoned(reason)),
        _ => Ok(()),
    }
}
