//! The newest documents, in memory: a posting is one number, so that sorting them is all there is to do.

use std::sync::Arc;

use super::{
    hash::TermHash,
    length,
    postings::{MAX_COUNT, Posting},
    rows::Row,
};

/// Most documents.
pub(super) const MAX_DOCS: usize = 8192;
/// Postings that lie unsorted at the end. Going through them costs less than sorting them at each addition would.
const UNSORTED: usize = 4096;
/// Rows of a piece: at most so many are copied when one is added beside a search.
const PIECE: usize = 256;
const COUNT_BITS: u32 = 8;
const DOC_BITS: u32 = 16;

/// A document in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemRow {
    pub(super) row: Row,
    /// Code of its length.
    pub(super) length: u8,
    pub(super) dead: bool,
}

/// Rows, in pieces that copies share: a search holds what was there when it began, while more are added.
#[derive(Debug, Clone, Default)]
pub(super) struct MemRows {
    pieces: Vec<Arc<Vec<MemRow>>>,
    len: usize,
}

impl MemRows {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, doc: usize) -> Option<&MemRow> {
        self.pieces.get(doc / PIECE)?.get(doc % PIECE)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MemRow> + '_ {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }

    /// `count` of them from `first` on, as far as they are there.
    pub(super) fn part(&self, first: usize, count: usize) -> impl Iterator<Item = &MemRow> + '_ {
        let pieces = self.pieces.iter().skip(first / PIECE).flat_map(|piece| piece.iter());
        pieces.skip(first % PIECE).take(count)
    }

    fn push(&mut self, row: MemRow) {
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Arc::new(Vec::with_capacity(PIECE)));
        }
        if let Some(last) = self.pieces.last_mut() {
            Arc::make_mut(last).push(row);
            self.len += 1;
        }
    }

    fn get_mut(&mut self, doc: usize) -> Option<&mut MemRow> {
        Arc::make_mut(self.pieces.get_mut(doc / PIECE)?).get_mut(doc % PIECE)
    }
}

/// Documents of one space. A copy is cheap and stays as it was.
#[derive(Debug, Clone, Default)]
pub(super) struct MemTable {
    rows: MemRows,
    /// Hash, document, count, from the highest bits down; in order.
    sorted: Arc<Vec<u64>>,
    /// More of them, in the order in which they came.
    fresh: Vec<u64>,
    tokens: u64,
    dead: usize,
    /// Code of the length of the shortest document; that may be dead by now.
    shortest: u8,
    /// From the earliest to the latest time of a document, dead ones included.
    times: (i64, i64),
}

impl MemTable {
    pub(super) fn rows(&self) -> &MemRows {
        &self.rows
    }

