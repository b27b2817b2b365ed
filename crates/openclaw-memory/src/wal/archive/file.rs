//! An archive, read as if it were its segment.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    super::{
        frame::Codec,
        preamble::{self, Preamble, Unreadable},
    },
    block::{self, HEAD, Stored},
    head::{ArchiveHead, BLOCK},
};
use crate::fs::FsFile;

/// Decompressed blocks that one open archive keeps. One is enough for reading on; a few help with records read at random.
const CACHED: usize = 4;

/// Why an archive can't be opened. Damage is none.
#[derive(Debug)]
pub(in crate::wal) enum Unopened {
    /// A newer program wrote it.
    Future(u32),
    /// The system refused.
    Io(io::Error),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Unopened> for io::Error {
    fn from(error: Unopened) -> Self {
        match error {
            Unopened::Io(error) => error,
            Unopened::Future(version) => {
                Self::other(format!("it has format version {version}: start the newer version again"))
            }
        }
    }
}

/// Where a block lies. `None`: nobody knows any more.
type Span = Option<(u64, Stored)>;

type Cached = (u32, Arc<Vec<u8>>);

/// An open archive. Reading it gives the segment's bytes; what can't be decompressed any more reads as zeros, which verify as
/// nothing, so that damage costs the records it hit and no others.
#[derive(Debug)]
pub(in crate::wal) struct ArchiveFile {
    file: Arc<dyn FsFile>,
    seed: u32,
    /// `None` when damaged; the rest was then found out from the blocks.
    pub(in crate::wal) head: Option<ArchiveHead>,
    /// Whether the table of blocks verified.
    pub(in crate::wal) has_table: bool,
    len: u64,
    spans: Vec<Span>,
    cache: Mutex<Vec<Cached>>,
}

impl ArchiveFile {
    /// Reads head and table, or, where they are damaged, looks for the blocks.
    pub(in crate::wal) fn open(file: Arc<dyn FsFile>, codec: &Codec, first: u64) -> Result<Self, Unopened> {
        let seed = block::seed(codec, first);
        let head = read_head(&*file)?.filter(|head| head.id == codec.id && head.first.0 == first);
        let table = read_table(&*file, head.map(|head| head.blocks()), seed)?;
        let has_table = table.is_some();
        let spans = match table {
            Some(spans) => spans,
            None => search(&*file, seed, head.map(|head| head.blocks()))?,
        };
        let mut opened = Self { file, seed, head, has_table, len: 0, spans, cache: Mutex::default() };
        opened.len = match head {
            Some(head) => u64::from(head.len),
            None => opened.guess_len()?,
        };
        Ok(opened)
    }

    /// Bytes of the segment without a head that says so: the last block ends where its content does.
    fn guess_len(&self) -> io::Result<u64> {
        let Some(last) = self.spans.len().checked_sub(1) else { return Ok(0) };
        let before = last as u64 * u64::from(BLOCK);
        let Some((_, stored)) = self.spans.get(last).copied().flatten() else { return Ok(before) };
        let bytes = self.stored(last as u32)?;
        let body = bytes.get(HEAD..).unwrap_or_default();
        if stored.is_plain() {
            return Ok(before + body.len() as u64);
        }
        let (written, _) = block::inflate(body, &mut vec![0; BLOCK as usize]);
        Ok(before + written as u64)
    }

    /// The segment's header, from the archive's or from what is inside.
    pub(in crate::wal) fn preamble(&self, codec: &Codec, first: u64) -> io::Result<Option<Preamble>> {
        if let Some(head) = self.head {
            return Ok(Some(Preamble { id: head.id, lsn: head.first, previous: head.previous }));
        }
        let mut bytes = [0; preamble::SIZE];
        self.read_up_to(&mut bytes, 0)?;
        let found = Preamble::decode(&bytes, preamble::SEGMENT).ok();
        Ok(found.filter(|found| found.id == codec.id && found.lsn.0 == first))
    }

    pub(in crate::wal) fn blocks(&self) -> u32 {
        self.spans.len() as u32
    }

