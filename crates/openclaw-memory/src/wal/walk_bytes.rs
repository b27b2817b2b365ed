//! Reading a segment out of memory, for tests and fuzzing of the recovery.

use std::{io, ops::Range, sync::Arc};

use openclaw_core::Lsn;

use super::{
    Pointer,
    frame::Codec,
    walk::{Step, Walker},
};
use crate::fs::FsFile;

/// What a segment's bytes hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SegmentContent {
    /// Records that verify; no payload when erased.
    pub records: Vec<(Pointer, Option<Vec<u8>>)>,
    /// Places that do not verify, with a record behind them, and the Lsns lost there.
    pub damages: Vec<(Range<u64>, Range<Lsn>)>,
    /// Where the records end.
    pub end: u64,
    /// Bytes behind the end that are no zeros.
    pub dirty: u64,
}

#[derive(Debug)]
struct Bytes(Vec<u8>);

impl FsFile for Bytes {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let rest = self.0.get(from..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
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
        Ok(self.0.len() as u64)
    }
}

/// Reads a segment's bytes the way recovery does; its header is passed over.
///
/// # Errors
/// None that bytes in memory could cause.
pub fn walk_segment(bytes: &[u8], log: [u8; 16], first: Lsn) -> io::Result<SegmentContent> {
    let file = Arc::new(Bytes(bytes.to_vec()));
    let mut walker = Walker::new(file, Codec::new(log), first.0, bytes.len() as u64);
    let mut content = SegmentContent::default();
    loop {
        match walker.step()? {
            Step::Frame(frame) => {
                let payload = if frame.kind.erased { None } else { Some(walker.payload(&frame)?.to_vec()) };
                content.records.push((frame.pointer(), payload));
            }
            Step::Damage { offset, bytes, lost } => {
                content.damages.push((offset..offset + bytes, Lsn(lost.start)..Lsn(lost.end)));
            }
            Step::End { offset, dirty } => {
                (content.end, content.dirty) = (offset, dirty);
                return Ok(content);
            }
        }
    }
}

/// The bytes of a segment that holds these payloads, each a batch of its own.
#[cfg(any(test, feature = "testing"))]
#[must_use]
pub fn encode_segment<'a>(
    log: [u8; 16],
    first: Lsn,
    payloads: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    use super::{
        frame::{Kind, MAX_HEAD},
        preamble::{self, Preamble},
    };
    let codec = Codec::new(log);
    let mut out = Preamble { id: log, lsn: first, previous: Lsn(0) }.encode(preamble::SEGMENT).to_vec();
    for (lsn, payload) in (first.0..).zip(payloads) {
        let mut head = [0; MAX_HEAD];
        let kind = Kind { erased: false, first: true };
        let size = codec.head(kind, lsn, out.len() as u32, payload, &mut head);
        out.extend_from_slice(&head[..size]);
        out.extend_from_slice(payload);
    }
    out
}

/// What the archive of a log without a place of its own for archives holds: the bytes of its segment.
///
/// # Errors
/// What the file system says.
#[cfg(any(test, feature = "testing"))]
pub fn read_archive(fs: &dyn crate::fs::Fs, dir: &std::path::Path, first: Lsn) -> io::Result<Vec<u8>> {
    use super::archive::{ArchiveFile, archive_path};
    let mut manifest = [0; super::preamble::SIZE];
    fs.open(&dir.join("manifest"))?.read_exact_at(&mut manifest, 0)?;
    let id = *manifest[16..].first_chunk().unwrap_or(&[0; 16]);
    let file = fs.open(&archive_path(&dir.join("archive"), first.0))?;
    let file = ArchiveFile::open(file, &Codec::new(id), first.0)?;
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
