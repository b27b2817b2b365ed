//! Reading single records and scanning many.

use std::{ops::Range, path::PathBuf, sync::Arc};

use openclaw_core::Lsn;

use super::{
    Damage, Pointer, ReadError, Record, SegmentInfo,
    frame::{Head, frame_len},
    shared::{Segment, Shared},
    signposts::SPACING,
    unseal::{Unseal, Unsealed},
    walk::{Frame, Step, Walker},
};

/// Damage one scan remembers; more is passed over without a note.
const MAX_DAMAGES: usize = 1024;
/// Bytes read at a place where a record of unknown length begins: most messages fit.
const AT_ONCE: usize = 1024;

/// Reads and scans the log, while it is written to and afterwards. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
    /// Opens the payloads that were sealed.
    pub(super) unseal: Option<Arc<dyn Unseal>>,
}

impl Reader {
    /// The same log, what is sealed opened.
    pub(crate) fn unsealing(self, unseal: Option<Arc<dyn Unseal>>) -> Self {
        Self { unseal, ..self }
    }

    /// Reads one record's payload. Blocks, usually on one read of the page cache.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, pointer: Pointer) -> Result<Vec<u8>, ReadError> {
        let payload = self.read_sealed(pointer)?;
        self.open(pointer, payload)
    }

    fn open(&self, pointer: Pointer, payload: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        let Some(unseal) = &self.unseal else { return Ok(payload) };
        let path = || {
            self.shared.with_table(|table| {
                let segment = table.find(pointer.lsn.0).and_then(|index| table.segments.get(index).copied());
                segment.map_or_else(PathBuf::new, |segment| self.shared.path(segment.first))
            })
        };
        let mut opened = Vec::new();
        match unseal.unseal(&payload, &mut opened) {
            Ok(Unsealed::Plain) => Ok(payload),
            Ok(Unsealed::Opened) => Ok(opened),
            Ok(Unsealed::Gone) => Err(ReadError::Erased(pointer.lsn)),
            Ok(Unsealed::Unreadable(why)) => {
                tracing::warn!(lsn = pointer.lsn.0, why, "a record can't be opened");
                Err(ReadError::Damaged { path: path(), offset: u64::from(pointer.offset), lsn: pointer.lsn })
            }
            Err(source) => Err(ReadError::Io { path: path(), source }),
        }
    }

    /// The same as it lies in the log.
    pub(crate) fn read_sealed(&self, pointer: Pointer) -> Result<Vec<u8>, ReadError> {
        let segment = self.segment_of(pointer.lsn)?;
        match self.try_read(segment, pointer) {
            Err(ReadError::Damaged { .. }) => {
                // It may just have been half erased.
                let _still = self.shared.change();
                self.try_read(segment, pointer)
            }
            Err(ReadError::Io { source, path }) if source.kind() == std::io::ErrorKind::NotFound => {
                // Dropped a moment ago, or the file is missing.
                let held = self.shared.with_table(super::shared::Table::held);
                let dropped = pointer.lsn < held.start;
                Err(if dropped {
                    ReadError::Absent { lsn: pointer.lsn, held }
                } else {
                    ReadError::Io { path, source }
                })
            }
            done => done,
        }
    }

    /// Reads a record of which only the place is known; its length comes from its frame. Blocks, mostly on one read of the page
    /// cache.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read_at(&self, lsn: Lsn, offset: u32) -> Result<(Pointer, Vec<u8>), ReadError> {
        let segment = self.segment_of(lsn)?;
        let bytes = self.bytes_at(segment, offset, AT_ONCE)?;
        let head = Head::parse(&bytes).ok_or_else(|| self.damaged(segment, lsn, offset))?;
        let pointer = Pointer { lsn, offset, len: head.len };
        let payload = match self.verified(segment, pointer, bytes) {
            Ok(payload) => self.open(pointer, payload)?,
            // Longer than what was read, or something is wrong with it, which is told there.
            Err(_) => self.read(pointer)?,
        };
        Ok((pointer, payload))
    }

    /// The segment that holds a record.
    fn segment_of(&self, lsn: Lsn) -> Result<Segment, ReadError> {
        self.shared.with_table(|table| {
            let found = table.find(lsn.0).and_then(|index| table.segments.get(index).copied());
            found.ok_or_else(|| ReadError::Absent { lsn, held: table.held() })
        })
    }

    /// Durable bytes of a segment, as many as there are, up to `most`.
    fn bytes_at(&self, segment: Segment, offset: u32, most: usize) -> Result<Vec<u8>, ReadError> {
        let offset = u64::from(offset);
        let durable = usize::try_from(segment.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(durable)];
        let read = self.shared.file(segment.first).and_then(|file| file.read_up_to(&mut bytes, offset));
        let read = read.map_err(|source| ReadError::Io { path: self.shared.path(segment.first), source })?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn try_read(&self, segment: Segment, pointer: Pointer) -> Result<Vec<u8>, ReadError> {
        self.verified(segment, pointer, self.bytes_at(segment, pointer.offset, frame_len(pointer.len))?)
    }

    fn damaged(&self, segment: Segment, lsn: Lsn, offset: u32) -> ReadError {
        ReadError::Damaged { path: self.shared.path(segment.first), offset: u64::from(offset), lsn }
    }

    /// The payload in bytes that begin with its frame.
    fn verified(&self, segment: Segment, pointer: Pointer, mut bytes: Vec<u8>) -> Result<Vec<u8>, ReadError> {
        let damaged = || self.damaged(segment, pointer.lsn, pointer.offset);
        bytes.truncate(frame_len(pointer.len));
        let head = Head::parse(&bytes).filter(|head| head.len == pointer.len).ok_or_else(damaged)?;
        if !self.shared.codec.verifies(&head, &bytes, pointer.lsn.0, pointer.offset) {
            return Err(damaged());
        }
        if head.kind.erased {
            return Err(ReadError::Erased(pointer.lsn));
        }
        bytes.drain(..head.size);
        Ok(bytes)
    }

    /// Starts a scan over the durable records of a range of Lsns, in order, with big sequential reads. Records that are
    /// appended meanwhile may or may not be met. For several threads, split the range along [`Reader::segments`].
    #[must_use]
    pub fn scan(&self, range: Range<Lsn>) -> Scanner {
        Scanner {
            shared: Arc::clone(&self.shared),
            unseal: self.unseal.clone(),
            opened: Vec::new(),
            range,
            at: None,
            damages: Vec::new(),
        }
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.segments()
    }

    /// From the first record still in the log to the one that will be written next.
    #[must_use]
    pub fn held(&self) -> Range<Lsn> {
        self.shared.with_table(super::shared::Table::held)
    }
}

