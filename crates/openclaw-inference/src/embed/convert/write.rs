//! Writing the model's file.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use openclaw_core::port::EmbedModel;
use sha2::{Digest as _, Sha256};

use super::{ConvertError, Progress, Shape, Weights, Words, bytes::Fault};
use crate::embed::{
    file::{HEADER, Header, NAME, ROW_BLOCK, Sizes},
    matrix::{BLOCK, GROUP, PACKED},
    model,
};

/// What checkpoints call the table of the vocabulary's vectors.
pub(super) const TABLE: &str = "embeddings.word_embeddings.weight";
/// Rows of the table that are copied at a time.
const SLAB: usize = 1024;

/// Writes `target`; what is wrong with the weights is told of `source`.
pub(super) fn write(
    weights: &dyn Weights,
    words: &Words,
    name: &str,
    source: &Path,
    target: &Path,
    progress: Progress<'_>,
) -> Result<EmbedModel, ConvertError> {
    let unfit = ConvertError::fault(source);
    let shape = weights.shape();
    let normaliser = normaliser(words).map_err(&unfit)?;
    let (vocabulary, texts) = vocabulary(words);
    let sizes = Sizes {
        width: shape.width,
        layers: shape.layers,
        inner: shape.inner,
        positions: shape.positions,
        rows: shape.rows,
        pieces: words.pieces.len(),
        normaliser: normaliser.len(),
        texts,
    };
    if !sizes.are_sound() || name.len() > NAME {
        return Err(unfit(Fault::unfit("it is larger than models of this kind are")));
    }
    let mut output = Output::create(target)?;
    output.put(&normaliser)?;
    let normaliser = output.check();
    output.put(&vocabulary)?;
    let vocabulary = output.check();
    layers(weights, shape, &unfit, &mut output)?;
    let layers = output.check();
    table(weights, shape, &unfit, &mut output, progress)?;
    let header = Header {
        sizes,
        epsilon: shape.epsilon,
        fingerprint: output.fingerprint(shape),
        checks: [normaliser, vocabulary, layers],
        name: name.to_owned(),
    };
    output.finish(&header, target)?;
    Ok(model(&header))
}

fn normaliser(words: &Words) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for (from, to) in &words.characters {
        let length = u8::try_from(to.len()).map_err(|_| Fault::unfit("a replacement is too long"))?;
        bytes.extend_from_slice(&u32::from(*from).to_le_bytes());
        bytes.push(length);
        bytes.extend_from_slice(to.as_bytes());
    }
    Ok(bytes)
}

/// The vocabulary's bytes, and how many of them are the pieces' texts.
fn vocabulary(words: &Words) -> (Vec<u8>, usize) {
    let mut pieces: Vec<_> = words.pieces.iter().collect();
    pieces.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let (mut bytes, mut end) = (vec![0; 4], 0);
    for (text, ..) in &pieces {
        end += text.len();
        bytes.extend_from_slice(&(end as u32).to_le_bytes());
    }
    pieces.iter().for_each(|(_, id, _)| bytes.extend_from_slice(&id.to_le_bytes()));
    pieces.iter().for_each(|(.., score)| bytes.extend_from_slice(&score.to_le_bytes()));
    pieces.iter().for_each(|(text, ..)| bytes.extend_from_slice(text.as_bytes()));
    (bytes, end)
}

fn layers(
    weights: &dyn Weights,
    shape: Shape,
    unfit: &impl Fn(Fault) -> ConvertError,
    output: &mut Output,
) -> Result<(), ConvertError> {
    let (width, inner) = (shape.width, shape.inner);
    let floats = |name: &str, count: usize| weights.floats(name, 0, count).map_err(unfit);
    // All tokens of a text are of the first type.
    let kind = floats("embeddings.token_type_embeddings.weight", width)?;
    let mut positions = floats("embeddings.position_embeddings.weight", shape.positions * width)?;
    for position in positions.chunks_exact_mut(width) {
        position.iter_mut().zip(&kind).for_each(|(value, kind)| *value += kind);
    }
    output.floats(&positions)?;
    output.floats(&floats("embeddings.LayerNorm.weight", width)?)?;
    output.floats(&floats("embeddings.LayerNorm.bias", width)?)?;
    for layer in 0..shape.layers {
        let name = |part: &str, what: &str| format!("encoder.layer.{layer}.{part}.{what}");
        let mut linear = |parts: &[&str], rows: usize, columns: usize| {
            for part in parts {
                let rows = weights.rows(&name(part, "weight"), 0, rows, columns).map_err(unfit)?;
                output.matrix(&rows, columns)?;
            }
            for part in parts {
                output.floats(&floats(&name(part, "bias"), rows)?)?;
            }
            Ok(())
        };
        let attention = ["attention.self.query", "attention.self.key", "attention.self.value"];
        linear(&attention, width, width)?;
        linear(&["attention.output.dense"], width, width)?;
        output.floats(&floats(&name("attention.output.LayerNorm", "weight"), width)?)?;
        output.floats(&floats(&name("attention.output.LayerNorm", "bias"), width)?)?;
        let mut linear = |part: &str, rows: usize, columns: usize| {
            let numbers = weights.rows(&name(part, "weight"), 0, rows, columns).map_err(unfit)?;
            output.matrix(&numbers, columns)?;
            output.floats(&floats(&name(part, "bias"), rows)?)
        };
        linear("intermediate.dense", inner, width)?;
        linear("output.dense", width, inner)?;
        output.floats(&floats(&name("output.LayerNorm", "weight"), width)?)?;
        output.floats(&floats(&name("output.LayerNorm", "bias"), width)?)?;
    }
    Ok(())
}