    /// Bytes of the segment that a block holds.
    pub(in crate::wal) fn block_len(&self, number: u32) -> usize {
        let start = u64::from(number) * u64::from(BLOCK);
        usize::try_from(self.len.saturating_sub(start).min(u64::from(BLOCK))).unwrap_or(0)
    }

    /// Where a block's bytes lie in the file.
    pub(in crate::wal) fn place(&self, number: u32) -> Option<(u64, u64)> {
        let (offset, stored) = self.spans.get(number as usize).copied().flatten()?;
        Some((offset, (HEAD + stored.len()) as u64))
    }

    /// A block as it lies in the file, head and all; shorter where the file ends.
    pub(super) fn stored(&self, number: u32) -> io::Result<Vec<u8>> {
        let Some((offset, len)) = self.place(number) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let read = self.file.read_up_to(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// A block as it lies in the file, if it verifies; damage is not passed on from file to file.
    pub(super) fn sound_block(&self, number: u32) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.stored(number)?;
        Ok(block::verifies(self.seed, number, &bytes).then_some(bytes))
    }

    /// The segment's bytes of a block, and whether the block verified. What can't be had is zeros.
    pub(in crate::wal) fn block(&self, number: u32) -> io::Result<(Vec<u8>, bool)> {
        let bytes = self.stored(number)?;
        let mut out = vec![0; self.block_len(number)];
        let Some((_, stored)) = self.spans.get(number as usize).copied().flatten() else {
            return Ok((out, false));
        };
        let verified = block::verifies(self.seed, number, &bytes);
        let body = bytes.get(HEAD..).unwrap_or_default();
        let whole = if stored.is_plain() {
            for (to, from) in out.iter_mut().zip(body) {
                *to = *from;
            }
            body.len() == out.len()
        } else {
            // The checksum of each frame decides what of a damaged block is still true.
            block::inflate(body, &mut out) == (self.block_len(number), true)
        };
        Ok((out, verified && whole))
    }

    /// Where the file should end.
    pub(in crate::wal) fn file_end(&self) -> Option<u64> {
        let last = self.blocks().checked_sub(1)?;
        self.place(last).map(|(offset, len)| offset + len)
    }

    fn cached(&self, number: u32) -> io::Result<Arc<Vec<u8>>> {
        let lock = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut cache = lock();
            if let Some(at) = cache.iter().position(|(held, _)| *held == number) {
                if let Some(recent) = cache.get_mut(at..) {
                    recent.rotate_left(1);
                }
                if let Some((_, block)) = cache.last() {
                    return Ok(Arc::clone(block));
                }
            }
        }
        let block = Arc::new(self.block(number)?.0);
        let mut cache = lock();
        if cache.len() == CACHED {
            cache.remove(0);
        }
        cache.push((number, Arc::clone(&block)));
        Ok(block)
    }
}

fn read_head(file: &dyn FsFile) -> Result<Option<ArchiveHead>, Unopened> {
    let mut bytes = [0; preamble::SIZE];
    if file.read_up_to(&mut bytes, 0)? < bytes.len() {
        return Ok(None);
    }
    match ArchiveHead::decode(&bytes) {
        Ok(head) => Ok(Some(head)),
        Err(Unreadable::Damaged) => Ok(None),
        Err(Unreadable::Future(version)) => Err(Unopened::Future(version)),
    }
}

/// The table behind the head, for so many blocks; without a head, for as many as make its checksum right.
fn read_table(file: &dyn FsFile, blocks: Option<u32>, seed: u32) -> io::Result<Option<Vec<Span>>> {
    if blocks == Some(0) {
        return Ok(Some(Vec::new()));
    }
    let least = 4 * blocks.unwrap_or(1) as usize;
    let most = match blocks {
        Some(_) => least,
        None => usize::try_from(file.len()?.min(u64::from(u32::MAX / BLOCK) * 4)).unwrap_or(least),
    };
    let mut bytes = vec![0; most + 4];
    let read = file.read_up_to(&mut bytes, preamble::SIZE as u64)?;
    bytes.truncate(read);
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes.get(..least - 4).unwrap_or_default());
    let mut len = least;
    while let (Some(entry), Some(crc)) = (bytes.get(len - 4..len), bytes.get(len..len + 4)) {
        hasher.update(entry);
        if hasher.clone().finalize().to_le_bytes() == crc {
            bytes.truncate(len);
            return Ok(Some(spans_of(&bytes)));
        }
        if len == most {
            break;
        }
        len += 4;
    }
    Ok(None)
}

