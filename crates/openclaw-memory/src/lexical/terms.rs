//! The dictionary: terms in the order of their hashes, 128 to a block. Short lists are in it, longer ones lie before it.

use super::{
    LexicalError,
    bits::{BitReader, BitWriter, best_rice, rice_for},
    hash::{BITS, TermHash},
    page::{Cursor, PageWriter},
    postings::{BLOCK, Bound, Posting, Unpacked, put_block},
};
use crate::record::{self, put_varint};

/// Terms of a block.
const TERMS: usize = 128;
/// Longest list that is kept in the dictionary.
pub(super) const INLINE: u32 = 16;
/// Bytes of a block's entry in the directory: its first hash and its place.
pub(super) const FENCE: usize = 11;
/// Bytes before a block's bits: terms, bytes of the bits, bytes of the lists before it.
const HEAD: usize = 9;
/// Rice parameter for the length of a list.
const LENGTH_RICE: u32 = 7;

#[derive(Debug)]
enum Kept {
    Inline(Vec<Posting>),
    List { documents: u32, bytes: u32 },
}

/// Writes terms and their lists.
#[derive(Debug)]
pub(super) struct TermsWriter {
    docs: u32,
    block: Vec<(TermHash, Kept)>,
    lists_bytes: u32,
    fences: Vec<u8>,
    count: u64,
    /// The term under way.
    term: TermHash,
    documents: u32,
    held: Vec<(Posting, u8)>,
    /// One more than the last document of the last full block.
    after: u32,
    skips: Vec<u8>,
    body: Vec<u8>,
}

