//! What a vector says without saying which language it is in.
//!
//! Vectors of one language lie together, so a cosine says as much about the language as about the meaning. Taking away the mean
//! of each language, questions and passages apart, leaves the meaning. The means of passages are those of the index, drawn towards
//! shipped ones while there are few; the means of questions are shipped, since nobody keeps questions.

use super::{super::language::Language, Nearness};

/// How many passages a shipped mean is worth.
const SHIPPED_WORTH: f32 = 50.0;

/// Means that come with the program, of texts that were written for it: for each language of [`Language::ALL`] one of questions and
/// one of passages. They are good for one model only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shipped {
    bytes: &'static [u8],
}

impl Shipped {
    /// Of `multilingual-e5-small`: 384 numbers each, questions before passages.
    pub(crate) const E5_SMALL: Self = Self { bytes: include_bytes!("e5-small-means.bin") };

    /// Numbers of each mean.
    pub(crate) fn dimensions(&self) -> usize {
        self.bytes.len() / (2 * 4 * Language::ALL.len())
    }

    /// The mean of all languages' passages: what vectors of the model have in common.
    pub(crate) fn common(&self) -> Box<[f32]> {
        let mut common = vec![0.0; self.dimensions()];
        for language in Language::ALL {
            for (sum, value) in common.iter_mut().zip(self.mean(1, language)) {
                *sum += value / Language::ALL.len() as f32;
            }
        }
        common.into()
    }

    pub(super) fn mean(&self, side: usize, language: Language) -> Vec<f32> {
        let dimensions = self.dimensions();
        let number = side * Language::ALL.len() + language as usize;
        let floats = self.bytes.chunks_exact(4).skip(number * dimensions).take(dimensions);
        floats.map(|bytes| bytes.try_into().map_or(0.0, f32::from_le_bytes)).collect()
    }
}

/// The means of all languages at one time.
#[derive(Debug, Clone)]
pub(crate) struct Centres {
    questions: [Vec<f32>; 4],
    passages: [Vec<f32>; 4],
}

impl Centres {
    /// From the shipped means and, for each language there is, how many vectors the index has and their sum.
    pub(crate) fn new<'a>(
        shipped: Shipped,
        passages: impl IntoIterator<Item = (Language, u64, &'a [f64])>,
    ) -> Self {
        let mut centres = Self {
            questions: Language::ALL.map(|language| shipped.mean(0, language)),
            passages: Language::ALL.map(|language| shipped.mean(1, language)),
        };
        for (language, count, sum) in passages {
            let all = count as f32 + SHIPPED_WORTH;
            let mean = &mut centres.passages[language as usize];
            for (mean, sum) in mean.iter_mut().zip(sum) {
                *mean = (*mean * SHIPPED_WORTH + *sum as f32) / all;
            }
        }
        centres
    }

    /// A question made ready to be compared.
    pub(crate) fn question(&self, vector: &[f32], language: Language) -> CentredQuestion<'_> {
        let mut centred: Vec<f32> =
            vector.iter().zip(&self.questions[language as usize]).map(|(value, mean)| value - mean).collect();
        let length = dot(&centred, &centred).sqrt();
        // A question that is the mean itself says nothing.
        let scale = if length > 1e-6 { 1.0 / length } else { 0.0 };
        centred.iter_mut().for_each(|value| *value *= scale);
        let offsets = Language::ALL.map(|language| dot(&centred, &self.passages[language as usize]));
        let squares = Language::ALL.map(|language| {
            let mean = &self.passages[language as usize];
            dot(mean, mean)
        });
        CentredQuestion { plain: vector.to_vec(), centred, offsets, squares, means: &self.passages }
    }
}

/// A question, as it is and without its language.
#[derive(Debug, Clone)]
pub(crate) struct CentredQuestion<'a> {
    plain: Vec<f32>,
    centred: Vec<f32>,
    /// For each language, the centred question times its mean, and that mean times itself.
    offsets: [f32; 4],
    squares: [f32; 4],
    means: &'a [Vec<f32>; 4],
}

impl CentredQuestion<'_> {
    /// Numbers of its vector.
    pub(crate) fn dimensions(&self) -> usize {
        self.plain.len()
    }

    /// The two vectors that passages may be near to.
    pub(crate) fn sides(&self) -> [&[f32]; 2] {
        [&self.plain, &self.centred]
    }

    /// The three vectors whose dot products with a passage of this language say how near it is: see
    /// [`CentredQuestion::nearness_of_dots`]. The first two are the same for all languages.
    pub(crate) fn vectors(&self, language: Language) -> [&[f32]; 3] {
        [&self.plain, &self.centred, &self.means[language as usize]]
    }

    /// How near a passage is, from its dot products with [`CentredQuestion::vectors`].
    pub(crate) fn nearness_of_dots(&self, language: Language, dots: [f32; 3]) -> Nearness {
        let [plain, centred, mean] = dots;
        // |p - m|² = 1 - 2pm + m², as p has length 1.
        let square = 1.0 - 2.0 * mean + self.squares[language as usize];
        let across = centred - self.offsets[language as usize];
        let centred = if square > 1e-6 { across / square.sqrt() } else { 0.0 };
        Nearness { plain, centred: centred.clamp(-1.0, 1.0) }
    }

    /// How near a passage is whose vector (of length 1) is at hand.
    #[cfg(test)]
    pub(crate) fn nearness(&self, passage: &[f32], language: Language) -> Nearness {
        self.nearness_of_dots(language, self.vectors(language).map(|vector| dot(vector, passage)))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
