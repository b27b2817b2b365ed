//! One record's bytes. The layout is in `docs/formats.md`, "Frame".

use crc32fast::Hasher;

/// Everything of a frame but its payload, at most: marker, check, low Lsn, length, checksum.
pub(super) const MAX_HEAD: usize = 4 + 5 + 4;
/// The same at least.
pub(super) const MIN_FRAME: usize = 4 + 1 + 4;

/// What erased payloads are, piece by piece.
static ZEROS: [u8; 4096] = [0; 4096];

const DATA: u8 = 0xD1;
const DATA_FIRST: u8 = 0xDE;
const ERASED: u8 = 0xE3;
const ERASED_FIRST: u8 = 0xEC;

/// Identifies one log: written into every file of it and mixed into every checksum.
pub(super) type LogId = [u8; 16];

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Its payload was overwritten by zeros.
    pub(super) erased: bool,
    /// It opens a batch, so everything before it had been synced when it was written.
    pub(super) first: bool,
}

impl Kind {
    const fn marker(self) -> u8 {
        match (self.erased, self.first) {
            (false, false) => DATA,
            (false, true) => DATA_FIRST,
            (true, false) => ERASED,
            (true, true) => ERASED_FIRST,
        }
    }

    const fn of(marker: u8) -> Option<Self> {
        match marker {
            DATA => Some(Self { erased: false, first: false }),
            DATA_FIRST => Some(Self { erased: false, first: true }),
            ERASED => Some(Self { erased: true, first: false }),
            ERASED_FIRST => Some(Self { erased: true, first: true }),
            _ => None,
        }
    }
}

/// Whether a frame may start with this byte.
pub(super) const fn is_marker(byte: u8) -> bool {
    Kind::of(byte).is_some()
}

/// A frame's head, as read and not yet believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: Kind,
    check: u8,
    lsn_low: u16,
    /// Bytes of payload.
    pub(super) len: u32,
    /// Bytes of the head itself.
    pub(super) size: usize,
    crc: u32,
}

impl Head {
    /// Reads a head; `None` when these bytes can't start a frame.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[marker, check, low0, low1], rest) = bytes.split_first_chunk::<4>()?;
        let kind = Kind::of(marker)?;
        let (len, digits) = read_varint(rest)?;
        let crc = u32::from_le_bytes(*rest.get(digits..)?.first_chunk::<4>()?);
        Some(Self { kind, check, lsn_low: u16::from_le_bytes([low0, low1]), len, size: 4 + digits + 4, crc })
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_len(&self) -> usize {
        self.size + self.len as usize
    }

    /// The smallest Lsn from `from` on that this head could carry.
    pub(super) fn lsn_from(&self, from: u64) -> u64 {
        let step = self.lsn_low.wrapping_sub(from as u16);
        from.saturating_add(u64::from(step))
    }
}

/// Bytes of the frame that holds a payload of `len` bytes.
pub(super) fn frame_len(len: u32) -> usize {
    let mut digits = [0; 5];
    4 + write_varint(len, &mut digits) + 4 + len as usize
}

/// Makes and checks frames of one log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec {
    pub(super) id: LogId,
    /// Checksum of the id: where every other checksum starts.
    base: u32,
}

impl Codec {
    pub(super) fn new(id: LogId) -> Self {
        Self { id, base: crc32fast::hash(&id) }
    }

    /// Checksums of a frame start from its log, Lsn and place: stale, copied or shifted bytes never verify.
    fn seed(&self, lsn: u64, offset: u32) -> u32 {
        let mut place = [0; 12];
        place[..8].copy_from_slice(&lsn.to_le_bytes());
        place[8..].copy_from_slice(&offset.to_le_bytes());
        let mut hasher = Hasher::new_with_initial(self.base);
        hasher.update(&place);
        hasher.finalize()
    }

    /// The one-byte check of a head: a header that was hit can't send a reader astray.
    fn check(seed: u32, marker: u8, low: [u8; 2], digits: &[u8]) -> u8 {
        let mut hasher = Hasher::new_with_initial(seed);
        hasher.update(&[marker, low[0], low[1]]);
        hasher.update(digits);
        hasher.finalize().to_le_bytes().into_iter().fold(0, |all, byte| all ^ byte)
    }

    /// Writes the head of a frame whose payload is `payload`; returns its size.
    pub(super) fn head(
        &self,
        kind: Kind,
        lsn: u64,
        offset: u32,
        payload: &[u8],
        out: &mut [u8; MAX_HEAD],
    ) -> usize {
        self.head_of(kind, lsn, offset, payload.len() as u32, |hasher| hasher.update(payload), out)
    }

    /// Writes the head of an erased frame, whose payload is zeros.
    pub(super) fn erased_head(
        &self,
        first: bool,
        lsn: u64,
        offset: u32,
        len: u32,
        out: &mut [u8; MAX_HEAD],
    ) -> usize {
        let zeros = |hasher: &mut Hasher| {
            let mut left = len as usize;
            while left > 0 {
                let part = left.min(ZEROS.len());
                hasher.update(&ZEROS[..part]);
                left -= part;
            }
        };
        self.head_of(Kind { erased: true, first }, lsn, offset, len, zeros, out)
    }

    fn head_of(
        &self,
        kind: Kind,
        lsn: u64,
        offset: u32,
        len: u32,
        payload: impl FnOnce(&mut Hasher),
        out: &mut [u8; MAX_HEAD],
    ) -> usize {
        let seed = self.seed(lsn, offset);
        let low = (lsn as u16).to_le_bytes();
        let mut digits = [0; 5];
        let count = write_varint(len, &mut digits);
        let body = 4 + count;
        out[0] = kind.marker();
        out[1] = Self::check(seed, kind.marker(), low, &digits[..count]);
        out[2..4].copy_from_slice(&low);
        out[4..body].copy_from_slice(&digits[..count]);
        let mut hasher = Hasher::new_with_initial(seed);
        hasher.update(&out[..body]);
        payload(&mut hasher);
        out[body..body + 4].copy_from_slice(&hasher.finalize().to_le_bytes());
        body + 4
    }

