//! Reading a GGUF file: its header, and its tensors as eight-bit matrices, piece by piece.

mod header;
mod kind;

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

pub(super) use self::{header::Texts, kind::half};
use self::{
    header::{Header, HeaderError, Value},
    kind::Kind,
};
use super::{
    arithmetic::{BLOCK, Quantised},
    error::ModelFileError,
};

/// Numbers that are converted at a time while a tensor is read: a multiple of every format's block, and little enough to
/// stay in the processor's cache.
const SLAB: usize = 1 << 15;

/// An open file whose header has been read and checked against its length.
#[derive(Debug)]
pub(super) struct ModelFile {
    path: PathBuf,
    file: File,
    header: Header,
}

impl ModelFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelFileError> {
        let io = |source| ModelFileError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(ModelFileError::NotGguf { path: path.to_owned() });
        }
        let reader = BufReader::with_capacity(1 << 16, &file);
        let header = Header::read(reader, metadata.len()).map_err(|error| match error {
            HeaderError::Io(error) => io(error),
            HeaderError::NotGguf => ModelFileError::NotGguf { path: path.to_owned() },
            HeaderError::Damaged(what) => ModelFileError::damaged(path, what),
            HeaderError::Unsupported(what) => ModelFileError::unsupported(path, what),
        })?;
        Ok(Self { path: path.to_owned(), file, header })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn architecture(&self) -> Result<&str, ModelFileError> {
        self.text("general.architecture")
            .ok_or_else(|| ModelFileError::damaged(&self.path, "no general.architecture"))
    }

    /// The context window the model was trained for.
    pub(super) fn context_window(&self) -> Result<u32, ModelFileError> {
        self.own_number("context_length").map(|length| length.clamp(1, 1 << 20))
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.header.metadata.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number of any width.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        match self.value(key)? {
            Value::Whole(whole) => u32::try_from(*whole).ok(),
            _ => None,
        }
    }

    pub(super) fn float(&self, key: &str) -> Option<f32> {
        match self.value(key)? {
            Value::Float(value) => Some(*value as f32),
            _ => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.value(key)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn texts(&self, key: &str) -> Option<&Texts> {
        match self.value(key)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// A list of whole numbers; empty when there is none.
    pub(super) fn numbers(&self, key: &str) -> &[i64] {
        match self.value(key) {
            Some(Value::Wholes(wholes)) => wholes,
            _ => &[],
        }
    }

    /// A number that the file keeps under its architecture's name and that must be there.
    pub(super) fn own_number(&self, key: &str) -> Result<u32, ModelFileError> {
        let key = format!("{}.{key}", self.architecture()?);
        self.number(&key).ok_or_else(|| ModelFileError::damaged(&self.path, format!("no {key}")))
    }

    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.header.tensors.contains_key(name)
    }

    /// A matrix of exactly this size.
    pub(super) fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Quantised, ModelFileError> {
        if !columns.is_multiple_of(BLOCK) {
            let what = format!("tensor {name} has rows of {columns} numbers, no multiple of {BLOCK}");
            return Err(ModelFileError::unsupported(&self.path, what));
        }
        let kind = self.find(name, &[columns, rows])?;
        // Only now is it known that the file really holds that many.
        let mut matrix = Quantised::with_capacity(rows, columns);
        let mut values = Vec::with_capacity(SLAB);
        let mut finite = true;
        self.read(name, kind, rows * columns, |bytes| {
            if kind.is_whole() {
                kind.whole_blocks(bytes, |quants, scale| {
                    finite &= scale.is_finite();
                    matrix.push(quants, scale);
                });
            } else {
                values.clear();
                kind.decode(bytes, &mut values);
                finite &= all_finite(&values);
                matrix.extend(&values);
            }
        })?;
        self.check_finite(name, finite)?;
        Ok(matrix)
    }

    /// A row of exactly this length.
    pub(super) fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ModelFileError> {
        let kind = self.find(name, &[length])?;
        let mut vector = Vec::with_capacity(length);
        self.read(name, kind, length, |bytes| kind.decode(bytes, &mut vector))?;
        self.check_finite(name, all_finite(&vector))?;
        Ok(vector)
    }

    fn check_finite(&self, name: &str, finite: bool) -> Result<(), ModelFileError> {
        if finite {
            return Ok(());
        }
        Err(ModelFileError::damaged(&self.path, format!("tensor {name}: a weight is not a number")))
    }

    /// How a tensor is stored, and the file at its beginning.
    fn find(&mut self, name: &str, sizes: &[usize]) -> Result<Kind, ModelFileError> {
        let damaged = |what: &str| ModelFileError::damaged(&self.path, format!("tensor {name} {what}"));
        let tensor = self.header.tensors.get(name).ok_or_else(|| damaged("is missing"))?;
        if tensor.sizes != sizes {
            return Err(damaged(&format!("has the size {:?}, not {sizes:?}", tensor.sizes)));
        }
        self.file
            .seek(SeekFrom::Start(tensor.start))
            .map_err(|error| ModelFileError::io(&self.path, error))?;
        Ok(tensor.kind)
    }

    /// Hands out the bytes of the tensor that [`Self::find`] went to, some blocks at a time.
    fn read(
        &mut self,
        name: &str,
        kind: Kind,
        count: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), ModelFileError> {
        let mut bytes = vec![0; SLAB.min(count) / kind.block() * kind.block_bytes()];
        let mut left = count / kind.block() * kind.block_bytes();
        while left > 0 {
            let part = left.min(bytes.len());
            let part = &mut bytes[..part];
            self.file.read_exact(part).map_err(|error| ModelFileError::io(&self.path, error))?;
            take(part);
            left -= part.len();
        }
        tracing::trace!(name, ?kind, count, "tensor read");
        Ok(())
    }
}

fn all_finite(values: &[f32]) -> bool {
    // Without an early end, so that it becomes vectors.
    values.iter().fold(true, |finite, value| finite & value.is_finite())
}
