//! Walking over the frames of one segment, also past damage.

use std::{io, ops::Range, sync::Arc};

use super::{
    frame::{Codec, Head, Kind, MAX_HEAD, MIN_FRAME, is_marker},
    preamble,
    window::Window,
};
use crate::fs::FsFile;

/// What lies next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A record that verifies.
    Frame(Frame),
    /// Bytes that do not, with a record behind them that does.
    Damage { offset: u64, bytes: u64, lost: Range<u64> },
    /// No record from here on. `dirty` bytes are not zero-filled space: a torn tail, or damage.
    End { offset: u64, dirty: u64 },
}

/// A record that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) lsn: u64,
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) kind: Kind,
    pub(super) head: usize,
}

impl Frame {
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + self.head as u64 + u64::from(self.len)
    }
}

/// Stands between two frames of a segment.
#[derive(Debug)]
pub(super) struct Walker {
    window: Window,
    codec: Codec,
    offset: u64,
    /// The Lsn of the next frame.
    expected: u64,
    limit: u64,
}

impl Walker {
    /// Starts at a segment's first frame; bytes from `limit` on are not looked at.
    pub(super) fn new(file: Arc<dyn FsFile>, codec: Codec, first: u64, limit: u64) -> Self {
        // Places in a segment are 32-bit numbers.
        let limit = limit.min(u64::from(u32::MAX));
        Self {
            window: Window::new(file, limit),
            codec,
            offset: preamble::SIZE as u64,
            expected: first,
            limit,
        }
    }

    /// Moves to a place where the record `expected` starts.
    pub(super) fn seek(&mut self, offset: u64, expected: u64) {
        (self.offset, self.expected) = (offset, expected);
    }

    /// Where the next step starts, and the Lsn it expects there.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.offset, self.expected)
    }

    /// Drops what was buffered, because the file may have changed under it.
    pub(super) fn forget(&mut self) {
        self.window.forget();
    }

    /// Goes on in another file that holds the same segment.
    pub(super) fn reopened(&mut self, file: Arc<dyn FsFile>) {
        self.window.reopened(file);
    }

    /// Bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.window.read
    }

    /// Goes on by one step. After [`Step::End`] it says the same again.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        if let Some(frame) = self.frame_at(self.offset, self.expected)? {
            self.seek(frame.end(), frame.lsn + 1);
            return Ok(Step::Frame(frame));
        }
        let from = self.offset;
        let Some(written) = self.next_nonzero(from)? else {
            return Ok(Step::End { offset: from, dirty: 0 });
        };
        match self.resync(written)? {
            Some(frame) => {
                let lost = self.expected..frame.lsn;
                self.seek(u64::from(frame.offset), frame.lsn);
                Ok(Step::Damage { offset: from, bytes: u64::from(frame.offset) - from, lost })
            }
            None => Ok(Step::End { offset: from, dirty: self.last_nonzero(written)? + 1 - from }),
        }
    }

    /// The payload of a frame that was just stepped over.
    pub(super) fn payload(&mut self, frame: &Frame) -> io::Result<&[u8]> {
        self.window.get(u64::from(frame.offset) + frame.head as u64, frame.len as usize)
    }

    /// The frame of `lsn` at `offset`, if it verifies.
    pub(super) fn frame_at(&mut self, offset: u64, lsn: u64) -> io::Result<Option<Frame>> {
        let Ok(place) = u32::try_from(offset) else { return Ok(None) };
        let Some(head) = Head::parse(self.window.get(offset, MAX_HEAD)?) else { return Ok(None) };
        // The head's own check comes first: a damaged length must not make us read gigabytes.
        let fits = self.codec.head_fits(&head, self.window.get(offset, MAX_HEAD)?, lsn, place);
        if !fits || offset + head.frame_len() as u64 > self.limit {
            return Ok(None);
        }
        let bytes = self.window.get(offset, head.frame_len())?;
        let verified = self.codec.verifies(&head, bytes, lsn, place);
        Ok(verified.then_some(Frame { lsn, offset: place, len: head.len, kind: head.kind, head: head.size }))
    }

    /// The next frame that verifies, looking from `start`, where something was written.
    fn resync(&mut self, start: u64) -> io::Result<Option<Frame>> {
        // Most damage hits a payload. Then the head still says where the next frame is.
        let bytes = self.window.get(self.offset, MAX_HEAD)?;
        if let Some(head) = Head::parse(bytes)
            && u32::try_from(self.offset)
                .is_ok_and(|place| self.codec.head_fits(&head, bytes, self.expected, place))
        {
            let behind = self.offset + head.frame_len() as u64;
            if let Some(frame) = self.frame_at(behind, self.expected + 1)? {
                return Ok(Some(frame));
            }
        }
        let mut at = start;
        while let Some(found) = self.next_byte(at, is_marker)? {
            if let Some(frame) = self.any_frame_at(found)? {
                return Ok(Some(frame));
            }
            at = found + 1;
        }
        Ok(None)
    }

    /// A frame at `offset`, of any Lsn that can lie there given how many records fit into the bytes before it.
    fn any_frame_at(&mut self, offset: u64) -> io::Result<Option<Frame>> {
        let Some(head) = Head::parse(self.window.get(offset, MAX_HEAD)?) else { return Ok(None) };
        let most = self.expected.saturating_add((offset - self.offset) / MIN_FRAME as u64);
        let mut lsn = head.lsn_from(self.expected);
        while lsn <= most {
            if let Some(frame) = self.frame_at(offset, lsn)? {
                return Ok(Some(frame));
            }
            lsn = lsn.saturating_add(1 << 16);
        }
        Ok(None)
    }

    fn next_nonzero(&mut self, from: u64) -> io::Result<Option<u64>> {
        self.next_byte(from, |byte| byte != 0)
    }

    fn last_nonzero(&mut self, from: u64) -> io::Result<u64> {
        let mut last = from;
        let mut at = from;
        while at < self.limit {
            let piece = self.window.piece(at)?;
            if piece.is_empty() {
                break;
            }
            if let Some(found) = piece.iter().rposition(|&byte| byte != 0) {
                last = at + found as u64;
            }
            at += piece.len() as u64;
        }
        Ok(last)
    }

    fn next_byte(&mut self, from: u64, wanted: impl Fn(u8) -> bool) -> io::Result<Option<u64>> {
        let mut at = from;
        while at < self.limit {
            let piece = self.window.piece(at)?;
            if piece.is_empty() {
                break;
            }
            if let Some(found) = piece.iter().position(|&byte| wanted(byte)) {
                return Ok(Some(at + found as u64));
            }
            at += piece.len() as u64;
        }
        Ok(None)
    }
}
