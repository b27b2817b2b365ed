//! A SentencePiece model: a protocol buffer with the pieces and, packed into a trie, the table of character sequences.

use super::{Words, bytes::Fault};
use crate::embed::vocabulary::TokenId;

/// What is added to a piece's index to get its row: XLM-RoBERTa has four special rows where SentencePiece has three.
const SHIFT: TokenId = 1;
/// The kinds of piece a text can have; others are controls, unknowns and bytes.
const NORMAL: u64 = 1;
const USER_DEFINED: u64 = 4;

/// Reads a model of the unigram kind.
pub(super) fn read(bytes: &[u8]) -> Result<Words, Fault> {
    let damaged = || Fault::unfit("it is no SentencePiece model, or a damaged one");
    let (mut words, mut index, mut charsmap) = (Words::default(), 0, None);
    for field in fields(bytes) {
        match field.ok_or_else(damaged)? {
            (1, Value::Bytes(piece)) => {
                let (mut text, mut score, mut kind) = ("", 0f32, NORMAL);
                for field in fields(piece) {
                    match field.ok_or_else(damaged)? {
                        (1, Value::Bytes(bytes)) => text = str::from_utf8(bytes).map_err(|_| damaged())?,
                        (2, Value::Four(bytes)) => score = f32::from_le_bytes(bytes),
                        (3, Value::Number(number)) => kind = number,
                        _ => {}
                    }
                }
                if [NORMAL, USER_DEFINED].contains(&kind) && !text.is_empty() {
                    words.pieces.push((text.to_owned(), index + SHIFT, score));
                }
                index = index.checked_add(1).filter(|index| *index < 1 << 20).ok_or_else(damaged)?;
            }
            (3, Value::Bytes(normaliser)) => {
                for field in fields(normaliser) {
                    if let (2, Value::Bytes(bytes)) = field.ok_or_else(damaged)? {
                        charsmap = Some(bytes);
                    }
                }
            }
            _ => {}
        }
    }
    let charsmap = charsmap.ok_or_else(|| Fault::unfit("it has no table of characters"))?;
    let charsmap =
        Charsmap::read(charsmap).ok_or_else(|| Fault::unfit("its table of characters is damaged"))?;
    words.characters = charsmap.characters();
    Ok(words)
}

/// A field's value, as the wire has it.
enum Value<'a> {
    Number(u64),
    Four([u8; 4]),
    Bytes(&'a [u8]),
    Eight,
}

/// The fields of a message; `None` once, at the first that is none.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let field = field(&mut bytes);
        if field.is_none() {
            bytes = &[];
        }
        Some(field)
    })
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = varint(bytes)?;
    let value = match key & 7 {
        0 => Value::Number(varint(bytes)?),
        1 => {
            bytes.split_off(..8)?;
            Value::Eight
        }
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Value::Bytes(bytes.split_off(..length)?)
        }
        5 => Value::Four(bytes.split_off(..4)?.try_into().ok()?),
        _ => return None,
    };
    Some((key >> 3, value))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The table: a trie in a double array, and the replacements it points to, each with a zero behind it.
struct Charsmap<'a> {
    units: Vec<u32>,
    texts: &'a [u8],
}

impl<'a> Charsmap<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (units, texts) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let units = units.as_chunks().0.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Some(Self { units, texts })
    }

    /// Single characters that are replaced. What the table holds of longer sequences is canonical composition.
    fn characters(&self) -> Vec<(char, String)> {
        let mut buffer = [0; 4];
        ('\u{1}'..=char::MAX)
            .filter_map(|character| {
                let text = self.find(character.encode_utf8(&mut buffer).as_bytes())?;
                Some((character, text.to_owned()))
            })
            .collect()
    }

    /// The replacement of a sequence. A unit holds a label (the byte that leads to it), how far its children are, and whether
    /// one of them is a value.
    fn find(&self, sequence: &[u8]) -> Option<&'a str> {
        let far = |unit: u32| (unit >> 10) << ((unit & 1 << 9) >> 6);
        let unit = |place: u32| self.units.get(place as usize).copied();
        let mut place = far(unit(0)?);
        let mut here = unit(0)?;
        for byte in sequence {
            place ^= u32::from(*byte);
            here = unit(place)?;
            if here & (1 << 31 | 0xff) != u32::from(*byte) {
                return None;
            }
            place ^= far(here);
        }
        if here >> 8 & 1 == 0 {
            return None;
        }
        let start = unit(place)? & 0x7fff_ffff;
        let text = self.texts.get(start as usize..)?.split(|byte| *byte == 0).next()?;
        str::from_utf8(text).ok()
    }
}
