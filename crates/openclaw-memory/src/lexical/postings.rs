//! Lists of documents: in blocks of 128, each with what bounds its scores.

use super::bits::{BitReader, BitWriter, best_rice};

/// Postings of a block.
pub(super) const BLOCK: usize = 128;
/// Largest count of a term in a document; more says nothing more.
pub(super) const MAX_COUNT: u8 = 127;
/// Marks a block whose documents follow each other without a gap.
const RUN: u64 = 31;
/// Points of a block's bound.
const POINTS: usize = 3;

/// One document of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) doc: u32,
    pub(super) count: u8,
}

/// Bounds what the documents of a block can score, whatever the weights: for every document there is a point with at
/// least its count and at most its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bound {
    points: [(u8, u8); POINTS],
    used: u8,
}

impl Bound {
    pub(super) fn points(&self) -> &[(u8, u8)] {
        self.points.get(..usize::from(self.used)).unwrap_or_default()
    }

    /// From pairs of count and length code.
    pub(super) fn of(pairs: impl Iterator<Item = (u8, u8)>) -> Self {
        // Shortest length for counts of 1, 2, 3–4 and more, with the largest count of each.
        let mut classes = [(0_u8, u8::MAX); 4];
        for (count, length) in pairs {
            let class = match count {
                0 | 1 => 0,
                2 => 1,
                3 | 4 => 2,
                _ => 3,
            };
            if let Some((largest, shortest)) = classes.get_mut(class) {
                *largest = (*largest).max(count);
                *shortest = (*shortest).min(length);
            }
        }
        let mut bound = Self::default();
        let mut shortest = u8::MAX;
        for (largest, length) in classes.into_iter().rev().filter(|(largest, _)| *largest > 0) {
            if bound.used > 0 && length >= shortest {
                continue;
            }
            shortest = length;
            let slot = usize::from(bound.used).min(POINTS - 1);
            if let Some(point) = bound.points.get_mut(slot) {
                // Where there is no room, the last point covers both.
                *point = (point.0.max(largest), length);
            }
            bound.used = (bound.used + 1).min(POINTS as u8);
        }
        bound
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let last = self.points().len().saturating_sub(1);
        for (index, (count, length)) in self.points().iter().enumerate() {
            out.push(count | if index == last { 0 } else { 0x80 });
            out.push(*length);
        }
    }

    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut bound = Self::default();
        for point in &mut bound.points {
            let (pair, rest) = bytes.split_first_chunk::<2>()?;
            *bytes = rest;
            *point = (pair[0] & 0x7f, pair[1]);
            bound.used += 1;
            if pair[0] & 0x80 == 0 {
                return Some(bound);
            }
        }
        None
    }
}

/// Appends a block. `after` is one more than the last document before it.
pub(super) fn put_block(postings: &[Posting], after: u32, out: &mut Vec<u8>) {
    let mut next = after;
    let mut gaps = [0_u64; BLOCK];
    for (gap, posting) in gaps.iter_mut().zip(postings) {
        *gap = u64::from(posting.doc - next);
        next = posting.doc + 1;
    }
    let gaps = gaps.get(..postings.len()).unwrap_or_default();
    let mut bits = BitWriter::default();
    let run = gaps.iter().skip(1).all(|gap| *gap == 0);
    let k = if run { RUN } else { u64::from(best_rice(gaps)) };
    bits.put(k, 5);
    let counted = || postings.iter().enumerate().filter(|(_, posting)| posting.count > 1);
    let more = counted().count();
    // An exception costs its place and a Rice code; counting everything costs a bit each at least.
    let exceptions: u64 = counted().map(|(_, posting)| 8 + u64::from(posting.count.min(30))).sum();
    let all: u64 = postings.iter().map(|posting| u64::from(posting.count.min(31))).sum();
    let mode = if more == 0 {
        0
    } else if exceptions + 7 < all {
        1
    } else {
        2
    };
    bits.put(mode, 2);
    for gap in gaps.iter().take(if run { 1 } else { BLOCK }) {
        bits.put_rice(*gap, if run { 8 } else { k as u32 });
    }
    match mode {
        0 => {}
        1 => {
            bits.put(more as u64 - 1, 7);
            for (place, posting) in counted() {
                bits.put(place as u64, 7);
                bits.put_rice(u64::from(posting.count) - 2, 0);
            }
        }
        _ => postings.iter().for_each(|posting| bits.put_rice(u64::from(posting.count) - 1, 0)),
    }
    out.extend_from_slice(&bits.finish());
}