/// A scan under way. Holds one buffer: a quarter of a MiB, or the largest record met.
#[derive(Debug)]
pub struct Scanner {
    shared: Arc<Shared>,
    unseal: Option<Arc<dyn Unseal>>,
    /// The payload of the record met last, if it was sealed.
    opened: Vec<u8>,
    range: Range<Lsn>,
    at: Option<Place>,
    damages: Vec<Damage>,
}

#[derive(Debug)]
struct Place {
    segment: Segment,
    path: PathBuf,
    walker: Walker,
    /// How many files had been replaced when its own was opened.
    replaced: u64,
    /// Offset from which on the next signpost is put up.
    next_post: u64,
}

impl Scanner {
    /// The next record, or `None` at the end. Damaged records are passed over and noted in [`Scanner::damages`]. Blocks.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let Some(frame) = self.next_frame()? else { return Ok(None) };
        let pointer = frame.pointer();
        if frame.kind.erased {
            return Ok(Some(Record { pointer, payload: None }));
        }
        let Some(place) = self.at.as_mut() else { return Ok(None) };
        let payload = place.walker.payload(&frame);
        let failed = |source| ReadError::Io { path: place.path.clone(), source };
        let payload = payload.map_err(failed)?;
        let Some(unseal) = &self.unseal else { return Ok(Some(Record { pointer, payload: Some(payload) })) };
        self.opened.clear();
        let payload = match unseal.unseal(payload, &mut self.opened).map_err(failed)? {
            Unsealed::Plain => Some(payload),
            Unsealed::Opened => Some(self.opened.as_slice()),
            Unsealed::Gone => None,
            Unsealed::Unreadable(why) => {
                tracing::warn!(lsn = pointer.lsn.0, why, "a record can't be opened and is passed over");
                if self.damages.len() < MAX_DAMAGES {
                    self.damages.push(Damage {
                        path: place.path.clone(),
                        offset: u64::from(pointer.offset),
                        bytes: u64::from(pointer.len),
                        lost: pointer.lsn..Lsn(pointer.lsn.0 + 1),
                        maybe_unacknowledged: false,
                    });
                }
                None
            }
        };
        Ok(Some(Record { pointer, payload }))
    }

    /// Damage met so far, up to 1,024 places.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        loop {
            let mut place = match self.at.take() {
                Some(place) => place,
                None => match self.enter(None)? {
                    Some(place) => place,
                    None => return Ok(None),
                },
            };
            if place.replaced != self.shared.replaced() {
                self.reopen(&mut place)?;
            }
            match self.step(&mut place)? {
                Step::Frame(frame) => {
                    if frame.lsn >= self.range.end.0 {
                        // Done for good, as at the end of the log below.
                        self.range.start = self.range.end;
                        return Ok(None);
                    }
                    if u64::from(frame.offset) >= place.next_post {
                        place.next_post = u64::from(frame.offset) + SPACING;
                        self.shared.signposts.note(place.segment.first, (frame.lsn, frame.offset));
                    }
                    self.at = Some(place);
                    if frame.lsn >= self.range.start.0 {
                        return Ok(Some(frame));
                    }
                }
                Step::Damage { offset, bytes, lost } => {
                    self.note(&place, offset, bytes, lost);
                    self.at = Some(place);
                }
                Step::End { offset, dirty } => {
                    let next = self.enter(Some(place.segment.first))?;
                    if dirty > 0 {
                        let lost = place.walker.place().1;
                        let behind = next.as_ref().map_or(lost, |next| next.segment.first);
                        self.note(&place, offset, dirty, lost..behind);
                    }
                    if next.is_none() {
                        // Done for good: without this the next call would start over.
                        self.range.start = self.range.end;
                        return Ok(None);
                    }
                    self.at = next;
                }
            }
        }
    }

    /// One step; what does not verify is looked at again while nothing is being erased.
    fn step(&self, place: &mut Place) -> Result<Step, ReadError> {
        let before = place.walker.place();
        let failed = |source| ReadError::Io { path: place.path.clone(), source };
        let step = place.walker.step().map_err(failed)?;
        let suspicious = match &step {
            Step::Frame(_) => false,
            Step::Damage { .. } => true,
            Step::End { dirty, .. } => *dirty > 0,
        };
        if !suspicious {
            return Ok(step);
        }
        let _still = self.shared.change();
        place.walker.seek(before.0, before.1);
        place.walker.forget();
        place.walker.step().map_err(failed)
    }

    /// Lets go of a file that may have been archived, or rewritten without what was erased, and goes on in the one there is.
    fn reopen(&self, place: &mut Place) -> Result<(), ReadError> {
        place.replaced = self.shared.replaced();
        match self.shared.open_file(place.segment.first) {
            Ok(file) => {
                place.path = self.shared.path(place.segment.first);
                place.walker.reopened(file);
                Ok(())
            }
            // Dropped; what was open is still readable.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(ReadError::Io { path: place.path.clone(), source }),
        }
    }

    fn note(&mut self, place: &Place, offset: u64, bytes: u64, lost: Range<u64>) {
        if self.damages.len() < MAX_DAMAGES {
            let lost = Lsn(lost.start)..Lsn(lost.end);
            let path = place.path.clone();
            self.damages.push(Damage { path, offset, bytes, lost, maybe_unacknowledged: false });
        }
    }

    /// The segment behind `after`, or the one the range starts in; `None` when the range ends before it.
    fn enter(&self, after: Option<u64>) -> Result<Option<Place>, ReadError> {
        if self.range.is_empty() {
            return Ok(None);
        }
        let found = self.shared.with_table(|table| {
            let index = match after {
                Some(after) => table.segments.partition_point(|segment| segment.first <= after),
                None => table
                    .segments
                    .partition_point(|segment| segment.first <= self.range.start.0)
                    .saturating_sub(1),
            };
            table.segments.get(index).copied()
        });
        let Some(segment) = found.filter(|segment| segment.first < self.range.end.0) else { return Ok(None) };
        let path = self.shared.path(segment.first);
        let replaced = self.shared.replaced();
        // A file of its own: a scan in the small set of shared ones would push the others out.
        let opened = self.shared.open_file(segment.first);
        let file = opened.map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let mut walker = Walker::new(file, self.shared.codec, segment.first, segment.end);
        if let Some((lsn, offset)) = self.shared.signposts.before(segment.first, self.range.start.0) {
            let there = walker.frame_at(u64::from(offset), lsn);
            if there.map_err(|source| ReadError::Io { path: path.clone(), source })?.is_some() {
                walker.seek(u64::from(offset), lsn);
            }
        }
        let next_post = walker.place().0 + SPACING;
        Ok(Some(Place { segment, path, walker, replaced, next_post }))
    }
}
