//! Puts a damaged log in order again: every record that verifies stays at its place, and what is no record any more becomes
//! erased ones, so that the Lsns go on without a hole.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{Lsn, Timestamp};

use super::{
    ChangeError, OpenError, Pointer,
    archive::{ArchiveFile, Layout, write},
    chain::{Entry, Reason, chain_path, hash_frames},
    check::Check,
    frame::{Codec, MAX_HEAD, frame_len},
    patched::{Patch, Patched},
    preamble::{self, Preamble},
    replay::{End, walk},
    shared::{Home, IoFailure, Segment, manifest_path, write_manifest},
    walk::Walker,
};
use crate::fs::FsFile;

/// Bytes of a segment that are copied at a time.
const PIECE: usize = 256 << 10;

/// Why mending stopped. What it had done so far stands; doing it again goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MendError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<IoFailure> for MendError {
    fn from(failure: IoFailure) -> Self {
        Self::Open(failure.into())
    }
}

/// What mending did.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    /// Files that were written anew.
    pub(crate) rewritten: Vec<PathBuf>,
    /// Records that are lost for good.
    pub(crate) lost: Vec<Range<Lsn>>,
    /// Places that could not be put in order.
    pub(crate) left: Vec<PathBuf>,
}

/// Keeps a copy of a file before it is changed.
pub(crate) type SetAside<'a> = dyn FnMut(&Path) -> Result<(), OpenError> + 'a;

/// One segment, as it is and as it should be.
struct Plan {
    segment: Segment,
    patches: BTreeMap<u64, Patch>,
    len: u64,
    previous: u64,
    end: u64,
    rewrite: bool,
}

impl Check {
    /// Mends. `known_end`: records up to it are known to have been there, whatever the log says. `visit` is shown every record
    /// that is kept.
    pub(crate) fn mend(
        mut self,
        known_end: Lsn,
        aside: &mut SetAside<'_>,
        visit: &mut dyn FnMut(Pointer, Option<&[u8]>),
    ) -> Result<Mended, MendError> {
        let mut mended = Mended::default();
        for path in std::mem::take(&mut self.strangers) {
            aside(&path)?;
            self.fs.remove(&path).map_err(IoFailure::at("remove", &path))?;
        }
        let known_end = self.ledger.all_current().iter().map(|entry| entry.end).fold(known_end, Lsn::max);
        self.mend_floor(known_end, aside, &mut mended)?;
        let mut expected = self.floor;
        let mut previous = None;
        let mut changed = Vec::new();
        for index in 0..self.segments.len() {
            let Some(segment) = self.segments.get(index).copied() else { break };
            let behind = self.segments.get(index + 1).map(|segment| segment.first);
            let plan = self.plan(segment, (behind, known_end.0), previous, visit, &mut mended)?;
            expected = plan.end;
            previous = Some(segment.first);
            if plan.rewrite {
                let path = self.dirs.path(segment.first, segment.home);
                aside(&path)?;
                self.rewrite(&path, &plan)?;
                changed.push(segment.first);
                mended.rewritten.push(path);
            }
            if let Some(slot) = self.segments.get_mut(index) {
                slot.end = plan.len;
            }
        }
        debug_assert!(expected >= self.floor);
        self.mend_chain(expected, aside, &mut mended)?;
        Ok(mended)
    }

