//! What stands in a GGUF file before its tensors' data: metadata and the table of tensors.
//!
//! The bytes are foreign. Every length is held against what the file still has before anything is allocated for it, so a
//! header claims no more memory than a small multiple of the file's size.

use std::{
    collections::HashMap,
    io::{self, Read},
};

use super::kind::Kind;

/// Keys and names are short; the format allows keys of 64 KiB.
const LONGEST_NAME: u64 = 1 << 16;
/// Arrays inside of arrays: nothing read here has any.
const DEEPEST: u32 = 4;
/// Room taken at once for what a header counts; more grows as it is really there.
const FIRST_ROOM: u64 = 1 << 12;

/// Why a header was refused.
#[derive(Debug)]
pub(super) enum HeaderError {
    Io(io::Error),
    NotGguf,
    Damaged(String),
    Unsupported(String),
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged<T>(what: impl Into<String>) -> Result<T, HeaderError> {
    Err(HeaderError::Damaged(what.into()))
}

/// A value of the metadata.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    /// A whole number of any width; one beyond `i64` counts as [`Value::Other`].
    Whole(i64),
    Float(f64),
    Flag(bool),
    Text(String),
    Texts(Texts),
    Wholes(Vec<i64>),
    /// Nothing this module has a use for, such as lists of floats.
    Other,
}

/// A list of texts, kept in one piece: vocabularies have a hundred thousand.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// Where a tensor lies.
#[derive(Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(super) kind: Kind,
    /// The fastest first: a matrix of rows has `[columns, rows]`.
    pub(super) sizes: Vec<usize>,
    /// Bytes from the beginning of the file.
    pub(super) start: u64,
}

/// All that stands before the data.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) metadata: HashMap<String, Value>,
    pub(super) tensors: HashMap<String, Tensor>,
}

impl Header {
    /// Reads the header of a file of `length` bytes; every tensor of the result lies inside of it.
    pub(super) fn read(reader: impl Read, length: u64) -> Result<Self, HeaderError> {
        let mut source = Source { reader, position: 0, length, text: Vec::new() };
        let mut magic = [0u8; 4];
        match source.bytes(&mut magic) {
            Ok(()) if magic == *b"GGUF" => {}
            Err(HeaderError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(HeaderError::Io(error));
            }
            _ => return Err(HeaderError::NotGguf),
        }
        match source.u32()? {
            2 | 3 => {}
            version if matches!(version.swap_bytes(), 2 | 3) => {
                return Err(HeaderError::Unsupported("it is big-endian".to_owned()));
            }
            version => {
                return Err(HeaderError::Unsupported(format!("it has version {version} of the format")));
            }
        }
        let (tensors, keys) = (source.u64()?, source.u64()?);
        // A key has a length, a kind and a byte; a tensor a length, a number of sizes, a kind and an offset.
        source.check_count(keys, 13, "keys")?;
        let mut metadata = HashMap::with_capacity(keys.min(FIRST_ROOM) as usize);
        for _ in 0..keys {
            let key = source.name()?;
            let kind = source.u32()?;
            let value = source.value(kind, 0)?;
            if metadata.insert(key.clone(), value).is_some() {
                return damaged(format!("the key {key} stands there twice"));
            }
        }
        source.check_count(tensors, 24, "tensors")?;
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(Value::Whole(alignment @ 1..=0x10_0000)) if alignment.count_ones() == 1 => *alignment as u64,
            Some(other) => return damaged(format!("its alignment is {other:?}")),
        };
        let mut listed = Vec::with_capacity(tensors.min(FIRST_ROOM) as usize);
        for _ in 0..tensors {
            let name = source.name()?;
            let tensor = source.tensor(&name)?;
            if tensor.start % alignment != 0 {
                return damaged(format!("tensor {name} is not aligned"));
            }
            listed.push((name, tensor));
        }
        let data = source.position.next_multiple_of(alignment);
        let mut table = HashMap::with_capacity(listed.len());
        for (name, mut tensor) in listed {
            let bytes = tensor.kind.bytes(&tensor.sizes);
            let end = bytes.and_then(|bytes| data.checked_add(tensor.start)?.checked_add(bytes));
            if end.is_none_or(|end| end > length) {
                return damaged(format!("tensor {name} lies beyond the file's {length} bytes"));
            }
            tensor.start += data;
            if table.contains_key(&name) {
                return damaged(format!("tensor {name} stands there twice"));
            }
            table.insert(name, tensor);
        }
        Ok(Self { metadata, tensors: table })
    }
}

