//! A segment with some places changed, as it is to be written anew.

use std::{collections::BTreeMap, io, sync::Arc};

use crate::fs::FsFile;

/// Bytes to put at a place: some, then zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Patch {
    pub(super) bytes: Vec<u8>,
    pub(super) zeros: u64,
}

impl Patch {
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.zeros
    }
}

/// A file seen through patches that do not overlap. It can be longer or shorter than what lies beneath.
#[derive(Debug)]
pub(super) struct Patched {
    beneath: Arc<dyn FsFile>,
    patches: BTreeMap<u64, Patch>,
    len: u64,
}

impl Patched {
    pub(super) fn new(beneath: Arc<dyn FsFile>, patches: BTreeMap<u64, Patch>, len: u64) -> Self {
        Self { beneath, patches, len }
    }

    /// Whether a patch touches any of these bytes.
    pub(super) fn touches(&self, from: u64, to: u64) -> bool {
        from < to && self.patches.range(..to).next_back().is_some_and(|(at, patch)| at + patch.len() > from)
    }
}

impl FsFile for Patched {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let want = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let Some(buf) = buf.get_mut(..want) else { return Ok(0) };
        let read = self.beneath.read_up_to(buf, offset)?;
        buf.get_mut(read..).unwrap_or_default().fill(0);
        let end = offset + want as u64;
        // From the last one on that starts before the buffer does.
        let from = self.patches.range(..=offset).next_back().map_or(offset, |(at, _)| *at);
        for (at, patch) in self.patches.range(from..end) {
            let (start, stop) = ((*at).max(offset), (at + patch.len()).min(end));
            for place in start..stop {
                let index = usize::try_from(place - at).unwrap_or(usize::MAX);
                let byte = patch.bytes.get(index).copied().unwrap_or(0);
                if let Some(slot) = buf.get_mut(usize::try_from(place - offset).unwrap_or(usize::MAX)) {
                    *slot = byte;
                }
            }
        }
        Ok(want)
    }

    fn write_all_at(&self, _data: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Bytes(Vec<u8>);

    impl FsFile for Bytes {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = self.0.get(offset as usize..).unwrap_or_default();
            let count = rest.len().min(buf.len());
            buf[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        }

        fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn sync_data(&self) -> io::Result<()> {
            unreachable!()
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            unreachable!()
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }
    }

    #[test]
    fn every_window_shows_the_patches_it_meets() {
        let patches = BTreeMap::from([
            (2, Patch { bytes: b"XY".to_vec(), zeros: 1 }),
            (8, Patch { bytes: b"Z".to_vec(), zeros: 0 }),
            (10, Patch { bytes: b"W".to_vec(), zeros: 2 }),
        ]);
        let file = Patched::new(Arc::new(Bytes(b"0123456789".to_vec())), patches, 13);
        let whole = *b"01XY\x00567Z9W\x00\x00";
        for from in 0..=13 {
            for to in from..=13 {
                let mut buf = vec![0xEE; to - from];
                assert_eq!(file.read_up_to(&mut buf, from as u64).unwrap(), to - from);
                assert_eq!(buf, whole[from..to], "{from}..{to}");
                let touched = (from..to).any(|at| matches!(at, 2..=4 | 8 | 10..=12));
                assert_eq!(file.touches(from as u64, to as u64), touched, "{from}..{to}");
            }
        }
    }
}
