//! An immutable file of documents: their lengths, their rows, their terms, in this order.

use std::{path::Path, sync::Arc};

use super::{
    LexicalError, Space,
    hash::TermHash,
    page::{CONTENT, Cursor, PageCache, PageWriter, PagedFile},
    postings::{BLOCK, Posting},
    rows::{self, BlockEntry, ENTRY, Row},
    terms::{self, FENCE, Term, TermsWriter, Wanted},
};
use crate::fs::Fs;

const MAGIC: [u8; 8] = *b"OCLAWLEX";
/// The version this program writes, and the only one it reads.
const VERSION: u32 = 2;
/// Bytes of the head that are used.
const HEAD: usize = 128;

/// What the first page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) id: u64,
    pub(super) space: Space,
    pub(super) docs: u32,
    /// The smallest code of a length.
    pub(super) shortest: u8,
    /// Sum of the lengths that the codes stand for.
    pub(super) tokens: u64,
    pub(super) terms: u64,
    /// Where the directory of the rows is.
    rows: u64,
    /// Where the dictionary's directory is, and its entries.
    fences: u64,
    fence_count: u32,
    pub(super) first: (u64, u32),
    pub(super) last: (u64, u32),
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[self.space as u8, self.shortest, 0, 0]);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.docs.to_le_bytes());
        out.extend_from_slice(&self.fence_count.to_le_bytes());
        for number in [self.tokens, self.terms, self.rows, self.fences, self.first.0, self.last.0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.min_ms.to_le_bytes());
        out.extend_from_slice(&self.max_ms.to_le_bytes());
        out.extend_from_slice(&self.first.1.to_le_bytes());
        out.extend_from_slice(&self.last.1.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; HEAD], path: &Path) -> Result<Self, LexicalError> {
        let damaged = |what| LexicalError::Damaged { path: path.to_owned(), offset: 0, what };
        let long = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|word| word.first_chunk())
                .map_or(0, |word| u64::from_le_bytes(*word))
        };
        let short = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|word| word.first_chunk())
                .map_or(0, |word| u32::from_le_bytes(*word))
        };
        if bytes[..8] != MAGIC {
            return Err(damaged("it is no segment of a search index"));
        }
        if short(8) != VERSION {
            return Err(LexicalError::Version { path: path.to_owned(), found: short(8), expected: VERSION });
        }
        Ok(Self {
            space: Space::of(bytes[12]).ok_or_else(|| damaged("its kind of documents is unknown"))?,
            shortest: bytes[13],
            id: long(16),
            docs: short(24),
            fence_count: short(28),
            tokens: long(32),
            terms: long(40),
            rows: long(48),
            fences: long(56),
            first: (long(64), short(96)),
            last: (long(72), short(100)),
            min_ms: long(80) as i64,
            max_ms: long(88) as i64,
        })
    }
}

/// Writes a segment: lengths, then rows, then terms.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    out: PageWriter,
    head: Head,
    rows: Vec<Row>,
    directory: Vec<u8>,
    terms: TermsWriter,
}

impl SegmentWriter {
    pub(super) fn create(
        fs: &dyn Fs,
        path: &Path,
        id: u64,
        space: Space,
        lengths: impl Iterator<Item = Result<u8, LexicalError>>,
    ) -> Result<Self, LexicalError> {
        let mut out = PageWriter::create(fs, path.to_owned(), id)?;
        let (mut shortest, mut tokens, mut docs) = (u8::MAX, 0, 0_u64);
        let mut held = Vec::with_capacity(CONTENT);
        for code in lengths {
            let code = code?;
            shortest = shortest.min(code);
            tokens += u64::from(super::length::decode(code));
            docs += 1;
            held.push(code);
            if held.len() == CONTENT {
                out.write(&held)?;
                held.clear();
            }
        }
        out.write(&held)?;
        let docs = u32::try_from(docs)
            .ok()
            .filter(|docs| *docs < u32::MAX - 1)
            .ok_or(LexicalError::TooMany(docs))?;
        let head = Head {
            id,
            space,
            docs,
            shortest,
            tokens,
            terms: 0,
            rows: 0,
            fences: 0,
            fence_count: 0,
            first: (0, 0),
            last: (0, 0),
            min_ms: i64::MAX,
            max_ms: i64::MIN,
        };
        Ok(Self {
            out,
            head,
            rows: Vec::with_capacity(BLOCK),
            directory: Vec::new(),
            terms: TermsWriter::new(docs),
        })
    }