/// A reader that knows how much is left.
struct Source<R> {
    reader: R,
    position: u64,
    length: u64,
    /// The text being read, kept between texts.
    text: Vec<u8>,
}

impl<R: Read> Source<R> {
    fn bytes(&mut self, into: &mut [u8]) -> Result<(), HeaderError> {
        self.reader.read_exact(into)?;
        self.position += into.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let mut bytes = [0; N];
        self.bytes(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Refuses more items than the rest of the file has room for.
    fn check_count(&self, count: u64, smallest: u64, what: &str) -> Result<(), HeaderError> {
        let left = self.length.saturating_sub(self.position);
        if count.checked_mul(smallest).is_none_or(|bytes| bytes > left) {
            return damaged(format!("{count} {what} in {left} bytes: it is cut off, or never was right"));
        }
        Ok(())
    }

    fn text(&mut self, longest: u64) -> Result<std::borrow::Cow<'_, str>, HeaderError> {
        let length = self.u64()?;
        self.check_count(length, 1, "letters")?;
        if length > longest {
            return damaged(format!("a name of {length} bytes"));
        }
        let mut text = std::mem::take(&mut self.text);
        text.resize(length as usize, 0);
        let read = self.bytes(&mut text);
        self.text = text;
        read?;
        // A description in some other encoding is no reason to refuse a model.
        Ok(String::from_utf8_lossy(&self.text))
    }

    fn name(&mut self) -> Result<String, HeaderError> {
        self.text(LONGEST_NAME).map(std::borrow::Cow::into_owned)
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<Value, HeaderError> {
        Ok(match kind {
            6 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            7 => Value::Flag(self.array::<1>()? != [0]),
            8 => Value::Text(self.text(u64::MAX)?.into_owned()),
            9 => self.list(depth)?,
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => match self.whole(kind)? {
                Some(whole) => Value::Whole(whole),
                None => Value::Other,
            },
        })
    }

    /// A whole number; `None` when it is too large.
    fn whole(&mut self, kind: u32) -> Result<Option<i64>, HeaderError> {
        Ok(Some(match kind {
            0 => u8::from_le_bytes(self.array()?).into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            10 => return Ok(i64::try_from(self.u64()?).ok()),
            11 => i64::from_le_bytes(self.array()?),
            other => return damaged(format!("a value of the unknown kind {other}")),
        }))
    }

    fn list(&mut self, depth: u32) -> Result<Value, HeaderError> {
        let (kind, count) = (self.u32()?, self.u64()?);
        let smallest = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 if depth < DEEPEST => 12,
            other => return damaged(format!("a list of the unknown kind {other}")),
        };
        self.check_count(count, smallest, "values")?;
        let room = count.min(FIRST_ROOM) as usize;
        match kind {
            8 => {
                let mut texts = Texts { text: String::new(), ends: Vec::with_capacity(room) };
                for _ in 0..count {
                    texts.push(&self.text(u64::MAX)?);
                }
                Ok(Value::Texts(texts))
            }
            0..=5 | 10 | 11 => {
                let mut wholes = Vec::with_capacity(room);
                for _ in 0..count {
                    wholes.push(self.whole(kind)?.unwrap_or(i64::MAX));
                }
                Ok(Value::Wholes(wholes))
            }
            _ => {
                for _ in 0..count {
                    self.value(kind, depth + 1)?;
                }
                Ok(Value::Other)
            }
        }
    }

    /// A line of the tensor table; `start` counts from the beginning of the data as yet.
    fn tensor(&mut self, name: &str) -> Result<Tensor, HeaderError> {
        let dimensions = self.u32()?;
        if !(1..=4).contains(&dimensions) {
            return damaged(format!("tensor {name} has {dimensions} dimensions"));
        }
        let mut sizes = Vec::with_capacity(4);
        for _ in 0..dimensions {
            let size = self.u64()?;
            let Ok(size) = usize::try_from(size) else {
                return damaged(format!("tensor {name} lies beyond the file: one side is {size}"));
            };
            sizes.push(size);
        }
        let id = self.u32()?;
        let Some(kind) = Kind::from_id(id) else {
            let stored = Kind::name_of_unread(id);
            return Err(HeaderError::Unsupported(format!("tensor {name} is stored as {stored}")));
        };
        Ok(Tensor { kind, sizes, start: self.u64()? })
    }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