    /// What is missing at the log's beginning is written off.
    fn mend_floor(
        &mut self,
        known_end: Lsn,
        aside: &mut SetAside<'_>,
        mended: &mut Mended,
    ) -> Result<(), MendError> {
        let lowest = self.segments.first().map_or(known_end.0.max(self.floor), |segment| segment.first);
        if self.manifest_sound && lowest <= self.floor {
            return Ok(());
        }
        let path = manifest_path(&self.dirs.wal);
        if lowest > self.floor {
            mended.lost.push(Lsn(self.floor)..Lsn(lowest));
        }
        self.floor = lowest.max(1);
        match self.fs.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => aside(&path)?,
        }
        write_manifest(&*self.fs, &self.dirs.wal, &self.codec, self.floor)?;
        self.manifest_sound = true;
        mended.rewritten.push(path);
        Ok(())
    }

    fn plan(
        &self,
        segment: Segment,
        (behind, known_end): (Option<u64>, u64),
        previous: Option<u64>,
        visit: &mut dyn FnMut(Pointer, Option<&[u8]>),
        mended: &mut Mended,
    ) -> Result<Plan, MendError> {
        let path = self.dirs.path(segment.first, segment.home);
        let failed = |source| IoFailure { action: "read", path: path.clone(), source };
        let (file, header, mut rewrite) = self.open_for_mending(&path, segment).map_err(failed)?;
        let len = file.len().map_err(failed)?;
        let mut walker = Walker::new(Arc::clone(&file), self.codec, segment.first, len);
        let end: End = walk(&mut walker, |walker, frame| {
            let payload = if frame.kind.erased { None } else { Some(walker.payload(frame)?) };
            visit(frame.pointer(), payload);
            Ok(())
        })
        .map_err(failed)?;
        let mut patches = BTreeMap::new();
        for hole in &end.damages {
            let (offset, bytes, lost) = hole.place();
            match fill(&self.codec, lost.clone(), offset, Some(bytes)) {
                Some(patch) => {
                    patches.insert(offset, patch);
                    mended.lost.push(Lsn(lost.start)..Lsn(lost.end));
                    rewrite = true;
                }
                None => mended.left.push(path.clone()),
            }
        }
        let header_previous = header.map(|header| header.previous.0);
        // The first segment's predecessor was dropped; only its own header knows which it was.
        let previous = previous.or(header_previous).unwrap_or(0);
        rewrite |= header_previous != Some(previous);
        let header = Preamble { id: self.codec.id, lsn: Lsn(segment.first), previous: Lsn(previous) };
        let bytes = header.encode(preamble::SEGMENT).to_vec();
        patches.insert(0, Patch { bytes, zeros: 0 });
        // A sealed segment may end in space that was kept ahead, and so may the last one.
        let mut plan = Plan { segment, patches, len, previous, end: end.next, rewrite };
        if end.dirty > 0 {
            (plan.len, plan.rewrite) = (end.offset, true);
        }
        let wanted = behind.unwrap_or(known_end);
        if wanted > end.next {
            match fill(&self.codec, end.next..wanted, end.offset, None) {
                Some(patch) => {
                    plan.len = end.offset + patch.len();
                    plan.patches.insert(end.offset, patch);
                    plan.end = wanted;
                    mended.lost.push(Lsn(end.next)..Lsn(wanted));
                    plan.rewrite = true;
                }
                None => mended.left.push(path.clone()),
            }
        }
        Ok(plan)
    }

    /// A segment's bytes, its header if that is sound, and whether its file has to be written anew whatever the records are.
    fn open_for_mending(
        &self,
        path: &Path,
        segment: Segment,
    ) -> io::Result<(Arc<dyn FsFile>, Option<Preamble>, bool)> {
        let file = self.fs.open(path)?;
        if segment.home == Home::Wal {
            let mut bytes = [0; preamble::SIZE];
            file.read_up_to(&mut bytes, 0)?;
            let header = Preamble::decode(&bytes, preamble::SEGMENT).ok();
            let header = header.filter(|it| it.id == self.codec.id && it.lsn.0 == segment.first);
            return Ok((file, header, header.is_none()));
        }
        let archive = ArchiveFile::open(Arc::clone(&file), &self.codec, segment.first)?;
        let header = archive.preamble(&self.codec, segment.first)?;
        let mut unsound =
            archive.head.is_none() || !archive.has_table || archive.file_end() != Some(file.len()?);
        for number in 0..archive.blocks() {
            unsound |= !archive.block(number)?.1;
        }
        Ok((Arc::new(archive), header, unsound))
    }

    fn rewrite(&self, path: &Path, plan: &Plan) -> Result<(), MendError> {
        let (beneath, _, _) =
            self.open_for_mending(path, plan.segment).map_err(IoFailure::at("read", path))?;
        let patched = Patched::new(beneath, plan.patches.clone(), plan.len);
        if plan.segment.home == Home::Wal {
            let temporary = path.with_extension("tmp");
            let file = self.fs.create(&temporary).map_err(IoFailure::at("create", &temporary))?;
            copy(&patched, &*file, plan.len).map_err(IoFailure::at("write", &temporary))?;
            self.fs.rename(&temporary, path).map_err(IoFailure::at("rename", &temporary))?;
            self.fs.sync_dir(&self.dirs.wal).map_err(IoFailure::at("sync", &self.dirs.wal))?;
            return Ok(());
        }
        let layout = Layout {
            first: plan.segment.first,
            previous: plan.previous,
            end: plan.end,
            len: u32::try_from(plan.len).unwrap_or(u32::MAX),
        };
        let draft = write(&*self.fs, path, &self.codec, layout, &patched, &|_| Ok(None))?;
        draft.place(&*self.fs, &self.dirs.archive)?;
        Ok(())
    }

    /// Makes the chain vouch for what is there.
    fn mend_chain(
        mut self,
        next: u64,
        aside: &mut SetAside<'_>,
        mended: &mut Mended,
    ) -> Result<(), MendError> {
        if !self.ledger.exists() && self.ledger.flaws.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::new();
        let mut renewed = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let behind = self.segments.get(index + 1).map(|segment| segment.first);
            // The last segment takes records again, unless it is an archive.
            let Some(end) = behind.or((segment.home != Home::Wal).then_some(next)) else { continue };
            let path = self.dirs.path(segment.first, segment.home);
            let failed = |source| IoFailure { action: "read", path: path.clone(), source };
            let (file, _, _) = self.open_for_mending(&path, *segment).map_err(failed)?;
            let current = self.ledger.current(segment.first).copied().filter(Entry::vouches);
            if let Some(entry) = current
                && entry.end.0 == end
                && hash_frames(&*file, u64::from(entry.len)).map_err(failed)? == entry.hash
            {
                entries.push(entry);
                continue;
            }
            let len = file.len().map_err(failed)?;
            let entry = Entry {
                first: Lsn(segment.first),
                end: Lsn(end),
                len: u32::try_from(len).unwrap_or(u32::MAX),
                reason: Reason::Repaired,
                unix_ms: Timestamp::now().unix_millis(),
                hash: hash_frames(&*file, len).map_err(failed)?,
                link: [0; 32],
            };
            entries.push(entry);
            renewed.push(entry);
        }
        let there = |entry: &Entry| self.segments.iter().any(|segment| segment.first == entry.first.0);
        let gone = self.ledger.all_current().iter().any(|entry| !there(entry));
        let path = chain_path(&self.dirs.wal);
        if !self.ledger.flaws.is_empty() || gone {
            aside(&path)?;
            self.ledger.begin_anew(entries);
            self.ledger.write_anew(&*self.fs)?;
            mended.rewritten.push(path);
        } else if !renewed.is_empty() {
            self.ledger.append(&*self.fs, renewed)?;
        }
        Ok(())
    }
}