    pub(super) fn row(&mut self, row: &Row) -> Result<(), LexicalError> {
        if self.directory.is_empty() && self.rows.is_empty() {
            self.head.first = row.key();
        }
        self.head.last = row.key();
        self.head.min_ms = self.head.min_ms.min(row.time_ms);
        self.head.max_ms = self.head.max_ms.max(row.time_ms);
        self.rows.push(*row);
        if self.rows.len() == BLOCK { self.end_rows() } else { Ok(()) }
    }

    fn end_rows(&mut self) -> Result<(), LexicalError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (mut entry, bytes) = rows::pack(&self.rows);
        entry.offset = self.out.offset();
        self.directory.extend_from_slice(&entry.encode());
        self.rows.clear();
        self.out.write(&bytes)
    }

    /// To be called between the rows and the terms.
    pub(super) fn end_of_rows(&mut self) -> Result<(), LexicalError> {
        self.end_rows()?;
        self.head.rows = self.out.offset();
        let directory = std::mem::take(&mut self.directory);
        self.out.write(&directory)
    }

    pub(super) fn term(&mut self, term: TermHash, posting: Posting, length: u8) -> Result<(), LexicalError> {
        self.terms.add(&mut self.out, term, posting, length)
    }

    /// Makes the file durable, but not its name.
    pub(super) fn finish(mut self) -> Result<(), LexicalError> {
        let (terms, fences, count) = self.terms.finish(&mut self.out)?;
        (self.head.terms, self.head.fences, self.head.fence_count) = (terms, fences, count);
        self.out.finish(&self.head.encode())
    }
}

/// A segment to read.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) head: Head,
    pub(super) file: PagedFile,
}

impl Segment {
    pub(super) fn open(
        fs: &dyn Fs,
        path: &Path,
        id: u64,
        cache: &Arc<PageCache>,
    ) -> Result<Self, LexicalError> {
        let file = PagedFile::open(fs, path.to_owned(), id, Arc::clone(cache))?;
        let page = file.read_page(0)?;
        let head = page.content().first_chunk::<HEAD>().map(|bytes| Head::decode(bytes, path));
        let head = head.unwrap_or_else(|| Err(file.nonsense(0, "it ends early")))?;
        if head.id != id {
            return Err(file.nonsense(0, "it is another segment"));
        }
        Ok(Self { head, file })
    }

    pub(super) fn row_blocks(&self) -> u32 {
        self.head.docs.div_ceil(BLOCK as u32)
    }

    fn row_count(&self, block: u32) -> usize {
        (self.head.docs - (block * BLOCK as u32).min(self.head.docs)).min(BLOCK as u32) as usize
    }

    pub(super) fn row_entry(&self, cursor: &mut Cursor<'_>, block: u32) -> Result<BlockEntry, LexicalError> {
        let offset = self.head.rows + u64::from(block) * ENTRY as u64;
        Ok(BlockEntry::decode(&cursor.read_array(offset)?))
    }

    fn row_bytes(
        &self,
        cursor: &mut Cursor<'_>,
        block: u32,
        buffer: &mut Vec<u8>,
    ) -> Result<BlockEntry, LexicalError> {
        let entry = self.row_entry(cursor, block)?;
        let end = if block + 1 < self.row_blocks() {
            self.row_entry(cursor, block + 1)?.offset
        } else {
            self.head.rows
        };
        let bytes = end.checked_sub(entry.offset).and_then(|len| usize::try_from(len).ok());
        let bytes = bytes.filter(|len| *len <= 64 * BLOCK);
        let bytes =
            bytes.ok_or_else(|| self.file.nonsense(entry.offset, "a block of rows makes no sense"))?;
        cursor.read(entry.offset, bytes, buffer)?;
        Ok(entry)
    }

    pub(super) fn rows(&self, cursor: &mut Cursor<'_>, block: u32) -> Result<Vec<Row>, LexicalError> {
        let mut buffer = Vec::new();
        let entry = self.row_bytes(cursor, block, &mut buffer)?;
        rows::unpack(&entry, &buffer, self.row_count(block))
            .ok_or_else(|| self.file.nonsense(entry.offset, "a block of rows makes no sense"))
    }

