//! A buffer that moves over a file, so that frames are parsed in memory while the file is read in big pieces.

use std::{io, sync::Arc};

use crate::fs::FsFile;

/// Bytes read at a time, once it is clear that a lot is wanted.
const CHUNK: usize = 256 * 1024;
/// Bytes read at first; each time four times as many, up to [`CHUNK`].
const FIRST: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Window {
    file: Arc<dyn FsFile>,
    buf: Vec<u8>,
    /// Where in the file the buffer starts.
    start: u64,
    /// Where the file ends for this reader.
    limit: u64,
    /// Bytes that are read next.
    chunk: usize,
    /// Bytes read from the file so far.
    pub(super) read: u64,
}

impl Window {
    pub(super) fn new(file: Arc<dyn FsFile>, limit: u64) -> Self {
        Self { file, buf: Vec::new(), start: 0, limit, chunk: FIRST, read: 0 }
    }

    /// Up to `len` bytes at `offset`: fewer only where the file ends.
    pub(super) fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min(usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX));
        if !self.holds(offset, len) {
            self.fill(offset, len)?;
        }
        let from = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let held = self.buf.get(from..).unwrap_or_default();
        Ok(held.get(..len).unwrap_or(held))
    }

    /// Like [`Window::get`] for whatever is held at `offset` without more reading, one byte at least unless at the end.
    pub(super) fn piece(&mut self, offset: u64) -> io::Result<&[u8]> {
        let held = (self.start + self.buf.len() as u64).saturating_sub(offset);
        let len = if offset >= self.start && held > 0 { held } else { CHUNK as u64 };
        self.get(offset, usize::try_from(len).unwrap_or(CHUNK))
    }

    /// Forgets what was read, because the file may have changed.
    pub(super) fn forget(&mut self) {
        self.buf.clear();
    }

    /// Goes on in another file of the same bytes.
    pub(super) fn reopened(&mut self, file: Arc<dyn FsFile>) {
        self.file = file;
        self.buf.clear();
    }

    fn holds(&self, offset: u64, len: usize) -> bool {
        offset >= self.start && offset + len as u64 <= self.start + self.buf.len() as u64
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let end = self.start + self.buf.len() as u64;
        let keep = if (self.start..end).contains(&offset) {
            let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
            self.buf.drain(..from);
            self.buf.len()
        } else {
            self.buf.clear();
            0
        };
        self.start = offset;
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = len.max(self.chunk).min(left);
        self.chunk = (self.chunk * 4).min(CHUNK);
        // One giant record must not pin its size in memory for the rest of a scan.
        if self.buf.capacity() > 4 * want.max(CHUNK) {
            self.buf.shrink_to(want);
        }
        self.buf.resize(want.max(keep), 0);
        let read = self.file.read_up_to(self.buf.get_mut(keep..).unwrap_or_default(), offset + keep as u64);
        self.buf.truncate(keep + read.as_ref().copied().unwrap_or(0));
        self.read += read? as u64;
        Ok(())
    }
}
