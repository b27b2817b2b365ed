//! Which documents of a segment were deleted.

use super::{
    LexicalError,
    bits::{BitReader, BitWriter, rice_for},
};

const MAGIC: [u8; 8] = *b"OCLAWLXD";
const VERSION: u32 = 1;

/// A set of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dead {
    words: Vec<u64>,
    docs: u32,
    count: u32,
}

impl Dead {
    pub(super) fn none(docs: u32) -> Self {
        Self { words: vec![0; (docs as usize).div_ceil(64)], docs, count: 0 }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn has(&self, doc: u32) -> bool {
        self.words.get(doc as usize / 64).is_some_and(|word| word >> (doc % 64) & 1 == 1)
    }

    /// False: it was there already, or there is no such document.
    pub(super) fn insert(&mut self, doc: u32) -> bool {
        if doc >= self.docs || self.has(doc) {
            return false;
        }
        if let Some(word) = self.words.get_mut(doc as usize / 64) {
            *word |= 1 << (doc % 64);
            self.count += 1;
        }
        true
    }

    /// 64 documents from a multiple of 64 on, one bit each.
    pub(super) fn word(&self, first: u32) -> u64 {
        self.words.get(first as usize / 64).copied().unwrap_or(0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.docs).filter(|doc| self.has(*doc))
    }

    pub(super) fn encode(&self, segment: u64) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&segment.to_le_bytes());
        let k = rice_for(u64::from(self.docs), u64::from(self.count));
        let mut bits = BitWriter::default();
        let mut next = 0;
        for doc in self.iter() {
            bits.put_rice(u64::from(doc - next), k);
            next = doc + 1;
        }
        out.extend_from_slice(&bits.finish());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads what [`Dead::encode`] wrote; an error says what is wrong.
    pub(super) fn decode(bytes: &[u8], segment: u64, docs: u32) -> Result<Self, &'static str> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or("it ends early")?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err("it does not verify");
        }
        let (head, list) = body.split_first_chunk::<24>().ok_or("it ends early")?;
        let number = |from: usize, len: usize| {
            head.iter().skip(from).take(len).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        };
        if head[..8] != MAGIC || number(8, 4) != u64::from(VERSION) || number(16, 8) != segment {
            return Err("it is not this segment's list of deletions");
        }
        let count = number(12, 4);
        let k = rice_for(u64::from(docs), count);
        let mut bits = BitReader::new(list);
        let mut dead = Self::none(docs);
        let mut next = 0_u64;
        for _ in 0..count {
            let doc = next.saturating_add(bits.take_rice(k));
            if bits.is_over() || !u32::try_from(doc).is_ok_and(|doc| dead.insert(doc)) {
                return Err("it names a document that is not there");
            }
            next = doc + 1;
        }
        Ok(dead)
    }
}

/// Old numbers of documents to new ones, without those that are dead.
#[derive(Debug)]
pub(super) struct Renumber<'a> {
    dead: Option<&'a Dead>,
    base: u32,
    /// Dead ones before each block of 64.
    before: Vec<u32>,
}

impl<'a> Renumber<'a> {
    pub(super) fn new(dead: Option<&'a Dead>, base: u32) -> Self {
        let mut sum = 0;
        let before = dead.map_or_else(Vec::new, |dead| {
            let counts = dead.words.iter().map(|word| {
                let before = sum;
                sum += word.count_ones();
                before
            });
            counts.collect()
        });
        Self { dead, base, before }
    }

    /// `None`: it is dead.
    pub(super) fn of(&self, doc: u32) -> Option<u32> {
        let Some(dead) = self.dead else { return self.base.checked_add(doc) };
        if dead.has(doc) {
            return None;
        }
        let before = self.before.get(doc as usize / 64)?;
        let within = dead.word(doc) & ((1 << (doc % 64)) - 1);
        self.base.checked_add(doc - before - within.count_ones())
    }
}

/// A list of deletions that can't be used.
pub(super) fn damaged(path: std::path::PathBuf, what: &'static str) -> LexicalError {
    LexicalError::Damaged { path, offset: 0, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_and_renumber() {
        let mut dead = Dead::none(1000);
        for doc in [0, 5, 63, 64, 700, 999] {
            assert!(dead.insert(doc));
        }
        assert!(!dead.insert(5) && !dead.insert(1000));
        let bytes = dead.encode(9);
        assert_eq!(Dead::decode(&bytes, 9, 1000).unwrap(), dead);
        assert!(Dead::decode(&bytes, 8, 1000).is_err());
        assert!(Dead::decode(&bytes[..bytes.len() - 1], 9, 1000).is_err());
        assert!(Dead::decode(&bytes, 9, 900).is_err());
        let renumber = Renumber::new(Some(&dead), 10);
        let found: Vec<_> = (0..1000).filter_map(|doc| renumber.of(doc)).collect();
        assert_eq!(found, (10..10 + 994).collect::<Vec<_>>());
    }
}