fn copy(from: &dyn FsFile, to: &dyn FsFile, len: u64) -> io::Result<()> {
    let mut buf = vec![0; PIECE];
    let mut at = 0;
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(usize::MAX).min(buf.len());
        let Some(piece) = buf.get_mut(..part) else { break };
        from.read_exact_at(piece, at)?;
        to.write_all_at(piece, at)?;
        at += part as u64;
    }
    to.sync_data()
}

/// Erased records with these Lsns that take exactly so many bytes, or as few as they can. `None`: there are none.
fn fill(codec: &Codec, lsns: Range<u64>, offset: u64, bytes: Option<u64>) -> Option<Patch> {
    let count = lsns.end.checked_sub(lsns.start).filter(|count| *count > 0)?;
    let least = frame_len(0) as u64;
    let bytes = bytes.unwrap_or(count.checked_mul(least)?);
    let spare = bytes.checked_sub(count.checked_mul(least)?)?;
    if offset + bytes > u64::from(u32::MAX) {
        return None;
    }
    // All but the last are as small as can be; one of them takes a byte more where the last can't have just that size.
    let last = least + spare;
    let payload = payload_of(last);
    let (second, payload) = match payload {
        Some(payload) => (0, payload),
        None if count > 1 => (1, payload_of(last - 1)?),
        None => return None,
    };
    let mut patch = Patch::default();
    let mut at = offset;
    for lsn in lsns.clone() {
        let len = if lsn + 1 == lsns.end {
            payload
        } else if lsn == lsns.start {
            second
        } else {
            0
        };
        let mut head = [0; MAX_HEAD];
        let size = codec.erased_head(true, lsn, u32::try_from(at).ok()?, len, &mut head);
        patch.bytes.extend_from_slice(&head[..size]);
        if lsn + 1 == lsns.end {
            patch.zeros = u64::from(len);
        } else {
            patch.bytes.resize(patch.bytes.len() + len as usize, 0);
        }
        at += size as u64 + u64::from(len);
    }
    Some(patch)
}

/// The payload whose frame takes this many bytes, if there is one.
fn payload_of(frame: u64) -> Option<u32> {
    (9..=13).find_map(|head| {
        let len = u32::try_from(frame.checked_sub(head)?).ok()?;
        (frame_len(len) as u64 == frame).then_some(len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wal::walk_segment;

    #[test]
    fn any_hole_that_records_left_can_be_filled() {
        let codec = Codec::new([3; 16]);
        for count in 1..5_u64 {
            for bytes in 9 * count..500 {
                let filled = fill(&codec, 10..10 + count, 64, Some(bytes));
                let Some(patch) = filled else {
                    // No record has a frame of that size.
                    assert!(count == 1 && payload_of(bytes).is_none(), "{count} {bytes}");
                    continue;
                };
                assert_eq!(patch.len(), bytes);
                let mut segment = vec![0; 64];
                segment.extend_from_slice(&patch.bytes);
                segment.resize(64 + bytes as usize, 0);
                let content = walk_segment(&segment, [3; 16], Lsn(10)).unwrap();
                assert_eq!(content.records.len() as u64, count, "{bytes}");
                assert_eq!((content.end, content.dirty, content.damages.len()), (64 + bytes, 0, 0));
            }
        }
        assert!(fill(&codec, 5..5, 64, None).is_none());
        assert!(fill(&codec, 5..7, 64, Some(17)).is_none());
    }
}
