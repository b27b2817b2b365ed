//! Which passages mean the like of a question.

use std::collections::{BinaryHeap, HashSet};

use super::{
    row::{Row, Sketch, VectorKey, bits},
    seal::Part,
    store::{Vectors, VectorsError},
};

/// Vectors up to which every row is compared.
const EXACT_ROWS: usize = 16 << 10;
/// Rows that are looked at for each one that is wanted, when sketches choose them.
const SKETCH_FACTOR: usize = 8;
/// At least so many.
const SKETCH_LEAST: usize = 4096;
/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Rows that the mean and the spread are taken from, when not all are looked at.
const SAMPLE_ROWS: usize = 1024;

/// What is asked: its vector, and how the score of a row follows from the dot product with it.
pub(crate) struct Question<'a> {
    pub(crate) vector: &'a [f32],
    /// The score of a row by its language and its dot product with the question.
    pub(crate) adjust: &'a (dyn Fn(u8, f32) -> f32 + Sync),
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("dimensions", &self.vector.len()).finish_non_exhaustive()
    }
}

/// Which vectors count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct VectorFilter {
    pub(crate) space: Option<u8>,
    /// Unix milliseconds, both included.
    pub(crate) since_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    pub(crate) conversation: Option<u32>,
    pub(crate) channel: Option<u16>,
}

impl VectorFilter {
    fn takes(&self, sketch: &Sketch<'_>) -> bool {
        // Sketches know seconds only; whoever shows a result looks at its time once more.
        let seconds = i64::from(sketch.seconds);
        self.space.is_none_or(|space| space == sketch.space)
            && self.conversation.is_none_or(|conversation| conversation == sketch.conversation)
            && self.channel.is_none_or(|channel| channel == sketch.channel)
            && self.since_ms.is_none_or(|since| seconds >= since.div_euclid(1000))
            && self.until_ms.is_none_or(|until| seconds <= until.div_euclid(1000))
    }
}

/// The nearest passages, and how near passages are on the whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Near {
    /// Best first, each passage once with its best window.
    pub(crate) best: Vec<(VectorKey, f32)>,
    /// Mean and standard deviation of the scores of all vectors (or of a sample), filters aside.
    pub(crate) mean: f32,
    pub(crate) deviation: f32,
}

#[derive(Debug, PartialEq)]
struct Scored(f32, u32);

impl Eq for Scored {}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(other.1.cmp(&self.1))
    }
}

#[derive(Debug, Default)]
struct Spread {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean_and_deviation(&self) -> (f32, f32) {
        if self.count == 0.0 {
            return (0.0, 0.0);
        }
        let mean = self.sum / self.count;
        (mean as f32, (self.squares / self.count - mean * mean).max(0.0).sqrt() as f32)
    }
}

impl Vectors {
    /// The `count` passages nearest to a question.
    pub(crate) fn nearest(
        &self,
        question: &Question<'_>,
        filter: &VectorFilter,
        count: usize,
    ) -> Result<Near, VectorsError> {
        self.nearest_of(question, filter, count, EXACT_ROWS)
    }

    /// The same, comparing with every row only up to `exact_rows` vectors.
    pub(super) fn nearest_of(
        &self,
        question: &Question<'_>,
        filter: &VectorFilter,
        count: usize,
        exact_rows: usize,
    ) -> Result<Near, VectorsError> {
        let (rows, live) = {
            let state = self.state();
            (state.rows, state.live as usize)
        };
        if live == 0 || count == 0 || question.vector.len() != self.layout.dimensions {
            return Ok(Near::default());
        }
        let arch = pulp::Arch::new();
        if live <= exact_rows {
            let wanted = self.by_sketch(rows, filter, None, usize::MAX)?;
            let mut spread = Spread::default();
            let mut heap = BinaryHeap::new();
            let mut wanted = wanted.into_iter().peekable();
            self.each_row(0..rows, |number, row| {
                let score = (question.adjust)(row.language, arch.dispatch(|| row.dot(question.vector)));
                spread.add(score);
                while wanted.next_if(|next| *next < number).is_some() {}
                if wanted.next_if_eq(&number).is_some() {
                    heap.push(Scored(score, number));
                }
            })?;
            let (mean, deviation) = spread.mean_and_deviation();
            return Ok(Near { best: self.passages(heap, count)?, mean, deviation });
        }
        let cut = bits(question.vector, self.centre());
        let chosen = self.by_sketch(rows, filter, Some(&cut), (count * SKETCH_FACTOR).max(SKETCH_LEAST))?;
        let mut heap = BinaryHeap::with_capacity(chosen.len());
        for number in chosen {
            let bytes = self.read_row(number)?;
            if let Some(row) = Row::read(&bytes) {
                let score = (question.adjust)(row.language, arch.dispatch(|| row.dot(question.vector)));
                heap.push(Scored(score, number));
            }
        }
        let mut spread = Spread::default();
        let step = (rows as usize / SAMPLE_ROWS).max(1);
        for number in (0..rows).step_by(step) {
            let bytes = self.read_row(number)?;
            if let Some(row) = Row::read(&bytes) {
                spread.add((question.adjust)(row.language, arch.dispatch(|| row.dot(question.vector))));
            }
        }
        let (mean, deviation) = spread.mean_and_deviation();
        Ok(Near { best: self.passages(heap, count)?, mean, deviation })
    }