fn table(
    weights: &dyn Weights,
    shape: Shape,
    unfit: &impl Fn(Fault) -> ConvertError,
    output: &mut Output,
    progress: Progress<'_>,
) -> Result<(), ConvertError> {
    for first in (0..shape.rows).step_by(SLAB) {
        progress(first as u64, shape.rows as u64);
        let count = SLAB.min(shape.rows - first);
        let rows = weights.rows(TABLE, first, count, shape.width).map_err(unfit)?;
        for row in rows.chunks_exact(shape.width / BLOCK * ROW_BLOCK) {
            output.put(row)?;
            output.put(&crc32fast::hash(row).to_le_bytes())?;
        }
    }
    progress(shape.rows as u64, shape.rows as u64);
    Ok(())
}

/// The unfinished file beside its target; gone when it is dropped before its end.
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    check: crc32fast::Hasher,
    all: Sha256,
    is_finished: bool,
}

impl Output {
    fn create(target: &Path) -> Result<Self, ConvertError> {
        let mut path = target.as_os_str().to_owned();
        path.push(".new");
        let path = PathBuf::from(path);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path);
        let file = file.map_err(ConvertError::io(&path))?;
        let mut output = Self {
            file: BufWriter::with_capacity(1 << 16, file),
            path,
            check: crc32fast::Hasher::new(),
            all: Sha256::new(),
            is_finished: false,
        };
        // Room for the header, whose checksums come last.
        output.file.write_all(&[0; HEADER]).map_err(ConvertError::io(&output.path))?;
        Ok(output)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ConvertError> {
        self.check.update(bytes);
        self.all.update(bytes);
        self.file.write_all(bytes).map_err(ConvertError::io(&self.path))
    }

    fn floats(&mut self, floats: &[f32]) -> Result<(), ConvertError> {
        let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        self.put(&bytes)
    }

    /// Puts rows of blocks as groups of rows, in the order in which they are computed with.
    fn matrix(&mut self, rows: &[u8], columns: usize) -> Result<(), ConvertError> {
        let (blocks, row) = (columns / BLOCK, columns / BLOCK * ROW_BLOCK);
        for group in rows.chunks_exact(GROUP * row) {
            for block in 0..blocks {
                let of_row =
                    |row_in_group: usize| &group[row_in_group * row + block * ROW_BLOCK..][..ROW_BLOCK];
                let number = |row_in_group: usize, column: usize| {
                    let byte = of_row(row_in_group)[2 + column % (BLOCK / 2)];
                    if column < BLOCK / 2 { byte & 15 } else { byte >> 4 }
                };
                let mut packed = [0u8; PACKED];
                for (index, byte) in packed.iter_mut().enumerate() {
                    let (part, row, column) = (index / (4 * GROUP), index / 4 % GROUP, index % 4);
                    *byte = number(row, 8 * part + column) | number(row, 8 * part + 4 + column) << 4;
                }
                self.put(&packed)?;
                for row in 0..GROUP {
                    self.put(&of_row(row)[..2])?;
                }
            }
        }
        Ok(())
    }

    /// The checksum of what was put since the last call.
    fn check(&mut self) -> u32 {
        std::mem::take(&mut self.check).finalize()
    }

    fn fingerprint(&mut self, shape: Shape) -> u64 {
        self.all.update(shape.epsilon.to_le_bytes());
        let digest = self.all.finalize_reset();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        u64::from_le_bytes(first)
    }

    /// Writes the header, makes everything last, and gives the file its name.
    fn finish(mut self, header: &Header, target: &Path) -> Result<(), ConvertError> {
        let io = ConvertError::io(&self.path);
        self.file.flush().map_err(&io)?;
        let file = self.file.get_ref();
        file.write_all_at(&header.encode(), 0).map_err(&io)?;
        file.sync_all().map_err(&io)?;
        std::fs::rename(&self.path, target).map_err(ConvertError::io(target))?;
        self.is_finished = true;
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let opened = File::open(directory).map_err(ConvertError::io(directory))?;
        opened.sync_all().map_err(ConvertError::io(directory))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.is_finished {
            // What led here is told; this is only tidying up.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
