//! The best so far.

use std::{cmp::Reverse, collections::BinaryHeap};

/// The best so many documents: by score, of equal ones the later.
#[derive(Debug)]
pub(super) struct Top {
    limit: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<(u32, u64)>>,
}

impl Top {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::with_capacity(limit.min(1024) + 1) }
    }

    /// What scores less is not among the best; 0 as long as there is room.
    pub(super) fn threshold(&self) -> u32 {
        if self.limit == 0 {
            return u32::MAX;
        }
        self.heap.peek().filter(|_| self.heap.len() >= self.limit).map_or(0, |Reverse((score, _))| *score)
    }

    pub(super) fn offer(&mut self, score: u32, rank: u64) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse((score, rank)));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && worst.0 < (score, rank)
        {
            *worst = Reverse((score, rank));
        }
    }

    /// The best first.
    pub(super) fn into_sorted(self) -> Vec<(u32, u64)> {
        let mut all: Vec<_> = self.heap.into_iter().map(|Reverse(entry)| entry).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}
