//! Foreign bytes, read at places that are checked first.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// Why a source can't be read.
#[derive(Debug)]
pub(in super::super) enum Fault {
    Io(io::Error),
    Unfit(String),
}

impl Fault {
    pub(super) fn unfit(what: impl Into<String>) -> Self {
        Self::Unfit(what.into())
    }
}

/// Something that has bytes at places.
pub(super) trait Bytes {
    fn length(&self) -> io::Result<u64>;

    /// Fills the whole buffer.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// `count` bytes from `offset` on; refused before anything is allocated when they aren't there.
    fn take(&self, offset: u64, count: u64) -> Result<Vec<u8>, Fault> {
        let length = self.length().map_err(Fault::Io)?;
        if offset.checked_add(count).is_none_or(|end| end > length) {
            return Err(Fault::unfit(format!("{count} bytes at {offset} lie beyond its end at {length}")));
        }
        let mut bytes = vec![0; usize::try_from(count).map_err(|_| Fault::unfit("too large"))?];
        self.read_at(&mut bytes, offset).map_err(Fault::Io)?;
        Ok(bytes)
    }
}

impl Bytes for &File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl Bytes for &[u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Reads one thing after the other.
pub(super) struct Cursor<'a, B> {
    pub(super) bytes: &'a B,
    pub(super) at: u64,
}

impl<B: Bytes> Cursor<'_, B> {
    pub(super) fn take(&mut self, count: u64) -> Result<Vec<u8>, Fault> {
        let bytes = self.bytes.take(self.at, count)?;
        self.at += count;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N as u64)?);
        Ok(array)
    }

    pub(super) fn word(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A number within bounds.
    pub(super) fn count(&mut self, what: &str, most: u32) -> Result<usize, Fault> {
        let count = self.word()?;
        if (1..=most).contains(&count) {
            Ok(count as usize)
        } else {
            Err(Fault::unfit(format!("{what}: {count} is none, or more than {most}")))
        }
    }
}
