//! Moving a segment into an archive, and erasing in one.

use std::{collections::BTreeMap, io, sync::Arc};

use openclaw_core::{Lsn, port::is_disk_full};

use super::{
    super::{
        ArchiveReport, ChangeError, Pointer, chain,
        change::{self, Wrong, poisoned, refuse_when_poisoned},
        patched::Patched,
        preamble::{self, Preamble},
        replay::walk_to_end,
        shared::{Home, IoFailure, Segment, Shared},
        walk::Walker,
    },
    ArchiveFile, Layout, archive_path,
    head::BLOCK,
    write,
};
use crate::fs::FsFile;

/// See [`super::super::Wal::archive`].
pub(in crate::wal) fn archive(shared: &Shared, first: Lsn) -> Result<ArchiveReport, ChangeError> {
    refuse_when_poisoned(shared)?;
    let _changing = shared.change();
    let found = shared.with_table(|table| {
        let (index, segment) = table.get(first.0)?;
        let before = index.checked_sub(1).and_then(|before| table.segments.get(before));
        let sealed = index + 1 < table.segments.len();
        sealed.then(|| (segment, table.lsns(index).end, before.map_or(0, |before| before.first)))
    });
    let Some((segment, end, before)) = found else { return Err(ChangeError::NotSealed { lsn: first }) };
    let report =
        |segment: &Segment| ArchiveReport { bytes_before: segment.end, bytes_after: segment.archived };
    if segment.home != Home::Wal {
        return finish_move(shared, segment).map(|segment| report(&segment));
    }
    let dirs = &shared.dirs;
    let path = shared.path(first.0);
    // Of its own: the shared one is for random reads, and would be pushed out by nobody.
    let file = shared.open_file(first.0).map_err(IoFailure::at("open", &path))?;
    let layout = look(shared, &file, (segment, end, before)).map_err(IoFailure::at("read", &path))?;

    shared.fs.create_dir_all(&dirs.archive).map_err(IoFailure::at("create", &dirs.archive))?;
    if let Some(parent) = dirs.archive.parent() {
        shared.fs.sync_dir(parent).map_err(IoFailure::at("sync", parent))?;
    }
    refuse_without_space(shared, segment.end)?;
    let target = archive_path(&dirs.archive, first.0);
    let draft = write(&*shared.fs, &target, &shared.codec, layout, &*file, &|_| Ok(None))?;
    drop(file);
    let archived = place(shared, draft)?;
    let moving = Segment { home: Home::Moving, end: u64::from(layout.len), archived, ..segment };
    shared.set_segment(moving);
    shared.file_replaced(first.0);
    let moved = finish_move(shared, moving)?;
    Ok(ArchiveReport { bytes_before: segment.end, ..report(&moved) })
}

/// Puts a draft in its place. Whether a rename is durable that was not synced nobody knows, and whether a file or the one
/// before it will be there after a power loss; so nothing more is changed then.
fn place(shared: &Shared, draft: super::Draft) -> Result<u64, ChangeError> {
    draft.place(&*shared.fs, &shared.dirs.archive).map_err(|failure| match failure.action {
        "sync" => poisoned(shared, failure.path, failure.source),
        _ => failure.into(),
    })
}

/// What the archive's head says of the segment. Space that was kept ahead and never used stays behind.
fn look(
    shared: &Shared,
    file: &Arc<dyn FsFile>,
    (segment, end, before): (Segment, u64, u64),
) -> io::Result<Layout> {
    let mut bytes = [0; preamble::SIZE];
    file.read_up_to(&mut bytes, 0)?;
    let header = Preamble::decode(&bytes, preamble::SEGMENT).ok();
    let previous =
        header.filter(|header| header.id == shared.codec.id).map_or(before, |header| header.previous.0);
    let walked = walk_to_end(&mut Walker::new(Arc::clone(file), shared.codec, segment.first, segment.end))?;
    let len = if walked.dirty == 0 { walked.offset.min(segment.end) } else { segment.end };
    let len = u32::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
    Ok(Layout { first: segment.first, previous, end, len })
}

