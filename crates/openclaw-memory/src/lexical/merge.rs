//! Making one segment of several, without what was deleted. Streams: what it holds does not grow with the segments, but for
//! the lists of deletions and the list of one term.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    LexicalError, Space,
    dead::{Dead, Renumber},
    page::{CONTENT, Cursor},
    postings::{Posting, Unpacked},
    segment::{Segment, SegmentWriter, TermsReader},
    terms::{Place, Term, read_list_head},
};
use crate::fs::Fs;

/// A segment to merge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) segment: &'a Segment,
    pub(super) dead: Option<&'a Dead>,
}

impl Input<'_> {
    fn alive(&self) -> u32 {
        self.segment.head.docs - self.dead.map_or(0, Dead::count)
    }
}

/// Writes the merged segment. False: nothing is left, and no file was written. Fails soon after `stop` was set.
pub(super) fn merge(
    inputs: &[Input<'_>],
    fs: &dyn Fs,
    path: &Path,
    id: u64,
    space: Space,
    stop: &AtomicBool,
) -> Result<bool, LexicalError> {
    if inputs.iter().all(|input| input.alive() == 0) {
        return Ok(false);
    }
    let check = || if stop.load(Ordering::Relaxed) { Err(LexicalError::Stopped) } else { Ok(()) };
    let lengths = inputs.iter().flat_map(|input| Lengths::new(*input));
    let mut out = SegmentWriter::create(fs, path, id, space, lengths)?;
    for input in inputs {
        let mut cursor = Cursor::aside(&input.segment.file);
        for block in 0..input.segment.row_blocks() {
            let rows = input.segment.rows(&mut cursor, block)?;
            for (row, doc) in rows.iter().zip(block * 128..) {
                if !input.dead.is_some_and(|dead| dead.has(doc)) {
                    out.row(row)?;
                }
            }
        }
        check()?;
    }
    out.end_of_rows()?;
    merge_terms(inputs, &mut out, &check)?;
    out.finish()?;
    Ok(true)
}

fn merge_terms(
    inputs: &[Input<'_>],
    out: &mut SegmentWriter,
    check: &dyn Fn() -> Result<(), LexicalError>,
) -> Result<(), LexicalError> {
    let mut base = 0;
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        let mut terms = input.segment.all_terms();
        let next = terms.next()?;
        parts.push(Part {
            segment: input.segment,
            terms,
            next,
            renumber: Renumber::new(input.dead, base),
            lists: Cursor::aside(&input.segment.file),
            lengths: Cursor::new(&input.segment.file),
            buffer: Vec::new(),
        });
        base += input.alive();
    }
    let mut unpacked = Unpacked::default();
    let mut done = 0_u32;
    while let Some(hash) = parts.iter().filter_map(|part| part.next.as_ref()).map(|term| term.hash).min() {
        for part in &mut parts {
            if part.next.as_ref().is_some_and(|term| term.hash == hash) {
                part.copy_term(out, &mut unpacked)?;
            }
        }
        done = done.wrapping_add(1);
        if done.is_multiple_of(1024) {
            check()?;
        }
    }
    Ok(())
}

/// One input on its way through its terms.
struct Part<'a> {
    segment: &'a Segment,
    terms: TermsReader<'a>,
    next: Option<Term>,
    renumber: Renumber<'a>,
    lists: Cursor<'a>,
    lengths: Cursor<'a>,
    buffer: Vec<u8>,
}