/// A block, unpacked.
#[derive(Debug, Clone)]
pub(super) struct Unpacked {
    pub(super) docs: [u32; BLOCK],
    pub(super) counts: [u8; BLOCK],
    pub(super) len: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Self { docs: [0; BLOCK], counts: [0; BLOCK], len: 0 }
    }
}

impl Unpacked {
    pub(super) fn iter(&self) -> impl Iterator<Item = Posting> + '_ {
        let pairs = self.docs.iter().zip(&self.counts).take(self.len);
        pairs.map(|(doc, count)| Posting { doc: *doc, count: *count })
    }

    /// Reads what [`put_block`] wrote. False: it makes no sense.
    pub(super) fn read(&mut self, mut bits: BitReader<'_>, len: usize, after: u32) -> bool {
        let k = bits.take(5);
        let mode = bits.take(2);
        self.len = len.min(BLOCK);
        // What makes no sense saturates, and is found at the end.
        let mut next = u64::from(after);
        if k == RUN {
            next = next.saturating_add(bits.take_rice(8));
            for doc in self.docs.iter_mut().take(self.len) {
                *doc = next as u32;
                next = next.saturating_add(1);
            }
        } else {
            let docs = &mut self.docs;
            bits.each_rice(k as u32, self.len, |at, gap| {
                next = next.saturating_add(gap);
                if let Some(doc) = docs.get_mut(at) {
                    *doc = next as u32;
                }
                next = next.saturating_add(1);
            });
        }
        self.counts = [1; BLOCK];
        if mode == 1 {
            for _ in 0..=bits.take(7) {
                let place = bits.take(7) as usize;
                let count = bits.take_rice(0).saturating_add(2);
                if let Some(slot) = self.counts.get_mut(place) {
                    *slot = count.min(u64::from(MAX_COUNT)) as u8;
                }
            }
        } else if mode == 2 {
            for count in self.counts.iter_mut().take(self.len) {
                *count = bits.take_rice(0).saturating_add(1).min(u64::from(MAX_COUNT)) as u8;
            }
        }
        !bits.is_over() && next <= 1 << 32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists() -> impl Strategy<Value = (u32, Vec<Posting>)> {
        let pairs =
            prop::collection::vec((0..2000_u32, prop_oneof![9 => Just(1_u8), 1 => 1..=MAX_COUNT]), 1..=BLOCK);
        (0..1000_u32, pairs, 0..12_u32).prop_map(|(after, pairs, shift)| {
            let mut next = after;
            let postings = pairs.into_iter().map(|(gap, count)| {
                let doc = next + (gap >> shift);
                next = doc + 1;
                Posting { doc, count }
            });
            (after, postings.collect())
        })
    }

    proptest! {
        #[test]
        fn blocks_come_back((after, postings) in lists()) {
            let mut bytes = Vec::new();
            put_block(&postings, after, &mut bytes);
            let mut unpacked = Unpacked::default();
            prop_assert!(unpacked.read(BitReader::new(&bytes), postings.len(), after));
            prop_assert_eq!(unpacked.iter().collect::<Vec<_>>(), postings);
        }

        #[test]
        fn bytes_that_are_no_block_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80), after in any::<u32>()) {
            Unpacked::default().read(BitReader::new(&bytes), BLOCK, after);
        }

        #[test]
        fn bounds_bound(pairs in prop::collection::vec((1..=MAX_COUNT, any::<u8>()), 1..100)) {
            let bound = Bound::of(pairs.iter().copied());
            for (count, length) in &pairs {
                prop_assert!(bound.points().iter().any(|(most, shortest)| most >= count && shortest <= length));
            }
            let mut bytes = Vec::new();
            bound.put(&mut bytes);
            prop_assert_eq!(Bound::read(&mut bytes.as_slice()), Some(bound));
        }
    }

    #[test]
    fn a_run_takes_two_bytes() {
        let postings: Vec<_> = (500..628).map(|doc| Posting { doc, count: 1 }).collect();
        let mut bytes = Vec::new();
        put_block(&postings, 499, &mut bytes);
        assert!(bytes.len() <= 2, "{}", bytes.len());
    }
}
