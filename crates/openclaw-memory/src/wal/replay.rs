//! Visiting records at a start.

use std::{io, path::Path};

use openclaw_core::Lsn;

use super::{
    Damage, Gap, OpenError, Pointer, Record, Recovery, ReplayFrom,
    shared::{IoFailure, Shared},
    walk::{Frame, Step, Walker},
};

impl Frame {
    pub(super) fn pointer(&self) -> Pointer {
        Pointer { lsn: Lsn(self.lsn), offset: self.offset, len: self.len }
    }
}

/// Damage whose file is known to the caller.
#[derive(Debug)]
pub(super) struct Hole {
    offset: u64,
    bytes: u64,
    lost: std::ops::Range<u64>,
    /// Whether no later batch proves that it had been synced.
    unproven: bool,
}

impl Hole {
    /// Where it is, how long, and the Lsns that were there.
    pub(super) fn place(&self) -> (u64, u64, std::ops::Range<u64>) {
        (self.offset, self.bytes, self.lost.clone())
    }

    pub(super) fn at(self, path: &Path) -> Damage {
        Damage {
            path: path.to_owned(),
            offset: self.offset,
            bytes: self.bytes,
            lost: Lsn(self.lost.start)..Lsn(self.lost.end),
            maybe_unacknowledged: self.unproven,
        }
    }
}

/// What a walk to a segment's end found.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) offset: u64,
    pub(super) dirty: u64,
    pub(super) next: u64,
    /// Where the last batch starts, if one was met.
    pub(super) last_batch: Option<u64>,
    pub(super) damages: Vec<Hole>,
}

/// Walks to the end of a segment.
pub(super) fn walk_to_end(walker: &mut Walker) -> io::Result<End> {
    walk(walker, |_, _| Ok(()))
}

pub(super) fn walk(
    walker: &mut Walker,
    mut visit: impl FnMut(&mut Walker, &Frame) -> io::Result<()>,
) -> io::Result<End> {
    let mut end = End::default();
    loop {
        match walker.step()? {
            Step::Frame(frame) => {
                if frame.kind.first {
                    end.last_batch = Some(u64::from(frame.offset));
                    end.damages.iter_mut().for_each(|hole| hole.unproven = false);
                }
                visit(walker, &frame)?;
            }
            Step::Damage { offset, bytes, lost } => {
                end.damages.push(Hole { offset, bytes, lost, unproven: true });
            }
            Step::End { offset, dirty } => {
                (end.offset, end.dirty, end.next) = (offset, dirty, walker.place().1);
                return Ok(end);
            }
        }
    }
}

/// Visits the records that `from` asks for and adds what it finds to the report. The last segment's damage is in it already.
pub(super) fn replay(
    shared: &Shared,
    from: ReplayFrom,
    visit: &mut dyn FnMut(Record<'_>),
    report: &mut Recovery,
) -> Result<(), OpenError> {
    let (segments, next) = shared.with_table(|table| (table.segments.clone(), table.next));
    let (start, hint) = match from {
        ReplayFrom::Beginning => (0, None),
        ReplayFrom::Lsn(lsn) => (lsn.0, None),
        ReplayFrom::After(pointer) => (pointer.lsn.0.saturating_add(1), Some(pointer)),
    };
    let Some(last) = segments.len().checked_sub(1) else { return Ok(()) };
    // With a hint the walk starts in the segment of the record before, which may be the one before the first to visit.
    let seek = hint.map_or(start, |pointer| pointer.lsn.0);
    let begin = segments.partition_point(|segment| segment.first <= seek).saturating_sub(1);
    let mut expected = None;
    for (index, segment) in segments.iter().enumerate().skip(begin) {
        let path = shared.path(segment.first);
        let failed = |source| IoFailure { action: "read", path: path.clone(), source };
        if let Some(lost) = expected.map(|expected| expected..segment.first).filter(|lost| !lost.is_empty()) {
            let gap = Gap { lost: Lsn(lost.start)..Lsn(lost.end), path: path.clone() };
            if !report.gaps.iter().any(|known| known.lost.end == gap.lost.end) {
                report.gaps.push(gap);
            }
        }
        let file = shared.file(segment.first).map_err(failed)?;
        let mut walker = Walker::new(file, shared.codec, segment.first, segment.end);
        if let Some(pointer) = hint.filter(|_| index == begin) {
            let frame = walker.frame_at(u64::from(pointer.offset), pointer.lsn.0).map_err(failed)?;
            if let Some(frame) = frame.filter(|frame| frame.len == pointer.len) {
                walker.seek(frame.end(), frame.lsn + 1);
            }
        }
        let mut visited = 0;
        let end = walk(&mut walker, |walker, frame| {
            if frame.lsn >= start {
                visited += 1;
                let payload = if frame.kind.erased { None } else { Some(walker.payload(frame)?) };
                visit(Record { pointer: frame.pointer(), payload });
            }
            Ok(())
        })
        .map_err(failed)?;
        report.replayed += visited;
        report.bytes += walker.bytes_read();
        expected = Some(end.next);
        if index == last {
            debug_assert!(end.next <= next);
            break;
        }
        let behind = segments.get(index + 1).map_or(next, |segment| segment.first);
        let mut damages = end.damages;
        if end.dirty > 0 {
            // A sealed segment has no torn tail: what does not verify at its end was a record once.
            damages.push(Hole {
                offset: end.offset,
                bytes: end.dirty,
                lost: end.next..behind,
                unproven: false,
            });
            expected = Some(behind);
        }
        let sealed = damages.into_iter().map(|hole| Hole { unproven: false, ..hole });
        report.damages.extend(sealed.map(|hole| hole.at(&path)));
    }
    Ok(())
}