    /// Whether the head, the first bytes of `bytes`, belongs to this record at this place, as far as its own check tells.
    pub(super) fn head_fits(&self, head: &Head, bytes: &[u8], lsn: u64, offset: u32) -> bool {
        head.lsn_low == lsn as u16
            && bytes.get(4..head.size - 4).is_some_and(|digits| {
                let low = head.lsn_low.to_le_bytes();
                Self::check(self.seed(lsn, offset), head.kind.marker(), low, digits) == head.check
            })
    }

    /// Whether `frame`, a whole frame with this head, is this record at this place, byte for byte.
    pub(super) fn verifies(&self, head: &Head, frame: &[u8], lsn: u64, offset: u32) -> bool {
        if frame.len() != head.frame_len() || !self.head_fits(head, frame, lsn, offset) {
            return false;
        }
        let (covered, payload) = frame.split_at(head.size);
        let mut hasher = Hasher::new_with_initial(self.seed(lsn, offset));
        hasher.update(&covered[..head.size - 4]);
        hasher.update(payload);
        hasher.finalize() == head.crc
    }
}

fn write_varint(value: u32, out: &mut [u8; 5]) -> usize {
    let mut rest = value;
    for (at, slot) in out.iter_mut().enumerate() {
        *slot = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            return at + 1;
        }
        *slot |= 0x80;
    }
    out.len()
}

/// Only the shortest way to write a number is accepted, so a payload's length alone gives its frame's.
fn read_varint(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let shortest = at == 0 || byte != 0;
            return if shortest { u32::try_from(value).ok().map(|value| (value, at + 1)) } else { None };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(codec: &Codec, lsn: u64, offset: u32, payload: &[u8]) -> Vec<u8> {
        let mut head = [0; MAX_HEAD];
        let size = codec.head(Kind { erased: false, first: true }, lsn, offset, payload, &mut head);
        [&head[..size], payload].concat()
    }

    #[test]
    fn small_records_cost_nine_bytes_and_larger_ones_ten() {
        assert_eq!(frame_len(0), MIN_FRAME);
        assert_eq!(frame_len(127), 127 + 9);
        assert_eq!(frame_len(1024), 1024 + 10);
        assert_eq!(frame_len(u32::MAX), u32::MAX as usize + MAX_HEAD);
    }

    #[test]
    fn erased_frames_verify_and_keep_their_length() {
        let codec = Codec::new([7; 16]);
        for len in [0u32, 1, 127, 128, 70_000] {
            let mut head = [0; MAX_HEAD];
            let size = codec.erased_head(false, 9, 64, len, &mut head);
            let whole = [&head[..size], &vec![0; len as usize][..]].concat();
            let parsed = Head::parse(&whole).unwrap();
            assert!(parsed.kind.erased);
            assert_eq!(whole.len(), frame_len(len));
            assert!(codec.verifies(&parsed, &whole, 9, 64));
        }
    }

    proptest! {
        #[test]
        fn a_frame_reads_back_only_as_itself(
            id in any::<[u8; 16]>(), lsn in any::<u64>(), offset in any::<u32>(),
            payload in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let codec = Codec::new(id);
            let bytes = frame(&codec, lsn, offset, &payload);
            let head = Head::parse(&bytes).unwrap();
            prop_assert_eq!(head.frame_len(), bytes.len());
            prop_assert_eq!(bytes.len(), frame_len(payload.len() as u32));
            prop_assert_eq!(&bytes[head.size..], &payload[..]);
            prop_assert!(codec.verifies(&head, &bytes, lsn, offset));
            prop_assert!(!codec.verifies(&head, &bytes, lsn.wrapping_add(1), offset));
            prop_assert!(!codec.verifies(&head, &bytes, lsn.wrapping_add(1 << 16), offset));
            prop_assert!(!codec.verifies(&head, &bytes, lsn, offset.wrapping_add(1)));
            let mut other = id;
            other[3] ^= 1;
            prop_assert!(!Codec::new(other).verifies(&head, &bytes, lsn, offset));
        }

        #[test]
        fn a_flipped_bit_never_verifies(
            lsn in 1u64..1 << 40, bit in any::<prop::sample::Index>(),
            payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let codec = Codec::new([1; 16]);
            let mut bytes = frame(&codec, lsn, 64, &payload);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let verified = Head::parse(&bytes)
                .is_some_and(|head| codec.verifies(&head, &bytes, lsn, 64));
            prop_assert!(!verified);
        }

        #[test]
        fn numbers_round_trip_in_their_shortest_form(value in any::<u32>(), noise in any::<[u8; 6]>()) {
            let mut digits = [0; 5];
            let count = write_varint(value, &mut digits);
            prop_assert_eq!(read_varint(&digits[..count]), Some((value, count)));
            if let Some((value, used)) = read_varint(&noise) {
                let mut again = [0; 5];
                prop_assert_eq!(write_varint(value, &mut again), used);
                prop_assert_eq!(&again[..used], &noise[..used]);
            }
        }

        #[test]
        fn the_low_bits_give_the_next_possible_lsn(from in 0u64..1 << 50, ahead in 0u64..65_536) {
            let codec = Codec::new([1; 16]);
            let bytes = frame(&codec, from + ahead, 0, b"");
            prop_assert_eq!(Head::parse(&bytes).unwrap().lsn_from(from), from + ahead);
        }
    }
}