/// Archiving can wait until there is space: it takes some before it gives more back.
fn refuse_without_space(shared: &Shared, bytes: u64) -> Result<(), ChangeError> {
    let dir = &shared.dirs.archive;
    match shared.fs.available_space(dir) {
        Ok(free) if free < bytes.saturating_add(shared.options.min_free_bytes) => {
            let source = io::ErrorKind::StorageFull.into();
            Err(ChangeError::Io { action: "archive into", path: dir.clone(), source })
        }
        // When the system can't say, the write itself will.
        _ => Ok(()),
    }
}

/// Removes the file whose content is in an archive by now.
fn finish_move(shared: &Shared, segment: Segment) -> Result<Segment, ChangeError> {
    if segment.home != Home::Moving {
        return Ok(segment);
    }
    let path = shared.dirs.path(segment.first, Home::Wal);
    match shared.fs.remove(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        done => done.map_err(IoFailure::at("remove", &path))?,
    }
    shared.fs.sync_dir(&shared.dirs.wal).map_err(IoFailure::at("sync", &shared.dirs.wal))?;
    let moved = Segment { home: Home::Archive, ..segment };
    shared.set_segment(moved);
    Ok(moved)
}

/// Erases records in an archive: it is written anew without them, and takes the old one's place. Blocks that hold none of them
/// are taken over as they are.
pub(in crate::wal) fn erase_in(
    shared: &Shared,
    segment: Segment,
    records: &[Pointer],
    wrong: &mut Wrong<'_>,
) -> Result<(), ChangeError> {
    // The file it came from still has the records, too.
    let segment = finish_move(shared, segment)?;
    let dirs = &shared.dirs;
    let path = shared.path(segment.first);
    let old = shared.fs.open(&path).map_err(IoFailure::at("open", &path))?;
    let old = ArchiveFile::open(old, &shared.codec, segment.first)
        .map_err(io::Error::from)
        .map_err(IoFailure::at("open", &path))?;
    let old = Arc::new(old);
    let file: Arc<dyn FsFile> = Arc::<ArchiveFile>::clone(&old);
    let mut patches = BTreeMap::new();
    for pointer in records {
        if let Some(patch) = change::plan(shared, (&path, &file), segment, pointer, wrong)? {
            patches.insert(u64::from(pointer.offset), patch);
        }
    }
    chain::announce_change(shared, &segment);
    if patches.is_empty() {
        // A process that was killed may have left the archive in place, but not durably so.
        return shared
            .fs
            .sync_dir(&dirs.archive)
            .map_err(|source| poisoned(shared, dirs.archive.clone(), source));
    }
    let (end, before) = shared.with_table(|table| {
        let index = table.get(segment.first).map_or(0, |(index, _)| index);
        let before = index.checked_sub(1).and_then(|before| table.segments.get(before));
        (table.lsns(index).end, before.map_or(0, |before| before.first))
    });
    let previous = old.preamble(&shared.codec, segment.first).map_err(IoFailure::at("read", &path))?;
    let layout = Layout {
        first: segment.first,
        previous: previous.map_or(before, |header| header.previous.0),
        end,
        len: u32::try_from(segment.end).unwrap_or(u32::MAX),
    };
    let patched = Patched::new(file, patches, segment.end);
    let ready = |number: u32| {
        let from = u64::from(number) * u64::from(BLOCK);
        if patched.touches(from, from + u64::from(BLOCK)) {
            return Ok(None);
        }
        old.sound_block(number)
    };
    let draft = match write(&*shared.fs, &path, &shared.codec, layout, &patched, &ready) {
        Ok(draft) => draft,
        Err(failure) => {
            if is_disk_full(&failure.source) {
                tracing::error!(path = %path.display(), "erasing in an archive needs room for another one like it");
            }
            return Err(failure.into());
        }
    };
    let archived = place(shared, draft)?;
    shared.set_segment(Segment { archived, ..segment });
    shared.file_replaced(segment.first);
    Ok(())
}
