//! The first 64 bytes of an archive.

use openclaw_core::Lsn;

use super::super::{
    frame::LogId,
    preamble::{SIZE, Unreadable, VERSION, take},
};

/// First bytes of an archive.
const MAGIC: [u8; 8] = *b"OCLAWARC";
/// Bytes of the segment that share a block, but for the last one. Smaller costs space, larger costs time for each record
/// that is read: 32 KiB are decompressed in a sixth of a millisecond.
pub(in crate::wal) const BLOCK: u32 = 32 << 10;

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wal) struct ArchiveHead {
    /// Which log.
    pub(in crate::wal) id: LogId,
    /// The segment's first record.
    pub(in crate::wal) first: Lsn,
    /// The first record of the segment before it, 0 when it is the first of all.
    pub(in crate::wal) previous: Lsn,
    /// Behind the segment's last record.
    pub(in crate::wal) end: Lsn,
    /// Bytes of the segment.
    pub(in crate::wal) len: u32,
    /// Bytes of a block.
    pub(in crate::wal) block: u32,
}

impl ArchiveHead {
    pub(in crate::wal) fn encode(&self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.block.to_le_bytes());
        out[16..32].copy_from_slice(&self.id);
        out[32..40].copy_from_slice(&self.first.0.to_le_bytes());
        out[40..48].copy_from_slice(&self.previous.0.to_le_bytes());
        out[48..56].copy_from_slice(&self.end.0.to_le_bytes());
        out[56..60].copy_from_slice(&self.len.to_le_bytes());
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(in crate::wal) fn decode(bytes: &[u8; SIZE]) -> Result<Self, Unreadable> {
        let crc = crc32fast::hash(&bytes[..60]);
        let mut rest = &bytes[..];
        if take::<8>(&mut rest) != MAGIC || bytes[60..] != crc.to_le_bytes() {
            return Err(Unreadable::Damaged);
        }
        let version = u32::from_le_bytes(take(&mut rest));
        if version != VERSION {
            return Err(Unreadable::Future(version));
        }
        let block = u32::from_le_bytes(take(&mut rest));
        let head = Self {
            block,
            id: take(&mut rest),
            first: Lsn(u64::from_le_bytes(take(&mut rest))),
            previous: Lsn(u64::from_le_bytes(take(&mut rest))),
            end: Lsn(u64::from_le_bytes(take(&mut rest))),
            len: u32::from_le_bytes(take(&mut rest)),
        };
        // Blocks of other sizes would be fine, but no program ever wrote any.
        if block == BLOCK { Ok(head) } else { Err(Unreadable::Damaged) }
    }

    /// How many blocks there are.
    pub(in crate::wal) fn blocks(&self) -> u32 {
        self.len.div_ceil(self.block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let head = ArchiveHead {
            id: *b"0123456789abcdef",
            first: Lsn(77),
            previous: Lsn(12),
            end: Lsn(90),
            len: 70_000,
            block: BLOCK,
        };
        let bytes = head.encode();
        assert_eq!(ArchiveHead::decode(&bytes), Ok(head));
        assert_eq!(head.blocks(), 3);
        for bit in 0..SIZE * 8 {
            let mut hit = bytes;
            hit[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ArchiveHead::decode(&hit), Err(Unreadable::Damaged), "bit {bit}");
        }
        let mut newer = bytes;
        newer[8] = 2;
        let crc = crc32fast::hash(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(ArchiveHead::decode(&newer), Err(Unreadable::Future(2)));
    }
}