impl Part<'_> {
    fn copy_term(&mut self, out: &mut SegmentWriter, unpacked: &mut Unpacked) -> Result<(), LexicalError> {
        let Some(term) = self.next.take() else { return Ok(()) };
        match term.place {
            Place::Inline(postings) => {
                for posting in postings {
                    self.copy(out, term.hash, posting)?;
                }
            }
            Place::List { offset, bytes } => {
                let at = (offset, bytes);
                let blocks = read_list_head(&mut self.lists, at, term.documents, &mut self.buffer)?;
                for block in blocks {
                    block.unpack(&mut self.lists, &mut self.buffer, unpacked)?;
                    for posting in unpacked.iter() {
                        self.copy(out, term.hash, posting)?;
                    }
                }
            }
        }
        self.next = self.terms.next()?;
        Ok(())
    }

    fn copy(&mut self, out: &mut SegmentWriter, hash: u64, posting: Posting) -> Result<(), LexicalError> {
        if posting.doc >= self.segment.head.docs {
            return Err(self.segment.file.nonsense(0, "a list names a document that is not there"));
        }
        let Some(doc) = self.renumber.of(posting.doc) else { return Ok(()) };
        let [length] = self.lengths.read_array(CONTENT as u64 + u64::from(posting.doc))?;
        out.term(hash, Posting { doc, ..posting }, length)
    }
}

/// The lengths of what is alive.
struct Lengths<'a> {
    input: Input<'a>,
    cursor: Cursor<'a>,
    next: u32,
}

impl<'a> Lengths<'a> {
    fn new(input: Input<'a>) -> Self {
        Self { input, cursor: Cursor::aside(&input.segment.file), next: 0 }
    }
}

impl Iterator for Lengths<'_> {
    type Item = Result<u8, LexicalError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.input.segment.head.docs {
            let doc = self.next;
            self.next += 1;
            if !self.input.dead.is_some_and(|dead| dead.has(doc)) {
                let read = self.cursor.read_array::<1>(CONTENT as u64 + u64::from(doc));
                return Some(read.map(|[length]| length));
            }
        }
        None
    }
}

/// Segments of one space, by their numbers of documents, that should become one: from where to where. Several of about the
/// same size are merged when there are enough of them, so that each document is copied a few times in all.
pub(super) fn due(sizes: &[u32], dead: &[u32]) -> Option<std::ops::Range<usize>> {
    /// Segments of about one size that are merged.
    const SIBLINGS: usize = 4;
    /// Documents up to which a segment counts as of the smallest size.
    const SMALLEST: u32 = 4096;
    let level = |docs: &u32| (docs.max(&SMALLEST) / SMALLEST).ilog2() / SIBLINGS.ilog2();
    // The newest end first: there are the small ones.
    let mut start = sizes.len();
    while start > 0 {
        let end = start;
        let top = sizes.get(end - 1).map_or(0, level);
        while start > 0 && sizes.get(start - 1).map_or(0, level) <= top {
            start -= 1;
        }
        if end - start >= SIBLINGS {
            return Some(start..end);
        }
    }
    // What was deleted has to go, though nothing else is to be done.
    let with_dead = dead.iter().position(|dead| *dead > 0)?;
    Some(with_dead..with_dead + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_merged_and_deletions_are_due() {
        let none = [0; 40];
        assert_eq!(due(&[], &[]), None);
        assert_eq!(due(&[4000, 3000, 2000], &none), None);
        assert_eq!(due(&[4000, 3000, 2000, 10], &none), Some(0..4));
        assert_eq!(due(&[60_000, 4000, 3000, 2000], &none), None);
        assert_eq!(due(&[60_000, 4000, 3000, 2000, 1], &none), Some(1..5));
        assert_eq!(due(&[70_000, 20_000, 18_000, 17_000, 4000], &none), None);
        assert_eq!(due(&[60_000, 4000], &[0, 3]), Some(1..2));
        // A small one between large ones goes with them.
        assert_eq!(due(&[17_000, 17_000, 17_000, 500, 17_000], &none), Some(0..5));
        let mut sizes = Vec::new();
        let mut most = 0;
        let mut copied = 0;
        for _ in 0..1000 {
            sizes.push(1000);
            while let Some(range) = due(&sizes, &none) {
                let sum: u32 = sizes.drain(range.clone()).sum();
                copied += sum;
                sizes.insert(range.start, sum);
            }
            most = most.max(sizes.len());
        }
        assert!(most <= 20, "{most}");
        assert!(copied <= 7_000_000, "{copied}");
    }
}
