//! Reading a GGUF file: its header, and its tensors as eight-bit matrices.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use candle_core::{
    CpuStorage,
    quantized::{
        GgmlDType,
        gguf_file::{Content, TensorInfo, Value},
    },
};

use super::{
    arithmetic::{BLOCK, Quantised},
    error::ModelFileError,
};

/// Numbers that are converted at a time while a matrix is read.
const SLAB: usize = 1 << 20;

/// An open file whose header has been read and checked against its length.
pub(super) struct ModelFile {
    path: PathBuf,
    reader: Positioned,
    content: Content,
}

impl ModelFile {
    pub(super) fn open(path: &Path) -> Result<Self, ModelFileError> {
        let io = |source| ModelFileError::io(path, source);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(ModelFileError::NotGguf { path: path.to_owned() });
        }
        let mut reader = Positioned::new(file, metadata.len());
        let mut magic = [0u8; 4];
        match reader.read_exact(&mut magic) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(io(error)),
            Ok(()) if magic == *b"GGUF" => {}
            _ => return Err(ModelFileError::NotGguf { path: path.to_owned() }),
        }
        reader.seek(SeekFrom::Start(0)).map_err(io)?;
        let content = Content::read(&mut reader).map_err(|error| ModelFileError::damaged(path, error))?;
        let file = Self { path: path.to_owned(), reader, content };
        file.check_lengths()?;
        Ok(file)
    }

    /// Every tensor must lie inside the file: a download that was cut ends here and not in the middle of loading.
    fn check_lengths(&self) -> Result<(), ModelFileError> {
        for (name, info) in &self.content.tensor_infos {
            let end = byte_length(info).and_then(|bytes| {
                self.content.tensor_data_offset.checked_add(info.offset)?.checked_add(bytes)
            });
            if end.is_none_or(|end| end > self.reader.length) {
                let what = format!("tensor {name} lies beyond the file's {} bytes", self.reader.length);
                return Err(ModelFileError::damaged(&self.path, what));
            }
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    pub(super) fn architecture(&self) -> Result<&str, ModelFileError> {
        self.text("general.architecture")
            .ok_or_else(|| ModelFileError::damaged(&self.path, "no general.architecture"))
    }

    /// The context window the model was trained for.
    pub(super) fn context_window(&self) -> Result<u32, ModelFileError> {
        self.own_number("context_length").map(|length| length.clamp(1, 1 << 20))
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.content.metadata.get(key)?.to_string().ok().map(String::as_str)
    }

    /// A whole number of any width.
    pub(super) fn number(&self, key: &str) -> Option<u32> {
        let whole = match self.content.metadata.get(key)? {
            Value::I8(value) => i64::from(*value),
            Value::I16(value) => i64::from(*value),
            Value::I32(value) => i64::from(*value),
            Value::I64(value) => *value,
            Value::Bool(_) => return None,
            other => i64::try_from(other.to_u64().ok()?).ok()?,
        };
        u32::try_from(whole).ok()
    }

    pub(super) fn float(&self, key: &str) -> Option<f32> {
        match self.content.metadata.get(key)? {
            Value::F32(value) => Some(*value),
            Value::F64(value) => Some(*value as f32),
            _ => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.content.metadata.get(key)?.to_bool().ok()
    }

    pub(super) fn list(&self, key: &str) -> Option<&[Value]> {
        self.content.metadata.get(key)?.to_vec().ok().map(Vec::as_slice)
    }

    /// A number that the file keeps under its architecture's name and that must be there.
    pub(super) fn own_number(&self, key: &str) -> Result<u32, ModelFileError> {
        let key = format!("{}.{key}", self.architecture()?);
        self.number(&key).ok_or_else(|| ModelFileError::damaged(&self.path, format!("no {key}")))
    }

    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
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
        let mut matrix = Quantised::with_capacity(rows, columns);
        self.read(name, &[rows, columns], |values| matrix.extend(values))?;
        Ok(matrix)
    }

    /// A row of exactly this length.
    pub(super) fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ModelFileError> {
        let mut vector = Vec::with_capacity(length);
        self.read(name, &[length], |values| vector.extend_from_slice(values))?;
        Ok(vector)
    }

    fn read(
        &mut self,
        name: &str,
        shape: &[usize],
        mut take: impl FnMut(&[f32]),
    ) -> Result<(), ModelFileError> {
        let path = &self.path;
        let info = self
            .content
            .tensor_infos
            .get(name)
            .ok_or_else(|| ModelFileError::damaged(path, format!("tensor {name} is missing")))?;
        if info.shape.dims() != shape {
            let what = format!("tensor {name} has the size {:?}, not {shape:?}", info.shape.dims());
            return Err(ModelFileError::damaged(path, what));
        }
        let kind = info.ggml_dtype;
        if matches!(kind, GgmlDType::Q8_1 | GgmlDType::Q8K) {
            return Err(ModelFileError::unsupported(path, format!("tensor {name} is {kind:?}")));
        }
        let start = self.content.tensor_data_offset + info.offset;
        self.reader.seek(SeekFrom::Start(start)).map_err(|error| ModelFileError::io(path, error))?;
        // A multiple of every format's block, so that slabs begin at blocks.
        let mut left: usize = shape.iter().product();
        let mut bytes = Vec::new();
        while left > 0 {
            let count = left.min(SLAB);
            bytes.resize(count / kind.block_size() * kind.type_size(), 0);
            self.reader.read_exact(&mut bytes).map_err(|error| ModelFileError::io(path, error))?;
            let damaged = |what: String| ModelFileError::damaged(path, format!("tensor {name}: {what}"));
            match kind.from_data(Cow::Borrowed(&bytes)).dequantize(count) {
                Ok(CpuStorage::F32(values)) => {
                    if values.iter().any(|value| !value.is_finite()) {
                        return Err(damaged("a weight is not a number".to_owned()));
                    }
                    take(&values);
                }
                Ok(_) => return Err(damaged("not read as floats".to_owned())),
                Err(error) => return Err(damaged(error.to_string())),
            }
            left -= count;
        }
        Ok(())
    }
}

/// Bytes of a tensor; `None` when the numbers make no sense.
fn byte_length(info: &TensorInfo) -> Option<u64> {
    let mut count = 1usize;
    for size in info.shape.dims() {
        count = count.checked_mul(*size)?;
    }
    let block = info.ggml_dtype.block_size();
    if !count.is_multiple_of(block) {
        return None;
    }
    u64::try_from((count / block).checked_mul(info.ggml_dtype.type_size())?).ok()
}

/// A buffered file that knows where it stands: the header's reader asks at every string, and a system call for each of a
/// hundred thousand tokens would take longer than reading them.
struct Positioned {
    inner: BufReader<File>,
    position: u64,
    length: u64,
}

impl Positioned {
    fn new(file: File, length: u64) -> Self {
        Self { inner: BufReader::with_capacity(1 << 18, file), position: 0, length }
    }
}

impl Read for Positioned {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Positioned {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to)?;
        Ok(self.position)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position)
    }
}