    pub(super) fn postings(&self) -> usize {
        self.sorted.len() + self.fresh.len()
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    pub(super) fn shortest(&self) -> u8 {
        self.shortest
    }

    pub(super) fn times(&self) -> (i64, i64) {
        self.times
    }

    pub(super) fn last_key(&self) -> Option<(u64, u32)> {
        Some(self.rows.get(self.rows.len().checked_sub(1)?)?.row.key())
    }

    /// Adds a document with its terms, each once, and their counts. False: it is full.
    pub(super) fn add(&mut self, row: Row, length: u32, terms: &[(TermHash, u8)]) -> bool {
        if self.rows.len() >= MAX_DOCS {
            return false;
        }
        let doc = self.rows.len() as u64;
        let length = length::encode(length);
        self.tokens += u64::from(length::decode(length));
        let (shortest, (min, max)) =
            if doc == 0 { (length, (row.time_ms, row.time_ms)) } else { (self.shortest, self.times) };
        self.shortest = shortest.min(length);
        self.times = (min.min(row.time_ms), max.max(row.time_ms));
        self.rows.push(MemRow { row, length, dead: false });
        let packed = |(hash, count): &(TermHash, u8)| {
            hash << (DOC_BITS + COUNT_BITS) | doc << COUNT_BITS | u64::from((*count).min(MAX_COUNT))
        };
        self.fresh.extend(terms.iter().map(packed));
        if self.fresh.len() > UNSORTED {
            self.sort();
        }
        true
    }

    pub(super) fn sort(&mut self) {
        // In place unless a search holds it. Runs that are in order already are merged, not sorted again.
        let sorted = Arc::make_mut(&mut self.sorted);
        sorted.append(&mut self.fresh);
        sorted.sort();
    }

    /// The documents of each of some terms, dead ones included.
    pub(super) fn find(&self, terms: &[TermHash]) -> Vec<Vec<Posting>> {
        let mut order: Vec<usize> = (0..terms.len()).collect();
        order.sort_unstable_by_key(|at| terms.get(*at));
        let mut lists: Vec<Vec<Posting>> = vec![Vec::new(); terms.len()];
        // Most postings are of none of the terms, which a few bits tell.
        let mut maybe = [0_u64; 64];
        let bit = |hash: TermHash| ((hash >> 6) as usize % 64, 1 << (hash % 64));
        for (term, list) in terms.iter().zip(&mut lists) {
            let low = term << (DOC_BITS + COUNT_BITS);
            let high = low | ((1 << (DOC_BITS + COUNT_BITS)) - 1);
            let start = self.sorted.partition_point(|packed| *packed < low);
            let found = self.sorted.get(start..).unwrap_or_default();
            let found = found.get(..found.partition_point(|packed| *packed <= high)).unwrap_or_default();
            list.extend(found.iter().map(|packed| unpack(*packed).1));
            let (word, mask) = bit(*term);
            maybe[word] |= mask;
        }
        for packed in &self.fresh {
            let (hash, posting) = unpack(*packed);
            let (word, mask) = bit(hash);
            if maybe[word] & mask == 0 {
                continue;
            }
            // Documents that came later have higher numbers. A term may be asked for twice.
            let from = order.partition_point(|at| terms.get(*at).is_some_and(|term| *term < hash));
            for at in order.iter().skip(from).take_while(|at| terms.get(**at) == Some(&hash)) {
                if let Some(list) = lists.get_mut(*at) {
                    list.push(posting);
                }
            }
        }
        lists
    }

    /// Everything, in order of terms and documents, once it is sorted.
    pub(super) fn all(&self) -> impl Iterator<Item = (TermHash, Posting)> + '_ {
        self.sorted.iter().map(|packed| unpack(*packed))
    }

    /// Marks a document. False: it was marked already.
    pub(super) fn bury(&mut self, doc: usize) -> bool {
        let Some(row) = self.rows.get_mut(doc).filter(|row| !row.dead) else { return false };
        row.dead = true;
        self.dead += 1;
        true
    }
}

fn unpack(packed: u64) -> (TermHash, Posting) {
    let doc = (packed >> COUNT_BITS) as u32 & ((1 << DOC_BITS) - 1);
    (packed >> (DOC_BITS + COUNT_BITS), Posting { doc, count: packed as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_found_sorted_or_not() {
        let mut table = MemTable::default();
        for major in 0..3000_u64 {
            let row = Row { major, ..Row::default() };
            assert!(table.add(row, 5, &[(major % 7, 1), ((1 << 40) - 1, 2), (1000 + major, 255)]));
        }
        assert!(!table.sorted.is_empty() && !table.fresh.is_empty());
        let found = table.find(&[3, (1 << 40) - 1, 1000 + 2999, 999, 3]);
        assert!(found[0].iter().map(|posting| u64::from(posting.doc)).eq((0..3000).filter(|n| n % 7 == 3)));
        assert_eq!(found[1].len(), 3000);
        assert_eq!(found[2], [Posting { doc: 2999, count: MAX_COUNT }]);
        assert!(found[3].is_empty());
        assert_eq!(found[0], found[4]);
        // A copy stays as it was.
        let before = table.clone();
        assert!(table.add(Row { major: 3000, ..Row::default() }, 5, &[(3, 1)]) && table.bury(0));
        assert_eq!(
            (before.find(&[3])[0].len(), before.rows().len(), before.rows().get(0).unwrap().dead),
            (found[0].len(), 3000, false)
        );
        assert_eq!((table.find(&[3])[0].len(), table.rows().part(2999, 9).count()), (found[0].len() + 1, 2));
        assert!(table.rows().part(300, 500).map(|row| row.row.major).eq(300..800));
        table.sort();
        assert!(table.all().is_sorted_by_key(|(hash, posting)| (hash, posting.doc)));
        assert!(table.bury(5) && !table.bury(5) && !table.bury(3001));
    }
}
