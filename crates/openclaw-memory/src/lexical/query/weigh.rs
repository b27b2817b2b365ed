//! BM25, in whole numbers, so that equal documents score equally whatever the order of the additions.

use super::super::length;

/// Of a score of 1.
pub(super) const SCALE: f32 = 65536.0;

/// What depends on a document's length, for each code of a length.
#[derive(Debug)]
pub(super) struct Lengths([f32; 256]);

impl Lengths {
    pub(super) fn new(k1: f32, b: f32, mean: f32) -> Self {
        let mean = mean.max(1.0);
        let of = |code: usize| {
            let length = length::decode(u8::try_from(code).unwrap_or(u8::MAX)) as f32;
            k1 * (1.0 - b + b * length / mean)
        };
        Self(std::array::from_fn(of))
    }
}

/// The weight of a term in `documents` of `all`.
pub(super) fn idf(all: u64, documents: u64) -> f32 {
    // The same document may be there twice for a moment, deleted and anew.
    let (all, documents) = (all.max(documents) as f32, documents as f32);
    (1.0 + (all - documents + 0.5) / (documents + 0.5)).ln()
}

/// Scores one term.
#[derive(Debug)]
pub(super) struct Weigher<'a> {
    lengths: &'a Lengths,
    /// Weight × idf × (k1 + 1) × scale.
    factor: f32,
    /// Most documents have a term once: what that gives, for each code of a length.
    once: [u32; 256],
    /// Weight × idf × scale.
    share: u32,
}

/// Holds back documents that have little of the query.
#[derive(Debug)]
pub(super) struct Cover {
    /// Weight × idf of all terms.
    all: f32,
    power: f32,
    /// What shares up to each 256th keep at most.
    most: [f32; 256],
}

impl Cover {
    pub(super) fn new(all: f32, power: f32) -> Self {
        let most = std::array::from_fn(|step| ((step + 1) as f32 / 256.0).powf(power));
        Self { all, power, most }
    }

    /// Never less than [`Cover::apply`] of this sum or of a smaller one, and quicker.
    #[inline]
    pub(super) fn bound(&self, sum: Sum) -> u32 {
        let step = (sum.share() as f32 * (256.0 / SCALE) / self.all) as usize;
        let most = self.most.get(step + 1).copied().unwrap_or(1.0);
        // A bit more than rounding can take away.
        (sum.score() as f32 * most * 1.000_01) as u32 + 2
    }

    /// The final score; never more than the sum of what the terms give.
    pub(super) fn apply(&self, sum: Sum) -> u32 {
        let share = (sum.share() as f32 / SCALE / self.all).min(1.0);
        (sum.score() as f32 * share.powf(self.power)) as u32
    }
}

/// What a document's terms give: their scores, and how much of the query they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// The most that terms can give whose scores are bounded by this and whose shares come to that.
    pub(super) fn of(score: u32, share: u32) -> Self {
        Self(u64::from(score) << 32 | u64::from(share))
    }

    /// The sum of two that may be as large as can be.
    pub(super) fn plus(self, other: Self) -> Self {
        Self::of(self.score().saturating_add(other.score()), self.share().saturating_add(other.share()))
    }

    pub(super) fn score(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn share(self) -> u32 {
        self.0 as u32
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl<'a> Weigher<'a> {
    pub(super) fn new(lengths: &'a Lengths, k1: f32, weight: f32) -> Self {
        let factor = weight * (k1 + 1.0) * SCALE;
        let once = std::array::from_fn(|code| score(factor, 1, lengths.0.get(code).copied().unwrap_or(0.0)));
        Self { lengths, factor, once, share: (weight * SCALE) as u32 }
    }

    /// The most that a document gets for the term when its score is so bounded.
    pub(super) fn most(&self, bound: u32) -> Sum {
        Sum::of(bound, if bound == 0 { 0 } else { self.share })
    }

    /// What a document gets for the term.
    #[inline]
    pub(super) fn sum(&self, count: u8, length: u8) -> Sum {
        Sum(u64::from(self.score(count, length)) << 32 | u64::from(self.share))
    }

    /// Never less for a higher count or a shorter document.
    #[inline]
    pub(super) fn score(&self, count: u8, length: u8) -> u32 {
        if count == 1 {
            return self.once[usize::from(length)];
        }
        score(self.factor, count, self.lengths.0[usize::from(length)])
    }
}

#[inline]
fn score(factor: f32, count: u8, length: f32) -> u32 {
    let count = f32::from(count);
    (factor * (count / (count + length)) + 0.5) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_shorter_is_never_less() {
        let lengths = Lengths::new(1.2, 0.75, 40.0);
        let weigher = Weigher::new(&lengths, 1.2, idf(1000, 3));
        for count in 1..127 {
            for length in 0..255 {
                assert!(weigher.score(count + 1, length) >= weigher.score(count, length));
                assert!(weigher.score(count, length) >= weigher.score(count, length + 1));
            }
        }
        assert!(idf(1000, 3) > idf(1000, 300));
        assert!(idf(10, 10) > 0.0);
    }
}
