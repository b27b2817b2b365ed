//! The 64 bytes at the head of a segment, and the manifest, which is nothing but such 64 bytes.

use openclaw_core::Lsn;

use super::frame::LogId;

/// Bytes of a preamble; a segment's first frame starts here.
pub(super) const SIZE: usize = 64;
/// The version this program writes, and the newest it reads.
pub(super) const VERSION: u32 = 1;
/// First bytes of a segment.
pub(super) const SEGMENT: [u8; 8] = *b"OCLAWWAL";
/// First bytes of a manifest.
pub(super) const MANIFEST: [u8; 8] = *b"OCLAWMAN";

/// First bytes of a hash chain.
pub(super) const CHAIN: [u8; 8] = *b"OCLAWCHN";

/// What the 64 bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preamble {
    /// Which log.
    pub(super) id: LogId,
    /// Segment: its first record. Manifest: records before this one were dropped on purpose.
    pub(super) lsn: Lsn,
    /// Segment: the first record of the segment before it, 0 when it is the first of all. Manifest: 0.
    pub(super) previous: Lsn,
}

/// Why 64 bytes say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// They verify, and a newer program wrote them.
    Future(u32),
    /// They do not verify.
    Damaged,
}

impl Preamble {
    pub(super) fn encode(&self, magic: [u8; 8]) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[..8].copy_from_slice(&magic);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..32].copy_from_slice(&self.id);
        out[32..40].copy_from_slice(&self.lsn.0.to_le_bytes());
        out[40..48].copy_from_slice(&self.previous.0.to_le_bytes());
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a preamble. The place of magic, version and checksum is the same in all versions to come, so that a damaged
    /// version number is not taken for a newer one.
    pub(super) fn decode(bytes: &[u8; SIZE], magic: [u8; 8]) -> Result<Self, Unreadable> {
        let mut rest = &bytes[..];
        let crc = crc32fast::hash(&bytes[..60]);
        if take::<8>(&mut rest) != magic || bytes[60..] != crc.to_le_bytes() {
            return Err(Unreadable::Damaged);
        }
        let version = u32::from_le_bytes(take(&mut rest));
        if version != VERSION {
            return Err(Unreadable::Future(version));
        }
        take::<4>(&mut rest);
        Ok(Self {
            id: take(&mut rest),
            lsn: Lsn(u64::from_le_bytes(take(&mut rest))),
            previous: Lsn(u64::from_le_bytes(take(&mut rest))),
        })
    }
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk::<N>() {
        Some((taken, after)) => {
            *rest = after;
            *taken
        }
        None => [0; N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let written = Preamble { id: *b"0123456789abcdef", lsn: Lsn(77), previous: Lsn(12) };
        let bytes = written.encode(SEGMENT);
        assert_eq!(Preamble::decode(&bytes, SEGMENT), Ok(written));
        assert_eq!(Preamble::decode(&bytes, MANIFEST), Err(Unreadable::Damaged));
        for bit in 0..SIZE * 8 {
            let mut hit = bytes;
            hit[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Preamble::decode(&hit, SEGMENT), Err(Unreadable::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = Preamble { id: [0; 16], lsn: Lsn(1), previous: Lsn(0) }.encode(SEGMENT);
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Preamble::decode(&bytes, SEGMENT), Err(Unreadable::Future(9)));
    }
}