    pub(super) fn times(&self, cursor: &mut Cursor<'_>, block: u32) -> Result<[i64; BLOCK], LexicalError> {
        let mut buffer = Vec::new();
        let entry = self.row_bytes(cursor, block, &mut buffer)?;
        Ok(rows::unpack_times(&entry, &buffer, self.row_count(block)))
    }

    /// The codes of the lengths of so many documents.
    pub(super) fn lengths(
        &self,
        cursor: &mut Cursor<'_>,
        first: u32,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LexicalError> {
        cursor.read(CONTENT as u64 + u64::from(first), count, out)
    }

    /// The first document at or after a key; the number of documents when there is none.
    pub(super) fn seek(&self, cursor: &mut Cursor<'_>, key: (u64, u32)) -> Result<u32, LexicalError> {
        if key <= self.head.first {
            return Ok(0);
        }
        if key > self.head.last {
            return Ok(self.head.docs);
        }
        // The last block that begins before the key.
        let (mut low, mut high) = (0, self.row_blocks());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.row_entry(cursor, middle)?.first < key { low = middle } else { high = middle }
        }
        let rows = self.rows(cursor, low)?;
        Ok(low * BLOCK as u32 + rows.partition_point(|row| row.key() < key) as u32)
    }

    /// A fence: the first hash of a block of the dictionary, and its place.
    fn fence(&self, cursor: &mut Cursor<'_>, block: u32) -> Result<(TermHash, u64), LexicalError> {
        let bytes = cursor.read_array::<FENCE>(self.head.fences + u64::from(block) * FENCE as u64)?;
        let number = |from: usize, len: usize| {
            bytes.iter().skip(from).take(len).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        Ok((number(0, 5), number(5, 6)))
    }

    pub(super) fn find(
        &self,
        cursor: &mut Cursor<'_>,
        hash: TermHash,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Term>, LexicalError> {
        // Hashes lie evenly, so the place can be guessed; then the steps double until the term is passed.
        let count = self.head.fence_count;
        if count == 0 {
            return Ok(None);
        }
        let guess = ((u128::from(hash) * u128::from(count)) >> super::hash::BITS) as u32;
        let guess = guess.min(count - 1);
        let (mut low, mut high, mut step) = (0, count, 4);
        if self.fence(cursor, guess)?.0 <= hash {
            low = guess;
            while low + step < count {
                if self.fence(cursor, low + step)?.0 > hash {
                    high = low + step;
                    break;
                }
                low += step;
                step *= 2;
            }
        } else {
            high = guess;
            while high > step {
                if self.fence(cursor, high - step)?.0 <= hash {
                    low = high - step;
                    break;
                }
                high -= step;
                step *= 2;
            }
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.fence(cursor, middle)?.0 <= hash { low = middle } else { high = middle }
        }
        let fence = self.fence(cursor, low)?;
        if fence.0 > hash {
            return Ok(None);
        }
        let (terms, _) = terms::read_block(cursor, fence, self.head.docs, Wanted::One(hash), buffer)?;
        Ok(terms.into_iter().next())
    }

    /// All terms, in order.
    pub(super) fn all_terms(&self) -> TermsReader<'_> {
        TermsReader {
            segment: self,
            cursor: Cursor::aside(&self.file),
            block: 0,
            terms: Vec::new().into_iter(),
            buffer: Vec::new(),
        }
    }
}

/// Goes through a dictionary.
#[derive(Debug)]
pub(super) struct TermsReader<'a> {
    segment: &'a Segment,
    cursor: Cursor<'a>,
    block: u32,
    terms: std::vec::IntoIter<Term>,
    buffer: Vec<u8>,
}

impl TermsReader<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Term>, LexicalError> {
        loop {
            if let Some(term) = self.terms.next() {
                return Ok(Some(term));
            }
            if self.block == self.segment.head.fence_count {
                return Ok(None);
            }
            let fence = self.segment.fence(&mut Cursor::new(&self.segment.file), self.block)?;
            let docs = self.segment.head.docs;
            let (terms, _) = terms::read_block(&mut self.cursor, fence, docs, Wanted::All, &mut self.buffer)?;
            self.terms = terms.into_iter();
            self.block += 1;
        }
    }
}
