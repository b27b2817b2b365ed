//! What of a file stays in memory.

use std::io::{self, Read};

use super::{GROUP_BLOCK, HEADER, Header, Sizes};
use crate::{
    embed::{
        encoder::Encoder,
        matrix::{BLOCK, GROUP, Matrix, PACKED},
        normalise::Normaliser,
        room::returnable,
        vocabulary::Vocabulary,
    },
    gguf::half,
};

/// Why a part can't be used.
#[derive(Debug)]
pub(in super::super) enum Damage {
    Io(io::Error),
    Wrong { offset: u64, what: &'static str },
}

/// The normaliser, the vocabulary and the layers.
#[derive(Debug)]
pub(in super::super) struct Parts {
    pub(in super::super) normaliser: Normaliser,
    pub(in super::super) vocabulary: Vocabulary,
    pub(in super::super) encoder: Encoder,
}

impl Parts {
    /// Reads what follows a header, each part against its checksum.
    pub(in super::super) fn read(header: &Header, reader: impl Read) -> Result<Self, Damage> {
        let mut part =
            Part { reader, check: crc32fast::Hasher::new(), start: HEADER as u64, at: HEADER as u64 };
        let sizes = &header.sizes;
        let normaliser = part.bytes(sizes.normaliser)?;
        part.end(header.checks[0])?;
        let normaliser = read_normaliser(&normaliser).ok_or(Damage::Wrong {
            offset: HEADER as u64,
            what: "the table of characters is out of order",
        })?;
        let start = part.at;
        let mut words = returnable(Vocabulary::words(sizes.pieces, sizes.texts));
        // Offsets, ids, scores, and the texts padded to a whole word.
        part.words(3 * sizes.pieces + 1, &mut words)?;
        let mut texts = part.bytes(sizes.texts)?;
        part.end(header.checks[1])?;
        texts.resize(texts.len().next_multiple_of(4), 0);
        words.extend(texts.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)));
        let vocabulary = Vocabulary::new(words, sizes.pieces, sizes.texts, sizes.rows as u32)
            .map_err(|what| Damage::Wrong { offset: start, what })?;
        let encoder = part.encoder(*sizes, header.epsilon)?;
        part.end(header.checks[2])?;
        Ok(Self { normaliser, vocabulary, encoder })
    }
}

/// Entries: a character (four bytes), the length of its replacement (one byte), the replacement in UTF-8.
fn read_normaliser(mut bytes: &[u8]) -> Option<Normaliser> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (from, rest) = bytes.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first()?;
        let (to, rest) = rest.split_at_checked(usize::from(*length))?;
        entries.push((char::from_u32(u32::from_le_bytes(*from))?, std::str::from_utf8(to).ok()?));
        bytes = rest;
    }
    Normaliser::new(entries.into_iter())
}

/// A part being read.
struct Part<R> {
    reader: R,
    check: crc32fast::Hasher,
    start: u64,
    at: u64,
}

impl<R: Read> Part<R> {
    /// The next bytes. Their number is bounded by [`Sizes::are_sound`] and, by the header's check, by the file's length.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Damage> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Damage::Wrong { offset: self.at, what: "it ends too early" },
            _ => Damage::Io(error),
        })?;
        self.check.update(&bytes);
        self.at += length as u64;
        Ok(bytes)
    }

    /// Compares the checksum of what was read since the last call.
    fn end(&mut self, expected: u32) -> Result<(), Damage> {
        let got = std::mem::take(&mut self.check).finalize();
        if got != expected {
            return Err(Damage::Wrong { offset: self.start, what: "a checksum is wrong" });
        }
        self.start = self.at;
        Ok(())
    }

    /// Appends words that the file has in little-endian order; in pieces, so that little memory is used beside them.
    fn words(&mut self, count: usize, words: &mut Vec<u32>) -> Result<(), Damage> {
        const SLAB: usize = 1 << 14;
        for first in (0..count).step_by(SLAB) {
            let bytes = self.bytes(4 * SLAB.min(count - first))?;
            words.extend(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
        }
        Ok(())
    }

    fn floats(&mut self, count: usize, words: &mut Vec<u32>) -> Result<(), Damage> {
        let (offset, start) = (self.at, words.len());
        self.words(count, words)?;
        if words[start..].iter().all(|word| f32::from_bits(*word).is_finite()) {
            Ok(())
        } else {
            Err(Damage::Wrong { offset, what: "a weight is no number" })
        }
    }

    fn linear(&mut self, rows: usize, columns: usize, words: &mut Vec<u32>) -> Result<(), Damage> {
        for _ in 0..rows / GROUP {
            let offset = self.at;
            let bytes = self.bytes(columns / BLOCK * GROUP_BLOCK)?;
            let (mut packed, mut scales) = (Vec::new(), Vec::new());
            for block in bytes.as_chunks::<GROUP_BLOCK>().0 {
                let (mut numbers, mut of_rows) = ([0; PACKED], [0.0; GROUP]);
                numbers.copy_from_slice(&block[..PACKED]);
                for (scale, bytes) in of_rows.iter_mut().zip(block[PACKED..].as_chunks().0) {
                    *scale = half(*bytes);
                }
                if !of_rows.iter().all(|scale| scale.is_finite()) {
                    return Err(Damage::Wrong { offset, what: "a scale is no number" });
                }
                packed.push(numbers);
                scales.push(of_rows);
            }
            Matrix::put(words, &packed, &scales);
        }
        self.floats(rows, words)
    }

    fn encoder(&mut self, sizes: Sizes, epsilon: f32) -> Result<Encoder, Damage> {
        let (width, inner) = (sizes.width, sizes.inner);
        // Scales take twice the room they have in the file.
        let mut words = returnable(sizes.weights() as usize / 3);
        self.floats((sizes.positions + 2) * width, &mut words)?;
        for _ in 0..sizes.layers {
            self.linear(3 * width, width, &mut words)?;
            self.linear(width, width, &mut words)?;
            self.floats(2 * width, &mut words)?;
            self.linear(inner, width, &mut words)?;
            self.linear(width, inner, &mut words)?;
            self.floats(2 * width, &mut words)?;
        }
        Ok(Encoder { sizes, epsilon, words })
    }
}
