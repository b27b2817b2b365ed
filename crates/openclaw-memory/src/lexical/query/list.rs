//! A term's documents in one segment, as far as they are needed.

use super::{
    super::{
        LexicalError,
        page::Cursor,
        postings::{BLOCK, Posting, Unpacked},
        segment::Segment,
        terms::{ListBlock, Place, Term, read_list_head},
    },
    weigh::Weigher,
};

/// Documents that are scored together.
pub(super) const WINDOW: u32 = 2048;

/// A list, with what bounds its scores.
#[derive(Debug)]
pub(super) enum List<'a> {
    Absent,
    /// All of it, each with its bound.
    Whole(Vec<Posting>),
    /// Blocks on the disk.
    Blocks {
        cursor: Cursor<'a>,
        blocks: Vec<ListBlock>,
        bounds: Vec<u32>,
        buffer: Vec<u8>,
    },
}

impl<'a> List<'a> {
    pub(super) fn open(
        segment: &'a Segment,
        term: Option<Term>,
        weigher: Option<&Weigher<'_>>,
        buffer: &mut Vec<u8>,
    ) -> Result<Self, LexicalError> {
        let Some(term) = term else { return Ok(Self::Absent) };
        let (offset, bytes) = match term.place {
            Place::Inline(postings) => return Ok(Self::Whole(postings)),
            Place::List { offset, bytes } => (offset, bytes),
        };
        let mut cursor = Cursor::new(&segment.file);
        let blocks = read_list_head(&mut cursor, (offset, bytes), term.documents, buffer)?;
        let bound = |block: &ListBlock| {
            let points = block.bound.points().iter();
            weigher.map_or(0, |weigher| {
                points.map(|(count, length)| weigher.score(*count, *length)).max().unwrap_or(0)
            })
        };
        let bounds = blocks.iter().map(bound).collect();
        Ok(Self::Blocks { cursor, blocks, bounds, buffer: Vec::new() })
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// How many documents there are, dead ones included.
    pub(super) fn documents(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Whole(postings) => postings.len(),
            Self::Blocks { blocks, .. } => {
                blocks.len().saturating_sub(1) * BLOCK + blocks.last().map_or(0, |last| usize::from(last.len))
            }
        }
    }

    /// Tells of each window with documents, perhaps several times, and the most they can score.
    pub(super) fn windows(
        &self,
        weigher: Option<&Weigher<'_>>,
        shortest: u8,
        tell: &mut dyn FnMut(u32, u32),
    ) {
        match self {
            Self::Absent => {}
            Self::Whole(postings) => {
                for posting in postings {
                    let bound = weigher.map_or(0, |weigher| weigher.score(posting.count, shortest));
                    tell(posting.doc / WINDOW, bound);
                }
            }
            Self::Blocks { blocks, bounds, .. } => {
                for (block, bound) in blocks.iter().zip(bounds) {
                    for window in block.after / WINDOW..=block.last / WINDOW {
                        tell(window, *bound);
                    }
                }
            }
        }
    }

    /// The most that a document of one window can score; 0: there is none.
    pub(super) fn bound_in(&self, window: u32, weigher: &Weigher<'_>, shortest: u8) -> u32 {
        let (first, end) = (window * WINDOW, window.saturating_add(1).saturating_mul(WINDOW));
        match self {
            Self::Absent => 0,
            Self::Whole(postings) => {
                let start = postings.partition_point(|posting| posting.doc < first);
                let here = postings.iter().skip(start).take_while(|posting| posting.doc < end);
                here.map(|posting| weigher.score(posting.count, shortest)).max().unwrap_or(0)
            }
            Self::Blocks { blocks, bounds, .. } => {
                let start = blocks.partition_point(|block| block.last < first);
                let here = blocks.iter().zip(bounds).skip(start).take_while(|(block, _)| block.after < end);
                here.map(|(_, bound)| *bound).max().unwrap_or(0)
            }
        }
    }

    /// Visits the documents of a window, where `wanted` (told the range from, not including, to) says that it is worth it.
    pub(super) fn visit(
        &mut self,
        window: u32,
        unpacked: &mut Unpacked,
        wanted: impl Fn(u32, u32) -> bool,
        mut tell: impl FnMut(usize, u8),
    ) -> Result<(), LexicalError> {
        let (first, end) = (window * WINDOW, window.saturating_add(1).saturating_mul(WINDOW));
        match self {
            Self::Absent => {}
            Self::Whole(postings) => {
                let start = postings.partition_point(|posting| posting.doc < first);
                for posting in postings.iter().skip(start).take_while(|posting| posting.doc < end) {
                    tell((posting.doc - first) as usize, posting.count);
                }
            }
            Self::Blocks { cursor, blocks, buffer, .. } => {
                let start = blocks.partition_point(|block| block.last < first);
                for block in blocks.iter().skip(start).take_while(|block| block.after < end) {
                    if !wanted(block.after.max(first) - first, block.last.saturating_add(1).min(end) - first)
                    {
                        continue;
                    }
                    let file = cursor.file();
                    cursor.read(block.offset, block.bytes as usize, buffer)?;
                    if !unpacked.read(buffer, usize::from(block.len), block.after) {
                        return Err(file.nonsense(block.offset, "a block of documents makes no sense"));
                    }
                    for posting in unpacked.iter() {
                        if (first..end).contains(&posting.doc) {
                            tell((posting.doc - first) as usize, posting.count);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
