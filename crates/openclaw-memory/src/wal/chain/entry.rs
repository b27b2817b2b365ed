//! One line of the chain.

use openclaw_core::Lsn;
use sha2::{Digest as _, Sha256};

use super::super::{frame::LogId, preamble::take};

/// Bytes of an entry.
pub(in crate::wal) const SIZE: usize = 100;
/// Those that its link covers.
const LINKED: usize = 64;

/// A SHA-256.
pub(crate) type Hash = [u8; 32];

/// Why an entry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wal) enum Reason {
    /// The segment takes no more records.
    Sealed,
    /// Records are about to be erased in it: until the next entry its bytes are not known.
    Changing,
    /// Records were erased in it.
    Erased,
    /// It was repaired.
    Repaired,
    /// Segments are about to be dropped: these records.
    Dropped,
    /// The chain was begun anew, behind this link.
    CarriedOn,
}

impl Reason {
    const ALL: [Self; 6] =
        [Self::Sealed, Self::Changing, Self::Erased, Self::Repaired, Self::Dropped, Self::CarriedOn];

    fn code(self) -> u8 {
        Self::ALL.iter().position(|known| *known == self).map_or(0, |at| at as u8 + 1)
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wal) struct Entry {
    pub(in crate::wal) first: Lsn,
    pub(in crate::wal) end: Lsn,
    /// Bytes of the segment up to the end of its last frame.
    pub(in crate::wal) len: u32,
    pub(in crate::wal) reason: Reason,
    pub(in crate::wal) unix_ms: i64,
    /// Of the segment's frames. Carried on: the link of the last entry there was. Else zeros.
    pub(in crate::wal) hash: Hash,
    /// Of the link before and of all this.
    pub(in crate::wal) link: Hash,
}

impl Entry {
    /// Says whether the bytes of the segment are known.
    pub(in crate::wal) fn vouches(&self) -> bool {
        matches!(self.reason, Reason::Sealed | Reason::Erased | Reason::Repaired)
    }

    fn linked(&self) -> [u8; LINKED] {
        let mut out = [0; LINKED];
        out[..8].copy_from_slice(&self.first.0.to_le_bytes());
        out[8..16].copy_from_slice(&self.end.0.to_le_bytes());
        out[16..20].copy_from_slice(&self.len.to_le_bytes());
        out[20] = self.reason.code();
        out[24..32].copy_from_slice(&self.unix_ms.to_le_bytes());
        out[32..].copy_from_slice(&self.hash);
        out
    }

    /// The link it should have behind `before`.
    pub(in crate::wal) fn link_after(&self, before: &Hash) -> Hash {
        // A chain that was begun anew says itself what it goes on from.
        let before = if self.reason == Reason::CarriedOn { &self.hash } else { before };
        let mut hasher = Sha256::new();
        hasher.update(before);
        hasher.update(self.linked());
        hasher.finalize().into()
    }

    pub(in crate::wal) fn encode(&self, id: &LogId) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        out[..LINKED].copy_from_slice(&self.linked());
        out[LINKED..96].copy_from_slice(&self.link);
        let crc = checksum(id, &out[..96]);
        out[96..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// `None`: not an entry of this log's chain.
    pub(in crate::wal) fn decode(bytes: &[u8; SIZE], id: &LogId) -> Option<Self> {
        if bytes[96..] != checksum(id, &bytes[..96]).to_le_bytes() {
            return None;
        }
        let mut rest = &bytes[..];
        let (first, end) = (u64::from_le_bytes(take(&mut rest)), u64::from_le_bytes(take(&mut rest)));
        let len = u32::from_le_bytes(take(&mut rest));
        let [reason, ..] = take::<4>(&mut rest);
        Some(Self {
            first: Lsn(first),
            end: Lsn(end),
            len,
            reason: Reason::of(reason)?,
            unix_ms: i64::from_le_bytes(take(&mut rest)),
            hash: take(&mut rest),
            link: take(&mut rest),
        })
    }
}

fn checksum(id: &LogId, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc32fast::hash(id));
    hasher.update(bytes);
    hasher.finalize()
}

/// What stands before the first entry of a log's chain.
pub(in crate::wal) fn origin(id: &LogId) -> Hash {
    Sha256::digest(id).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        for reason in Reason::ALL {
            let mut entry = Entry {
                first: Lsn(5),
                end: Lsn(9),
                len: 4711,
                reason,
                unix_ms: -3,
                hash: [7; 32],
                link: [0; 32],
            };
            entry.link = entry.link_after(&origin(&[1; 16]));
            let bytes = entry.encode(&[1; 16]);
            assert_eq!(Entry::decode(&bytes, &[1; 16]), Some(entry));
            assert_eq!(Entry::decode(&bytes, &[2; 16]), None);
            for bit in 0..SIZE * 8 {
                let mut hit = bytes;
                hit[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Entry::decode(&hit, &[1; 16]), None, "{reason:?} bit {bit}");
            }
        }
    }
}