impl TermsWriter {
    /// For a segment of so many documents.
    pub(super) fn new(docs: u32) -> Self {
        Self {
            docs,
            block: Vec::with_capacity(TERMS),
            lists_bytes: 0,
            fences: Vec::new(),
            count: 0,
            term: 0,
            documents: 0,
            held: Vec::with_capacity(BLOCK),
            after: 0,
            skips: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a document, with its length's code, to a term's list. Terms come in order, documents of each, too.
    pub(super) fn add(
        &mut self,
        out: &mut PageWriter,
        term: TermHash,
        posting: Posting,
        length: u8,
    ) -> Result<(), LexicalError> {
        if term != self.term && self.documents > 0 {
            self.end_term(out)?;
        }
        self.term = term;
        if self.held.len() == BLOCK {
            self.end_block();
        }
        self.held.push((posting, length));
        self.documents += 1;
        Ok(())
    }

    fn end_block(&mut self) {
        let postings: Vec<Posting> = self.held.iter().map(|(posting, _)| *posting).collect();
        let start = self.body.len();
        put_block(&postings, self.after, &mut self.body);
        let next = postings.last().map_or(0, |last| last.doc + 1);
        put_varint(&mut self.skips, u64::from(next - self.after));
        put_varint(&mut self.skips, (self.body.len() - start) as u64);
        let pairs = self.held.iter().map(|(posting, length)| (posting.count, *length));
        Bound::of(pairs).put(&mut self.skips);
        self.after = next;
        self.held.clear();
    }

    fn end_term(&mut self, out: &mut PageWriter) -> Result<(), LexicalError> {
        let kept = if self.documents <= INLINE {
            Kept::Inline(self.held.drain(..).map(|(posting, _)| posting).collect())
        } else {
            self.end_block();
            let mut head = Vec::new();
            if self.documents as usize > BLOCK {
                put_varint(&mut head, self.skips.len() as u64);
            }
            head.extend_from_slice(&self.skips);
            out.write(&head)?;
            out.write(&self.body)?;
            let bytes = u32::try_from(head.len() + self.body.len()).unwrap_or(u32::MAX);
            self.lists_bytes = self.lists_bytes.saturating_add(bytes);
            Kept::List { documents: self.documents, bytes }
        };
        self.block.push((self.term, kept));
        self.count += 1;
        (self.documents, self.after) = (0, 0);
        self.skips.clear();
        self.body.clear();
        if self.block.len() == TERMS { self.end_terms(out) } else { Ok(()) }
    }

    fn end_terms(&mut self, out: &mut PageWriter) -> Result<(), LexicalError> {
        let Some((first, _)) = self.block.first() else { return Ok(()) };
        self.fences.extend_from_slice(&first.to_le_bytes()[..5]);
        self.fences.extend_from_slice(&out.offset().to_le_bytes()[..6]);
        let mut bits = BitWriter::default();
        let hashes = self.block.iter().zip(self.block.iter().skip(1));
        let deltas: Vec<u64> = hashes.map(|((a, _), (b, _))| b - a).collect();
        let k = best_rice(&deltas);
        bits.put(u64::from(k), 5);
        deltas.iter().for_each(|delta| bits.put_rice(*delta, k));
        for (_, kept) in &self.block {
            let documents = match kept {
                Kept::Inline(postings) => postings.len() as u32,
                Kept::List { documents, .. } => *documents,
            };
            let width = documents.ilog2();
            bits.put_rice(u64::from(width), 0);
            bits.put(u64::from(documents) & ((1 << width) - 1), width);
        }
        for (_, kept) in &self.block {
            match kept {
                Kept::Inline(postings) => put_inline(&mut bits, postings, self.docs),
                Kept::List { bytes, .. } => bits.put_rice(u64::from(*bytes), LENGTH_RICE),
            }
        }
        let bits = bits.finish();
        let mut head = vec![(self.block.len() - 1) as u8];
        head.extend_from_slice(&(bits.len() as u32).to_le_bytes());
        head.extend_from_slice(&self.lists_bytes.to_le_bytes());
        out.write(&head)?;
        out.write(&bits)?;
        self.block.clear();
        self.lists_bytes = 0;
        Ok(())
    }

    /// Writes what is left and the directory. Returns the number of terms, the place of the directory and the number of
    /// its entries.
    pub(super) fn finish(mut self, out: &mut PageWriter) -> Result<(u64, u64, u32), LexicalError> {
        if self.documents > 0 {
            self.end_term(out)?;
        }
        self.end_terms(out)?;
        let place = out.offset();
        out.write(&self.fences)?;
        Ok((self.count, place, (self.fences.len() / FENCE) as u32))
    }
}

fn put_inline(bits: &mut BitWriter, postings: &[Posting], docs: u32) {
    let k = rice_for(u64::from(docs), postings.len() as u64);
    let mut next = 0;
    for posting in postings {
        bits.put_rice(u64::from(posting.doc - next), k);
        next = posting.doc + 1;
    }
    let once = postings.iter().all(|posting| posting.count == 1);
    bits.put(u64::from(once), 1);
    for posting in postings.iter().take(if once { 0 } else { postings.len() }) {
        bits.put_rice(u64::from(posting.count) - 1, 0);
    }
}

/// Reads into `into`, or passes over.
fn take_inline(bits: &mut BitReader<'_>, documents: u32, docs: u32, mut into: Option<&mut Vec<Posting>>) {
    let k = rice_for(u64::from(docs), u64::from(documents));
    let mut next = 0_u64;
    for _ in 0..documents {
        let doc = next.saturating_add(bits.take_rice(k));
        if let Some(into) = into.as_deref_mut() {
            into.push(Posting { doc: doc.min(u64::from(u32::MAX)) as u32, count: 1 });
        }
        next = doc.saturating_add(1);
    }
    if bits.take(1) == 1 {
        return;
    }
    for at in 0..documents as usize {
        let count = bits.take_rice(0).saturating_add(1).min(127) as u8;
        if let Some(posting) = into.as_deref_mut().and_then(|into| into.get_mut(at)) {
            posting.count = count;
        }
    }
}

/// A term as the dictionary has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) hash: TermHash,
    pub(super) documents: u32,
    pub(super) place: Place,
}

/// Where a term's list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Inline(Vec<Posting>),
    List { offset: u64, bytes: u32 },
}

/// Which terms of a block are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    All,
    One(TermHash),
}

