//! A row and its sketch, as they lie on the disk.

/// Which passage a vector is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VectorKey {
    /// 0 for the log, 1 for the Markdown.
    pub(crate) space: u8,
    /// The record's Lsn, or the file.
    pub(crate) major: u64,
    /// Part of the record, or line of the file.
    pub(crate) minor: u32,
    /// A long text has several windows, each with a vector.
    pub(crate) window: u16,
}

/// Bytes of a key in the key file; they sort like keys.
pub(super) const KEY_BYTES: usize = 15;
/// Bytes of a row beside its numbers.
const ROW_HEAD: usize = 30;
/// Bytes of a sketch beside its bits.
const SKETCH_HEAD: usize = 16;
/// Set in a sketch that stands for a vector; a free one is all zeros.
const LIVE: u8 = 0x80;

impl VectorKey {
    pub(super) fn to_bytes(self) -> [u8; KEY_BYTES] {
        let mut out = [0; KEY_BYTES];
        out[0] = self.space;
        out[1..9].copy_from_slice(&self.major.to_be_bytes());
        out[9..13].copy_from_slice(&self.minor.to_be_bytes());
        out[13..].copy_from_slice(&self.window.to_be_bytes());
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self {
            space: bytes[0],
            major: u64::from_be_bytes(bytes[1..9].try_into().ok()?),
            minor: u32::from_be_bytes(bytes[9..13].try_into().ok()?),
            window: u16::from_be_bytes(bytes[13..].try_into().ok()?),
        })
    }

    /// The first key of the same passage.
    pub(super) fn first_window(self) -> Self {
        Self { window: 0, ..self }
    }

    /// The last key of the same passage.
    pub(super) fn last_window(self) -> Self {
        Self { window: u16::MAX, ..self }
    }
}

/// A vector on its way in, with what filters ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NewVector {
    pub(crate) key: VectorKey,
    /// Of length 1.
    pub(crate) vector: Box<[f32]>,
    /// The passage's language, as a small number.
    pub(crate) language: u8,
    /// When it was said, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// Hashes of the conversation's id and the channel's name.
    pub(crate) conversation: u32,
    pub(crate) channel: u16,
    /// Hash of the text, to see whether it changed.
    pub(crate) text: u32,
    /// The owner's: comes back with the passage.
    pub(crate) place: u32,
    /// The passage's length as the lexical index counts.
    pub(crate) length: u16,
}

/// Sizes for one number of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) dimensions: usize,
}

impl Layout {
    pub(super) fn row_bytes(self) -> usize {
        ROW_HEAD + self.dimensions
    }

    pub(super) fn bit_bytes(self) -> usize {
        self.dimensions.div_ceil(64) * 8
    }

    pub(super) fn sketch_bytes(self) -> usize {
        SKETCH_HEAD + self.bit_bytes()
    }

    /// The row of a vector.
    pub(super) fn row(self, new: &NewVector, out: &mut Vec<u8>) {
        let most = new.vector.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = most / 127.0;
        out.extend_from_slice(&scale.to_le_bytes());
        out.extend_from_slice(&new.text.to_le_bytes());
        out.extend_from_slice(&new.key.to_bytes());
        out.push(new.language);
        out.extend_from_slice(&new.place.to_le_bytes());
        out.extend_from_slice(&new.length.to_le_bytes());
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        out.extend(new.vector.iter().map(|value| (value * inverse).round() as i8 as u8));
    }

    /// The sketch of a vector: on which side of `centre` each number lies.
    pub(super) fn sketch(self, new: &NewVector, centre: &[f32], out: &mut Vec<u8>) {
        let seconds = u32::try_from(new.at_ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
        out.push(LIVE | new.key.space);
        out.push(new.language);
        out.extend_from_slice(&new.channel.to_le_bytes());
        out.extend_from_slice(&seconds.to_le_bytes());
        out.extend_from_slice(&new.conversation.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let bits = bits(&new.vector, centre);
        out.extend(bits.iter().flat_map(|word| word.to_le_bytes()));
    }
}

/// One bit a number, in words of 64.
pub(super) fn bits(vector: &[f32], centre: &[f32]) -> Vec<u64> {
    let mut words = vec![0_u64; vector.len().div_ceil(64)];
    for (at, value) in vector.iter().enumerate() {
        let above = *value > centre.get(at).copied().unwrap_or(0.0);
        if let Some(word) = words.get_mut(at / 64) {
            *word |= u64::from(above) << (at % 64);
        }
    }
    words
}

/// A row as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) key: VectorKey,
    pub(super) language: u8,
    pub(super) scale: f32,
    pub(super) place: u32,
    pub(super) length: u16,
    pub(super) numbers: &'a [u8],
}

impl<'a> Row<'a> {
    /// `None`: the row is free, or is no row.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, numbers) = bytes.split_at_checked(ROW_HEAD)?;
        let scale = f32::from_le_bytes(head[..4].try_into().ok()?);
        let key = VectorKey::from_bytes(&head[8..23])?;
        let place = u32::from_le_bytes(head[24..28].try_into().ok()?);
        let length = u16::from_le_bytes(head[28..30].try_into().ok()?);
        let is_row = scale.is_finite() && scale > 0.0;
        is_row.then_some(Self { key, language: head[23], scale, place, length, numbers })
    }

    /// The dot products with each of some vectors.
    #[inline]
    pub(super) fn dots<const N: usize>(&self, questions: [&[f32]; N]) -> [f32; N] {
        questions.map(|question| {
            // Sixteen sums, so that the compiler may keep them in one register.
            let mut sums = [0.0_f32; 16];
            let (numbers, values) = (self.numbers.chunks_exact(16), question.chunks_exact(16));
            let rest = numbers.remainder().iter().zip(values.remainder());
            let tail: f32 = rest.map(|(byte, value)| f32::from(*byte as i8) * value).sum();
            for (numbers, values) in numbers.zip(values) {
                for ((sum, byte), value) in sums.iter_mut().zip(numbers).zip(values) {
                    *sum += f32::from(*byte as i8) * value;
                }
            }
            (sums.iter().sum::<f32>() + tail) * self.scale
        })
    }

    pub(super) fn to_vector(self) -> Vec<f32> {
        self.numbers.iter().map(|byte| f32::from(*byte as i8) * self.scale).collect()
    }
}

/// What filters ask of a vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sketch<'a> {
    pub(super) space: u8,
    pub(super) channel: u16,
    pub(super) seconds: u32,
    pub(super) conversation: u32,
    pub(super) bits: &'a [u8],
}

impl<'a> Sketch<'a> {
    /// `None`: free.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, bits) = bytes.split_at_checked(SKETCH_HEAD)?;
        if head[0] & LIVE == 0 {
            return None;
        }
        Some(Self {
            space: head[0] & !LIVE,
            channel: u16::from_le_bytes(head[2..4].try_into().ok()?),
            seconds: u32::from_le_bytes(head[4..8].try_into().ok()?),
            conversation: u32::from_le_bytes(head[8..12].try_into().ok()?),
            bits,
        })
    }

    /// Bits that differ.
    pub(super) fn distance(&self, question: &[u64]) -> u32 {
        let words = self.bits.chunks_exact(8).zip(question);
        words
            .map(|(bytes, q)| {
                let word = bytes.try_into().map_or(0, u64::from_le_bytes);
                (word ^ q).count_ones()
            })
            .sum()
    }
}
