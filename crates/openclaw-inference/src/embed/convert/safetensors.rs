//! A checkpoint in the safetensors format: the length of a JSON header, the header, the tensors.

use std::collections::HashMap;

use serde::Deserialize;

use super::{
    Shape, Weights,
    bytes::{Bytes, Fault},
    quantise::quantise,
    write::TABLE,
};
use crate::{embed::matrix::BLOCK, gguf::half};

/// Longest header that is taken for real; a model of this kind has some 20 kB.
const HEADER: u64 = 1 << 22;
/// What this kind of model adds to the variance of a layer. Its `config.json` says so, its weights don't.
const EPSILON: f32 = 1e-12;

/// A file whose header has been read, and its tensors checked against its length.
#[derive(Debug)]
pub(super) struct Safetensors<B> {
    bytes: B,
    shape: Shape,
    tensors: HashMap<String, Tensor>,
}

#[derive(Debug)]
struct Tensor {
    kind: Kind,
    shape: Vec<usize>,
    offset: u64,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    F32,
    F16,
    Bf16,
}

impl Kind {
    fn width(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            Self::F16 => bytes.as_chunks().0.iter().map(|bytes| half(*bytes)).collect(),
            Self::Bf16 => {
                let wide = |[low, high]: &[u8; 2]| f32::from_le_bytes([0, 0, *low, *high]);
                bytes.as_chunks().0.iter().map(wide).collect()
            }
        }
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

impl<B: Bytes> Safetensors<B> {
    pub(super) fn read(bytes: B) -> Result<Self, Fault> {
        let mut length = [0; 8];
        length.copy_from_slice(&bytes.take(0, 8)?);
        let length = u64::from_le_bytes(length);
        if length > HEADER {
            return Err(Fault::unfit(format!("a header of {length} bytes: it is no safetensors file")));
        }
        let header = bytes.take(8, length)?;
        let entries: HashMap<String, serde_json::Value> = serde_json::from_slice(&header)
            .map_err(|error| Fault::unfit(format!("its header is no JSON: {error}")))?;
        let (start, end) = (8 + length, bytes.length().map_err(Fault::Io)?);
        let mut tensors = HashMap::new();
        for (name, entry) in entries.into_iter().filter(|(name, _)| name != "__metadata__") {
            let entry: Entry = serde_json::from_value(entry)
                .map_err(|error| Fault::unfit(format!("{name} is described wrongly: {error}")))?;
            let kind = match entry.dtype.as_str() {
                "F32" => Kind::F32,
                "F16" => Kind::F16,
                "BF16" => Kind::Bf16,
                // Such as the list of positions, which nobody needs.
                _ => continue,
            };
            let count = entry.shape.iter().try_fold(kind.width(), |count, size| count.checked_mul(*size));
            let [from, to] = entry.data_offsets;
            let is_whole = from <= to && count.is_some_and(|count| count as u64 == to - from);
            if !is_whole || start.checked_add(to).is_none_or(|to| to > end) {
                return Err(Fault::unfit(format!("{name} does not lie where it should")));
            }
            tensors.insert(name, Tensor { kind, shape: entry.shape, offset: start + from });
        }
        let sizes = |name: &str| match tensors.get(name).map(|tensor| tensor.shape.as_slice()) {
            Some([rows, columns]) if columns.is_multiple_of(BLOCK) => Ok((*rows, *columns)),
            _ => Err(Fault::unfit(format!("it has no matrix {name}"))),
        };
        let (rows, width) = sizes(TABLE)?;
        let (positions, _) = sizes("embeddings.position_embeddings.weight")?;
        let layer = |index: usize| format!("encoder.layer.{index}.intermediate.dense.weight");
        let layers = (0..tensors.len()).take_while(|index| tensors.contains_key(&layer(*index))).count();
        let (inner, _) = sizes(&layer(0))?;
        let shape = Shape { width, layers, inner, positions, rows, epsilon: EPSILON };
        Ok(Self { bytes, shape, tensors })
    }
}

impl<B: Bytes> Weights for Safetensors<B> {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn floats(&self, tensor: &str, first: usize, count: usize) -> Result<Vec<f32>, Fault> {
        let found = self.tensors.get(tensor).ok_or_else(|| Fault::unfit(format!("it has no {tensor}")))?;
        let numbers: usize = found.shape.iter().product();
        if first.checked_add(count).is_none_or(|end| end > numbers) {
            return Err(Fault::unfit(format!("{tensor} is of another size")));
        }
        let width = found.kind.width();
        let bytes = self.bytes.take(found.offset + (first * width) as u64, (count * width) as u64)?;
        Ok(found.kind.decode(&bytes))
    }

    fn rows(&self, tensor: &str, first: usize, count: usize, columns: usize) -> Result<Vec<u8>, Fault> {
        if self.tensors.get(tensor).is_some_and(|found| found.shape.last() != Some(&columns)) {
            return Err(Fault::unfit(format!("the rows of {tensor} are not of {columns} numbers")));
        }
        let values = self.floats(tensor, first * columns, count * columns)?;
        let mut rows = Vec::new();
        for block in values.as_chunks::<BLOCK>().0 {
            let packed = quantise(block)
                .ok_or_else(|| Fault::unfit(format!("{tensor} has weights that are no numbers")))?;
            rows.extend_from_slice(&packed);
        }
        Ok(rows)
    }
}
