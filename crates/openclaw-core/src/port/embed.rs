//! Port of the embeddings: a text as a point, near those of texts that mean the like.

use std::{
    ops::{Deref, Range},
    path::PathBuf,
};

/// Turns texts into vectors. Every call but [`EmbedPort::model`] blocks and computes: call it where blocking is allowed.
pub trait EmbedPort: Send + Sync {
    /// The model there is; `None` while its file isn't there. Costs a look at the file at most, and loads nothing.
    fn model(&self) -> Option<EmbedModel>;

    /// One vector per text, in order. Of a text longer than the model's window only the beginning counts: [`EmbedPort::windows`]
    /// says where to cut. The first call loads the model, whose file may have appeared since the program's start.
    ///
    /// # Errors
    /// [`EmbedError`]; then none of the texts was embedded.
    fn embed(&self, side: EmbedSide, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError>;

    /// The byte ranges in which a text can be embedded as passages without a word of it getting lost: one range for a short
    /// text, several that overlap a little for a long one, none for a text without a word. They begin and end at character
    /// boundaries.
    ///
    /// # Errors
    /// [`EmbedError`], since only the model's vocabulary knows how long a text is.
    fn windows(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError>;
}

/// Which model, so that vectors of different ones are never compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedModel {
    /// Its name, `multilingual-e5-small` for instance.
    pub name: String,
    /// Numbers of each vector.
    pub dimensions: usize,
    /// Fingerprint of the weights and the vocabulary. Vectors with another one are of another model, whatever its name.
    pub fingerprint: u64,
}

/// What a text is in a search. The same text has another vector on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmbedSide {
    /// What is asked.
    Query,
    /// What may be found.
    Passage,
}

/// A vector of length 1: the dot product of two is the cosine of the angle between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(Box<[f32]>);

impl Embedding {
    /// Scales a vector to length 1; one of nothing but zeros stays as it is.
    #[must_use]
    pub fn normalised(mut values: Box<[f32]>) -> Self {
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            values.iter_mut().for_each(|value| *value /= length);
        }
        Self(values)
    }

    /// The cosine of the angle to another vector of the same model, -1 to 1.
    #[must_use]
    pub fn cosine(&self, other: &[f32]) -> f32 {
        self.0.iter().zip(other).map(|(a, b)| a * b).sum()
    }
}

impl Deref for Embedding {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

/// Why texts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model's file isn't there: search goes on without it.
    #[error("there is no embedding model at {}: get it with `gateway model pull embeddings`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is there, and can't be used or read.
    #[error("{message}")]
    Unusable {
        /// Which file, what is wrong with it, and what to do.
        message: String,
    },
}

impl EmbedError {
    /// Whether nothing is broken: nobody has got the model yet.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_unless_it_is_nothing() {
        let vector = Embedding::normalised(Box::new([3.0, 4.0]));
        assert_eq!(&*vector, [0.6, 0.8]);
        assert!((vector.cosine(&vector) - 1.0).abs() < 1e-6);
        assert_eq!(&*Embedding::normalised(Box::new([0.0, 0.0])), [0.0, 0.0]);
    }
}