/// Reads the dictionary's block at `offset`; `first` is the first term's hash. Returns also where the block ends.
pub(super) fn read_block(
    cursor: &mut Cursor<'_>,
    (first, offset): (TermHash, u64),
    docs: u32,
    wanted: Wanted,
    buffer: &mut Vec<u8>,
) -> Result<(Vec<Term>, u64), LexicalError> {
    let file = cursor.file();
    let nonsense = |what| file.nonsense(offset, what);
    let head = cursor.read_array::<HEAD>(offset)?;
    let count = usize::from(head[0]) + 1;
    let bytes = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let lists = u64::from(u32::from_le_bytes([head[5], head[6], head[7], head[8]]));
    if count > TERMS || bytes > 64 * TERMS * INLINE as usize || lists > offset {
        return Err(nonsense("a block of the dictionary makes no sense"));
    }
    cursor.read(offset + HEAD as u64, bytes, buffer)?;
    let end = offset + (HEAD + bytes) as u64;
    let mut bits = BitReader::new(buffer);
    let k = bits.take(5) as u32;
    let mut hashes = [first; TERMS];
    let mut last = first;
    for hash in hashes.iter_mut().take(count).skip(1) {
        last = last.saturating_add(bits.take_rice(k));
        *hash = last;
    }
    let target = match wanted {
        Wanted::All => count,
        Wanted::One(hash) => match hashes.iter().take(count).position(|found| *found == hash) {
            Some(at) => at,
            None => return Ok((Vec::new(), end)),
        },
    };
    let mut frequencies = [0_u32; TERMS];
    for documents in frequencies.iter_mut().take(count) {
        let width = bits.take_rice(0).min(31) as u32;
        *documents = 1 << width | bits.take(width) as u32;
    }
    let mut terms = Vec::new();
    let mut list = offset - lists;
    for (at, (hash, documents)) in hashes.into_iter().zip(frequencies).take(count).enumerate() {
        let kept = matches!(wanted, Wanted::All) || at == target;
        let place = if documents <= INLINE {
            let mut postings = Vec::new();
            if kept {
                postings.reserve_exact(documents as usize);
            }
            take_inline(&mut bits, documents, docs, kept.then_some(&mut postings));
            Place::Inline(postings)
        } else {
            let bytes = bits.take_rice(LENGTH_RICE).min(u64::from(u32::MAX)) as u32;
            let offset = list;
            list += u64::from(bytes);
            Place::List { offset, bytes }
        };
        if kept {
            terms.push(Term { hash, documents, place });
            if at == target {
                break;
            }
        }
    }
    if bits.is_over() || last >> BITS != 0 {
        return Err(nonsense("a block of the dictionary makes no sense"));
    }
    Ok((terms, end))
}

/// A block of a list: its documents are above `after` and up to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListBlock {
    pub(super) after: u32,
    pub(super) last: u32,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) len: u8,
    pub(super) bound: Bound,
}

impl ListBlock {
    /// Unpacks its documents. `buffer` is used only where they lie on several pages.
    pub(super) fn unpack(
        &self,
        cursor: &mut Cursor<'_>,
        buffer: &mut Vec<u8>,
        into: &mut Unpacked,
    ) -> Result<(), LexicalError> {
        let file = cursor.file();
        let len = self.bytes as usize;
        let bits = BitReader::within(cursor.bytes(self.offset, len, buffer)?, len);
        if into.read(bits, usize::from(self.len), self.after) {
            Ok(())
        } else {
            Err(file.nonsense(self.offset, "a block of documents makes no sense"))
        }
    }
}

/// Reads what precedes the blocks of a list: where each is and what bounds it.
pub(super) fn read_list_head(
    cursor: &mut Cursor<'_>,
    (offset, bytes): (u64, u32),
    documents: u32,
    buffer: &mut Vec<u8>,
) -> Result<Vec<ListBlock>, LexicalError> {
    let file = cursor.file();
    let nonsense = || file.nonsense(offset, "a list of documents makes no sense");
    let count = (documents as usize).div_ceil(BLOCK);
    // The table's own length comes first when there are several blocks.
    let (mut start, mut table) = (offset, bytes as usize);
    if count > 1 {
        cursor.read(offset, 5.min(table), buffer)?;
        let mut head = record::Reader::new(buffer);
        table = head.varint().ok().and_then(|len| usize::try_from(len).ok()).ok_or_else(nonsense)?;
        start += (buffer.len() - head.rest().len()) as u64;
    }
    if start + table as u64 > offset + u64::from(bytes) {
        return Err(nonsense());
    }
    cursor.read(start, table.min(if count == 1 { 32 } else { table }), buffer)?;
    let mut rest = buffer.as_slice();
    let mut blocks = Vec::with_capacity(count.min(table));
    let mut after = 0_u32;
    let mut at = start + table as u64;
    for index in 0..count {
        let mut reader = record::Reader::new(rest);
        let step = reader.varint_u32().map_err(|_| nonsense())?;
        let len = reader.varint_u32().map_err(|_| nonsense())?;
        rest = reader.rest();
        let bound = Bound::read(&mut rest).ok_or_else(nonsense)?;
        if count == 1 {
            at = start + (buffer.len() - rest.len()) as u64;
        }
        let next = after.checked_add(step).filter(|_| step > 0).ok_or_else(nonsense)?;
        let left = documents as usize - index * BLOCK;
        blocks.push(ListBlock {
            after,
            last: next - 1,
            offset: at,
            bytes: len,
            len: left.min(BLOCK) as u8,
            bound,
        });
        after = next;
        at += u64::from(len);
    }
    if at != offset + u64::from(bytes) {
        return Err(nonsense());
    }
    Ok(blocks)
}
