//! One block: 16 bytes that say what follows, and the bytes, compressed where that makes them fewer.

use std::fmt;

use miniz_oxide::{
    DataFormat,
    deflate::core::{CompressorOxide, TDEFLFlush, TDEFLStatus, compress},
    inflate::{
        TINFLStatus,
        core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF},
    },
};

use super::super::frame::Codec;

/// Bytes before a block's stored ones.
pub(super) const HEAD: usize = 16;
/// First bytes of a block.
pub(super) const MAGIC: [u8; 4] = *b"OCAB";
/// In a stored length: the bytes are as they were.
const PLAIN: u32 = 1 << 31;
/// Higher levels take longer and save nothing that matters (the figures are in ADR 0008).
const LEVEL: u8 = 3;

/// How many bytes a block is stored in, and whether they are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored(pub(super) u32);

impl Stored {
    pub(super) fn of(len: usize, plain: bool) -> Self {
        Self(len as u32 | if plain { PLAIN } else { 0 })
    }

    /// Bytes behind the head.
    pub(super) fn len(self) -> usize {
        (self.0 & !PLAIN) as usize
    }

    pub(super) fn is_plain(self) -> bool {
        self.0 & PLAIN != 0
    }
}

/// Where an archive's checksums start: they verify in their own archive only.
pub(super) fn seed(codec: &Codec, first: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc32fast::hash(&codec.id));
    hasher.update(&first.to_le_bytes());
    hasher.finalize()
}

fn checksum(seed: u32, head: &[u8], stored: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(head);
    hasher.update(stored);
    hasher.finalize()
}

/// The head before `stored`.
pub(super) fn head(seed: u32, number: u32, stored: &[u8], plain: bool) -> [u8; HEAD] {
    let mut out = [0; HEAD];
    out[..4].copy_from_slice(&MAGIC);
    out[4..8].copy_from_slice(&number.to_le_bytes());
    out[8..12].copy_from_slice(&Stored::of(stored.len(), plain).0.to_le_bytes());
    let crc = checksum(seed, &out[..12], stored);
    out[12..].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What a head says of itself, not yet believed: the block's number, and how it is stored.
pub(super) fn parse(bytes: &[u8]) -> Option<(u32, Stored)> {
    let number = bytes.get(4..8)?.first_chunk::<4>()?;
    let stored = bytes.get(8..12)?.first_chunk::<4>()?;
    bytes.starts_with(&MAGIC).then(|| (u32::from_le_bytes(*number), Stored(u32::from_le_bytes(*stored))))
}

/// Whether `bytes`, head and stored ones, are this block as it was written.
pub(super) fn verifies(seed: u32, number: u32, bytes: &[u8]) -> bool {
    let Some((found, stored)) = parse(bytes) else { return false };
    let (Some(covered), Some(crc), Some(body)) = (bytes.get(..12), bytes.get(12..HEAD), bytes.get(HEAD..))
    else {
        return false;
    };
    found == number && stored.len() == body.len() && checksum(seed, covered, body).to_le_bytes() == crc
}

/// Compresses blocks one after another.
pub(super) struct Deflater(Box<CompressorOxide>);

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deflater")
    }
}

impl Default for Deflater {
    fn default() -> Self {
        let mut state = Box::<CompressorOxide>::default();
        state.set_format_and_level(DataFormat::Raw, LEVEL);
        Self(state)
    }
}

impl Deflater {
    /// Compresses `bytes` into `out`, which it clears first. False: they would not become fewer, or would not come back.
    pub(super) fn deflate(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        self.0.reset();
        out.clear();
        out.resize(bytes.len(), 0);
        let (status, read, written) = compress(&mut self.0, bytes, out, TDEFLFlush::Finish);
        if status != TDEFLStatus::Done || read != bytes.len() || written >= bytes.len() {
            return false;
        }
        out.truncate(written);
        // What leaves the log must come back word by word: nothing is believed about it that was not tried.
        let mut back = vec![0; bytes.len()];
        inflate(out, &mut back) == (bytes.len(), true) && back == bytes
    }
}

/// Decompresses into `out`. Says how many bytes came out, and whether that was all there was to come; what came out before
/// something made no sense is in `out` all the same.
pub(super) fn inflate(stored: &[u8], out: &mut [u8]) -> (usize, bool) {
    let mut state = Box::<DecompressorOxide>::default();
    let (status, _, written) =
        decompress(&mut state, stored, out, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    (written, status == TINFLStatus::Done)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_come_back_and_damage_is_noticed(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), Just(0xE4), any::<u8>()], 1..3000),
            bit in any::<prop::sample::Index>(),
        ) {
            let mut out = Vec::new();
            let deflated = Deflater::default().deflate(&text, &mut out);
            if deflated {
                let mut back = vec![0; text.len()];
                prop_assert_eq!(inflate(&out, &mut back), (text.len(), true));
                prop_assert_eq!(&back, &text);
            }
            let body = if deflated { &out } else { &text };
            let mut whole = head(7, 3, body, !deflated).to_vec();
            whole.extend_from_slice(body);
            prop_assert!(verifies(7, 3, &whole));
            prop_assert!(!verifies(7, 4, &whole));
            prop_assert!(!verifies(8, 3, &whole));
            let bit = bit.index(whole.len() * 8);
            whole[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verifies(7, 3, &whole));
            // Whatever came in, nothing but a wrong answer comes out.
            let mut back = vec![0; text.len()];
            inflate(&whole[HEAD..], &mut back);
        }
    }
}
