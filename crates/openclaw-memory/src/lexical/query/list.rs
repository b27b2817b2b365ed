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

/// A list with at most one document in so many is read whole: its blocks span dozens of windows, and of those most have none of it.
const SCARCE: u32 = 256;
/// Blocks of a list with at most one document in so many are kept once they are read, since they span several windows.
const SPARSE: u32 = 16;

/// A list, with what bounds its scores.
#[derive(Debug)]
pub(super) enum List<'a> {
    Absent,
    /// All of it, with what bounds the scores of each 128; without bounds the shortest document does.
    Whole {
        postings: Vec<Posting>,
        bounds: Vec<u32>,
    },
    /// Blocks on the disk.
    Blocks(Blocks<'a>),
}

/// A list on the disk.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    cursor: Cursor<'a>,
    blocks: Vec<ListBlock>,
    bounds: Vec<u32>,
    buffer: Vec<u8>,
    /// Blocks that were read, where they are kept.
    kept: Vec<Option<Box<[Posting]>>>,
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
            Place::Inline(postings) => return Ok(Self::whole(postings)),
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
        let rarity = segment.head.docs / term.documents.max(1);
        if rarity < SCARCE {
            let kept = if rarity >= SPARSE { blocks.iter().map(|_| None).collect() } else { Vec::new() };
            return Ok(Self::Blocks(Blocks { cursor, blocks, bounds, buffer: Vec::new(), kept }));
        }
        let mut unpacked = Unpacked::default();
        let mut postings = Vec::with_capacity(term.documents as usize);
        for block in blocks {
            block.unpack(&mut cursor, buffer, &mut unpacked)?;
            postings.extend(unpacked.iter());
        }
        Ok(Self::Whole { postings, bounds })
    }

    /// One that is in memory.
    pub(super) fn whole(postings: Vec<Posting>) -> Self {
        if postings.is_empty() { Self::Absent } else { Self::Whole { postings, bounds: Vec::new() } }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// How many documents there are, dead ones included.
    pub(super) fn documents(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Whole { postings, .. } => postings.len(),
            Self::Blocks(Blocks { blocks, .. }) => {
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
            Self::Whole { postings, bounds } => {
                for (at, posting) in postings.iter().enumerate() {
                    let bound = weigher.map_or(0, |weigher| bound(weigher, posting, shortest, bounds, at));
                    tell(posting.doc / WINDOW, bound);
                }
            }
            Self::Blocks(Blocks { blocks, bounds, .. }) => {
                for (block, bound) in blocks.iter().zip(bounds) {
                    for window in block.after / WINDOW..=block.last / WINDOW {
                        tell(window, *bound);
                    }
                }
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
            Self::Whole { postings, .. } => each_between(postings, first, end, &mut tell),
            Self::Blocks(list) => {
                let start = list.blocks.partition_point(|block| block.last < first);
                for at in start..list.blocks.len() {
                    let Some(block) = list.blocks.get(at).copied().filter(|block| block.after < end) else {
                        break;
                    };
                    let range =
                        (block.after.max(first) - first, block.last.saturating_add(1).min(end) - first);
                    if !wanted(range.0, range.1) {
                        continue;
                    }
                    if let Some(Some(postings)) = list.kept.get(at) {
                        each_between(postings, first, end, &mut tell);
                        continue;
                    }
                    block.unpack(&mut list.cursor, &mut list.buffer, unpacked)?;
                    for posting in unpacked.iter() {
                        if (first..end).contains(&posting.doc) {
                            tell((posting.doc - first) as usize, posting.count);
                        }
                    }
                    if let Some(kept) = list.kept.get_mut(at) {
                        *kept = Some(unpacked.iter().collect());
                    }
                }
            }
        }
        Ok(())
    }
}

/// The most that a posting of a whole list can score.
fn bound(weigher: &Weigher<'_>, posting: &Posting, shortest: u8, bounds: &[u32], at: usize) -> u32 {
    let alone = weigher.score(posting.count, shortest);
    bounds.get(at / BLOCK).map_or(alone, |bound| alone.min(*bound))
}

/// Tells of the documents from `first` up to, not including, `end`.
fn each_between(postings: &[Posting], first: u32, end: u32, tell: &mut impl FnMut(usize, u8)) {
    let start = postings.partition_point(|posting| posting.doc < first);
    for posting in postings.iter().skip(start).take_while(|posting| posting.doc < end) {
        tell((posting.doc - first) as usize, posting.count);
    }
}
