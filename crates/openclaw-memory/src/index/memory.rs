//! A remembered entry's row in the index: all that deciding about it takes, and nothing of what it says.

use openclaw_core::{MemoryId, MemoryKind};
use sha2::{Digest as _, Sha256};

use super::row::{put_pointer, read_pointer};
use crate::{
    record::{CodecError, ConvKey, Reader, RememberedRecord, kind_code, kind_of, put_signed, put_varint},
    wal::Pointer,
};

const KIND: u8 = 7;
const EXPIRES: u8 = 8;
const CONVERSATION: u8 = 16;
const COMPLETED: u8 = 32;
const SUPERSEDED: u8 = 64;
const SUPERSEDED_BY_RECORD: u8 = 128;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemoryRow {
    /// Its record.
    pub(crate) at: Pointer,
    pub(crate) kind: MemoryKind,
    pub(crate) expires_ms: Option<i64>,
    pub(crate) conversation: Option<ConvKey>,
    /// When a task was completed, and the record that says so.
    pub(crate) completed: Option<(i64, Pointer)>,
    /// The entry that has its place now, and the record that says so if it is not that entry's own.
    pub(crate) superseded: Option<(MemoryId, Option<Pointer>)>,
    /// Of kind and content.
    pub(crate) content: [u8; 16],
    /// Of each tag.
    pub(crate) tags: Vec<[u8; 8]>,
}

impl MemoryRow {
    pub(crate) fn of(at: Pointer, record: &RememberedRecord<'_>) -> Self {
        Self {
            at,
            kind: record.kind,
            expires_ms: record.expires_ms,
            conversation: record.conversation.clone(),
            completed: None,
            superseded: None,
            content: content_hash(record.kind, record.content),
            tags: record.tags.iter().map(|tag| short_hash(tag)).collect(),
        }
    }

    /// Every record that is about this entry alone.
    pub(crate) fn records(&self) -> impl Iterator<Item = Pointer> + '_ {
        let completed = self.completed.map(|(_, at)| at);
        let superseded = self.superseded.and_then(|(_, at)| at);
        [self.at].into_iter().chain(completed).chain(superseded)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let mut flags = kind_code(self.kind);
        for (flag, present) in [
            (EXPIRES, self.expires_ms.is_some()),
            (CONVERSATION, self.conversation.is_some()),
            (COMPLETED, self.completed.is_some()),
            (SUPERSEDED, self.superseded.is_some()),
            (SUPERSEDED_BY_RECORD, self.superseded.is_some_and(|(_, record)| record.is_some())),
        ] {
            flags |= if present { flag } else { 0 };
        }
        out.push(flags);
        put_pointer(&mut out, self.at);
        out.extend_from_slice(&self.content);
        if let Some(expires) = self.expires_ms {
            put_signed(&mut out, expires);
        }
        if let Some(conversation) = &self.conversation {
            conversation.put(&mut out);
        }
        if let Some((when, at)) = self.completed {
            put_signed(&mut out, when);
            put_pointer(&mut out, at);
        }
        if let Some((by, record)) = self.superseded {
            out.extend_from_slice(&by.to_bytes());
            if let Some(at) = record {
                put_pointer(&mut out, at);
            }
        }
        put_varint(&mut out, self.tags.len() as u64);
        for tag in &self.tags {
            out.extend_from_slice(tag);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte()?;
        let mut row = Self {
            at: read_pointer(&mut reader)?,
            kind: kind_of(flags & KIND)?,
            content: reader.array()?,
            expires_ms: None,
            conversation: None,
            completed: None,
            superseded: None,
            tags: Vec::new(),
        };
        if flags & EXPIRES != 0 {
            row.expires_ms = Some(reader.signed()?);
        }
        if flags & CONVERSATION != 0 {
            row.conversation = Some(ConvKey::read(&mut reader)?);
        }
        if flags & COMPLETED != 0 {
            row.completed = Some((reader.signed()?, read_pointer(&mut reader)?));
        }
        if flags & SUPERSEDED != 0 {
            let by = MemoryId::from_bytes(reader.array()?);
            let record = flags & SUPERSEDED_BY_RECORD != 0;
            row.superseded = Some((by, record.then(|| read_pointer(&mut reader)).transpose()?));
        }
        for _ in 0..reader.varint()? {
            row.tags.push(reader.array()?);
        }
        Ok(row)
    }
}

/// What tells entries of the same kind and content. Space around it does not count.
pub(crate) fn content_hash(kind: MemoryKind, content: &str) -> [u8; 16] {
    let hash = Sha256::new().chain_update([kind_code(kind)]).chain_update(content.trim()).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

/// What stands for an id or a tag where the thing itself would be too long, or content.
pub(crate) fn short_hash(text: &str) -> [u8; 8] {
    Sha256::digest(text).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use openclaw_core::Lsn;

    use super::*;

    #[test]
    fn rows_come_back() {
        let at = |lsn| Pointer { lsn: Lsn(lsn), offset: 64, len: 80 };
        let plain = MemoryRow {
            at: at(7),
            kind: MemoryKind::Ephemeral,
            expires_ms: None,
            conversation: None,
            completed: None,
            superseded: None,
            content: content_hash(MemoryKind::Fact, " tea "),
            tags: Vec::new(),
        };
        let by = MemoryId::generate();
        let superseded = MemoryRow { superseded: Some((by, None)), ..plain.clone() };
        let full = MemoryRow {
            kind: MemoryKind::Task,
            expires_ms: Some(-1),
            conversation: Some(ConvKey::of(&"c".parse().unwrap())),
            completed: Some((5, at(9))),
            superseded: Some((by, Some(at(11)))),
            tags: vec![short_hash("a"), short_hash("b")],
            ..plain
        };
        for row in [plain, full, superseded] {
            assert_eq!(MemoryRow::decode(&row.encode()).unwrap(), row);
        }
        assert_eq!(content_hash(MemoryKind::Fact, "tea\n"), content_hash(MemoryKind::Fact, " tea "));
        assert_ne!(content_hash(MemoryKind::Fact, "tea"), content_hash(MemoryKind::Task, "tea"));
    }
}