    /// How near one passage is; `None`: it has no vector (yet).
    pub(crate) fn score(&self, question: &Question<'_>, key: VectorKey) -> Result<Option<f32>, VectorsError> {
        let mut best: Option<f32> = None;
        for bytes in self.rows_of(key)? {
            if let Some(row) = Row::read(&bytes).filter(|row| row.key.first_window() == key.first_window()) {
                let score = (question.adjust)(row.language, row.dot(question.vector));
                best = Some(best.map_or(score, |best| best.max(score)));
            }
        }
        Ok(best)
    }

    /// The best rows, each passage once.
    fn passages(
        &self,
        mut heap: BinaryHeap<Scored>,
        count: usize,
    ) -> Result<Vec<(VectorKey, f32)>, VectorsError> {
        let mut best: Vec<(VectorKey, f32)> = Vec::with_capacity(count.min(heap.len()));
        let mut seen = HashSet::new();
        while best.len() < count
            && let Some(Scored(score, number)) = heap.pop()
        {
            let bytes = self.read_row(number)?;
            if let Some(row) = Row::read(&bytes)
                && seen.insert(row.key.first_window())
            {
                best.push((row.key.first_window(), score));
            }
        }
        Ok(best)
    }

    /// Rows that the filter takes, in order; with a question the `most` of them whose sketches differ least from it.
    fn by_sketch(
        &self,
        rows: u32,
        filter: &VectorFilter,
        question: Option<&[u64]>,
        most: usize,
    ) -> Result<Vec<u32>, VectorsError> {
        let size = self.layout.sketch_bytes();
        let arch = pulp::Arch::new();
        let mut near: BinaryHeap<(u32, u32)> = BinaryHeap::new();
        let mut taken = Vec::new();
        let mut number = 0_u32;
        let per_chunk = CHUNK_BYTES / size;
        let (mut bytes, mut sealed) = (Vec::new(), Vec::new());
        let mut distances = vec![None; per_chunk];
        while number < rows {
            let count = per_chunk.min((rows - number) as usize);
            self.read_rows(Part::Sketches, number, count, &mut bytes, &mut sealed)?;
            let chunk = bytes.as_slice();
            arch.dispatch(|| {
                for (bytes, distance) in chunk.chunks_exact(size).zip(&mut distances) {
                    let sketch = Sketch::read(bytes).filter(|sketch| filter.takes(sketch));
                    *distance = sketch.map(|sketch| question.map_or(0, |q| sketch.distance(q)));
                }
            });
            for (at, distance) in (number..).zip(distances.iter().take(count)) {
                match distance {
                    None => {}
                    Some(_) if question.is_none() => taken.push(at),
                    Some(distance) => {
                        if near.len() < most {
                            near.push((*distance, at));
                        } else if near.peek().is_some_and(|(worst, _)| distance < worst) {
                            near.pop();
                            near.push((*distance, at));
                        }
                    }
                }
            }
            number += count as u32;
        }
        taken.extend(near.into_iter().map(|(_, at)| at));
        taken.sort_unstable();
        Ok(taken)
    }

    fn each_row(
        &self,
        rows: std::ops::Range<u32>,
        mut visit: impl FnMut(u32, Row<'_>),
    ) -> Result<(), VectorsError> {
        let size = self.layout.row_bytes();
        let per_chunk = CHUNK_BYTES / size;
        let (mut bytes, mut sealed) = (Vec::new(), Vec::new());
        let mut number = rows.start;
        while number < rows.end {
            let count = per_chunk.min((rows.end - number) as usize);
            self.read_rows(Part::Rows, number, count, &mut bytes, &mut sealed)?;
            for (at, bytes) in (number..).zip(bytes.chunks_exact(size)) {
                if let Some(row) = Row::read(bytes) {
                    visit(at, row);
                }
            }
            number += count as u32;
        }
        Ok(())
    }
}
