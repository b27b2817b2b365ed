//! BM25 over the texts that match.

use std::{cmp::Ordering, collections::BinaryHeap};

/// How fast repetition stops counting.
const K1: f32 = 1.2;
/// How much long texts are held back.
const B: f32 = 0.75;

/// What ranking needs to know of all texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Corpus {
    pub(super) texts: u64,
    pub(super) bytes: u64,
    /// Texts with each term.
    pub(super) with_term: Vec<u64>,
    /// Texts with any term.
    pub(super) matching: u64,
}

impl Corpus {
    pub(super) fn new(terms: usize) -> Self {
        Self { with_term: vec![0; terms], ..Self::default() }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.texts += other.texts;
        self.bytes += other.bytes;
        self.matching += other.matching;
        for (sum, more) in self.with_term.iter_mut().zip(&other.with_term) {
            *sum += more;
        }
    }

    /// The weight of each term.
    pub(super) fn weights(&self) -> Weights {
        let texts = self.texts as f32;
        let weight = |with: &u64| (1.0 + (texts - *with as f32 + 0.5) / (*with as f32 + 0.5)).ln();
        let mean = if self.texts == 0 { 1.0 } else { (self.bytes as f32 / texts).max(1.0) };
        Weights { terms: self.with_term.iter().map(weight).collect(), mean }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Weights {
    terms: Vec<f32>,
    mean: f32,
}

impl Weights {
    /// The most that a text can score.
    pub(super) fn most(&self) -> f32 {
        (K1 + 1.0) * self.terms.iter().sum::<f32>()
    }

    pub(super) fn score(&self, counts: &[u16], bytes: u32) -> f32 {
        let length = K1 * (1.0 - B + B * bytes as f32 / self.mean);
        let parts = self.terms.iter().zip(counts).filter(|(_, count)| **count > 0);
        parts
            .map(|(weight, count)| weight * f32::from(*count) * (K1 + 1.0) / (f32::from(*count) + length))
            .sum()
    }
}

/// Something with a score; of equal ones the later (by `age`) is better.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored<T> {
    pub(super) score: f32,
    pub(super) age: u64,
    pub(super) what: T,
}

impl<T> Ord for Scored<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Reversed: a heap of these has its worst on top.
        other.score.total_cmp(&self.score).then(other.age.cmp(&self.age))
    }
}

impl<T> PartialOrd for Scored<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Scored<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Scored<T> {}

/// The best so many.
#[derive(Debug)]
pub(super) struct Best<T> {
    limit: usize,
    heap: BinaryHeap<Scored<T>>,
}

impl<T> Best<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::with_capacity(limit.min(1024) + 1) }
    }

    pub(super) fn offer(&mut self, scored: Scored<T>) {
        self.heap.push(scored);
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
    }

    /// The best first.
    pub(super) fn into_sorted(self) -> Vec<Scored<T>> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_terms_and_short_texts_win() {
        let corpus = Corpus { texts: 100, bytes: 10_000, with_term: vec![90, 2], matching: 91 };
        let weights = corpus.weights();
        assert!(weights.score(&[0, 1], 100) > weights.score(&[3, 0], 100));
        assert!(weights.score(&[0, 1], 50) > weights.score(&[0, 1], 500));
        assert!(weights.score(&[1, 1], 100) > weights.score(&[0, 1], 100));
    }

    #[test]
    fn the_best_are_kept_and_of_equals_the_latest() {
        let mut best = Best::new(3);
        for (age, score) in [1.0, 3.0, 2.0, 3.0, 0.5].into_iter().enumerate() {
            best.offer(Scored { score, age: age as u64, what: () });
        }
        let ages: Vec<u64> = best.into_sorted().iter().map(|scored| scored.age).collect();
        assert_eq!(ages, [3, 1, 2]);
    }
}
