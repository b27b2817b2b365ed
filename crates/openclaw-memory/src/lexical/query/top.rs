//! The best so far.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Scores that differ by less than this part of theirs are taken for the same.
const ALIKE: u32 = 4096;

/// The best so many documents: by score, of equal ones the later.
#[derive(Debug)]
pub(super) struct Top {
    limit: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<(u32, u64)>>,
    /// How many of them nobody may be missing among, and their scores.
    sure: usize,
    surest: BinaryHeap<Reverse<u32>>,
}

impl Top {
    /// The best `limit`; the first `sure` of them are certainly the best.
    pub(super) fn new(limit: usize, sure: usize) -> Self {
        let sure = sure.min(limit);
        Self { limit, heap: BinaryHeap::new(), sure, surest: BinaryHeap::new() }
    }

    /// What scores less is not among the surest, and what scores more by next to nothing might as well not be; 0 as long as
    /// there is room. The latter ends searches among documents that are all alike, where each could be as good as the best.
    pub(super) fn threshold(&self) -> u32 {
        if self.sure == 0 {
            return u32::MAX;
        }
        let worst = self.surest.peek().filter(|_| self.surest.len() >= self.sure);
        worst.map_or(0, |Reverse(score)| score.saturating_add(score / ALIKE + 4))
    }

    pub(super) fn offer(&mut self, score: u32, rank: u64) {
        push(&mut self.surest, self.sure, score);
        push(&mut self.heap, self.limit, (score, rank));
    }

    /// The best first.
    pub(super) fn into_sorted(self) -> Vec<(u32, u64)> {
        let mut all: Vec<_> = self.heap.into_iter().map(|Reverse(entry)| entry).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

/// Adds to the largest so many.
fn push<T: Ord + Copy>(heap: &mut BinaryHeap<Reverse<T>>, limit: usize, new: T) {
    if heap.len() < limit {
        heap.push(Reverse(new));
    } else if let Some(mut worst) = heap.peek_mut()
        && worst.0 < new
    {
        *worst = Reverse(new);
    }
}