fn spans_of(table: &[u8]) -> Vec<Span> {
    let mut offset = (preamble::SIZE + table.len() + 4) as u64;
    let (entries, _) = table.as_chunks::<4>();
    let place = |entry: &[u8; 4]| {
        let stored = Stored(u32::from_le_bytes(*entry));
        let at = offset;
        offset += (HEAD + stored.len()) as u64;
        Some((at, stored))
    };
    entries.iter().map(place).collect()
}

pub(super) fn table_checksum(seed: u32, table: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(table);
    hasher.finalize()
}

/// Looks through the whole file for blocks that verify, and takes for a block what lies exactly between two of them.
fn search(file: &dyn FsFile, seed: u32, blocks: Option<u32>) -> io::Result<Vec<Span>> {
    let end = file.len()?;
    let most = HEAD + BLOCK as usize;
    let mut spans: Vec<Span> = vec![None; blocks.unwrap_or(0) as usize];
    let mut buf = Vec::new();
    let mut at = 0;
    while at < end {
        // Long enough for a block that starts in its first half.
        buf.resize(2 * most, 0);
        let read = file.read_up_to(&mut buf, at)?;
        buf.truncate(read);
        let found = buf.windows(block::MAGIC.len()).position(|four| four == block::MAGIC);
        let Some(found) = found.filter(|found| *found <= most) else {
            at += read.saturating_sub(block::MAGIC.len() - 1).clamp(1, most) as u64;
            continue;
        };
        let candidate = buf.get(found..).unwrap_or_default();
        let parsed = block::parse(candidate).filter(|(_, stored)| stored.len() <= BLOCK as usize);
        let whole = parsed.and_then(|(number, stored)| {
            let bytes = candidate.get(..HEAD + stored.len())?;
            // A number is believed only as far as the file could hold that many.
            let possible =
                u64::from(number) <= end / HEAD as u64 && blocks.is_none_or(|blocks| number < blocks);
            (possible && block::verifies(seed, number, bytes)).then_some((number as usize, stored))
        });
        let Some((number, stored)) = whole else {
            at += found as u64 + 1;
            continue;
        };
        at += found as u64;
        if spans.len() <= number {
            spans.resize(number + 1, None);
        }
        if let Some(span) = spans.get_mut(number) {
            *span = Some((at, stored));
        }
        at += (HEAD + stored.len()) as u64;
    }
    between(&mut spans);
    Ok(spans)
}

fn between(spans: &mut [Span]) {
    for number in 1..spans.len().saturating_sub(1) {
        let [Some((before, stored)), None, Some((after, _))] = spans[number - 1..=number + 1] else {
            continue;
        };
        let start = before + (HEAD + stored.len()) as u64;
        let Some(len) = after.checked_sub(start + HEAD as u64).filter(|len| *len <= u64::from(BLOCK)) else {
            continue;
        };
        let len = usize::try_from(len).unwrap_or(0);
        spans[number] = Some((start, Stored::of(len, len == BLOCK as usize)));
    }
}

impl FsFile for ArchiveFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.len || buf.is_empty() {
            return Ok(0);
        }
        let number = offset / u64::from(BLOCK);
        let from = usize::try_from(offset % u64::from(BLOCK)).unwrap_or(0);
        let block = self.cached(u32::try_from(number).map_err(|_| io::ErrorKind::FileTooLarge)?)?;
        let rest = block.get(from..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
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
        Ok(self.len)
    }
}
