//! Which passages mean the like of a question.

use std::collections::{BinaryHeap, HashSet};

use super::{
    row::{Row, Sketch, VectorKey, bits},
    seal::Part,
    store::{Vectors, VectorsError},
};
use crate::search::{
    Language,
    fusion::{CentredQuestion, Nearness, Nearnesses, Weights},
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
    pub(crate) best: Vec<NearPassage>,
    /// Of all vectors, or of a sample, filters aside.
    pub(crate) nearnesses: Nearnesses,
}

/// A passage and how near it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NearPassage {
    /// Its first window.
    pub(crate) key: VectorKey,
    pub(crate) nearness: Nearness,
    /// As they were given.
    pub(crate) place: u32,
    pub(crate) length: u16,
}

impl Vectors {
    /// The `count` passages nearest to a question, long ones held back as in the final order: see [`Weights::meaning`].
    pub(crate) fn nearest(
        &self,
        question: &CentredQuestion<'_>,
        filter: &VectorFilter,
        count: usize,
        mean_length: f32,
    ) -> Result<Near, VectorsError> {
        self.nearest_of(question, filter, (count, mean_length), EXACT_ROWS)
    }

    /// The same, comparing with every row only up to `exact_rows` vectors.
    pub(super) fn nearest_of(
        &self,
        question: &CentredQuestion<'_>,
        filter: &VectorFilter,
        (count, mean_length): (usize, f32),
        exact_rows: usize,
    ) -> Result<Near, VectorsError> {
        let (rows, live) = {
            let state = self.state();
            (state.rows, state.live as usize)
        };
        if live == 0 || count == 0 || question.dimensions() != self.layout.dimensions {
            return Ok(Near::default());
        }
        let arch = pulp::Arch::new();
        let mut nearnesses = Nearnesses::default();
        let mut found = Vec::new();
        if live <= exact_rows {
            let mut wanted = self.by_sketch(rows, filter, None, usize::MAX)?.into_iter().peekable();
            self.each_row(0..rows, |number, row| {
                let nearness = nearness(arch, question, &row);
                nearnesses.add(nearness);
                while wanted.next_if(|next| *next < number).is_some() {}
                if wanted.next_if_eq(&number).is_some() {
                    found.push(near(&row, nearness));
                }
            })?;
        } else {
            let mut chosen = Vec::new();
            let [plain, centred] = question.sides();
            for (side, centre) in [(plain, self.centre()), (centred, &[][..])] {
                let cut = bits(side, centre);
                chosen.extend(self.by_sketch(
                    rows,
                    filter,
                    Some(&cut),
                    (count * SKETCH_FACTOR).max(SKETCH_LEAST),
                )?);
            }
            chosen.sort_unstable();
            chosen.dedup();
            for number in chosen {
                if let Some(row) = Row::read(&self.read_row(number)?) {
                    found.push(near(&row, nearness(arch, question, &row)));
                }
            }
            let step = (rows as usize / SAMPLE_ROWS).max(1);
            for number in (0..rows).step_by(step) {
                if let Some(row) = Row::read(&self.read_row(number)?) {
                    nearnesses.add(nearness(arch, question, &row));
                }
            }
        }
        let meaning = |passage: &NearPassage| {
            Weights::DEFAULT.meaning(passage.nearness, u32::from(passage.length), &nearnesses, mean_length)
        };
        openclaw_core::sort_by(&mut found, |a, b| meaning(b).total_cmp(&meaning(a)));
        let mut seen = HashSet::new();
        found.retain(|passage| seen.len() < count && seen.insert(passage.key));
        Ok(Near { best: found, nearnesses })
    }

    /// How near one passage is, by its best window; `None`: it has no vector (yet).
    pub(crate) fn nearness(
        &self,
        question: &CentredQuestion<'_>,
        nearnesses: &Nearnesses,
        key: VectorKey,
    ) -> Result<Option<Nearness>, VectorsError> {
        let arch = pulp::Arch::new();
        let mut best: Option<Nearness> = None;
        let standard = |nearness: Nearness| nearnesses.standard(nearness, Weights::DEFAULT.foreign);
        for bytes in self.rows_of(key)? {
            if let Some(row) = Row::read(&bytes).filter(|row| row.key.first_window() == key.first_window()) {
                let nearness = nearness(arch, question, &row);
                if best.is_none_or(|best| standard(best) < standard(nearness)) {
                    best = Some(nearness);
                }
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

    /// Visits every row that holds a vector.
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

fn near(row: &Row<'_>, nearness: Nearness) -> NearPassage {
    NearPassage { key: row.key.first_window(), nearness, place: row.place, length: row.length }
}

fn nearness(arch: pulp::Arch, question: &CentredQuestion<'_>, row: &Row<'_>) -> Nearness {
    let language = Language::from_number(row.language);
    let vectors = question.vectors(language);
    let dots = arch.dispatch(|| row.dots(vectors));
    question.nearness_of_dots(language, dots)
}
