//! Records of what is remembered on purpose: an entry, and what becomes of it.

use openclaw_core::{MemoryEntry, MemoryId, MemoryKind, MessageId, Timestamp};

use super::{
    CHANGED, ConvKey, REMEMBERED,
    names::{put_name, read_message_id},
    wire::{CodecError, Reader, put_bytes, put_signed, put_varint},
};

const KIND: u8 = 7;
const HAS_EXPIRY: u8 = 8;
const HAS_CONVERSATION: u8 = 16;
const SUPERSEDES: u8 = 32;

const COMPLETED: u8 = 0;
const SUPERSEDED: u8 = 1;

/// An entry as it was remembered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RememberedRecord<'a> {
    pub(crate) id: MemoryId,
    pub(crate) kind: MemoryKind,
    pub(crate) importance: f32,
    pub(crate) expires_ms: Option<i64>,
    pub(crate) conversation: Option<ConvKey>,
    /// The entry whose place it takes.
    pub(crate) supersedes: Option<MemoryId>,
    pub(crate) tags: Vec<&'a str>,
    pub(crate) sources: Vec<MessageId>,
    pub(crate) content: &'a str,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangedRecord {
    pub(crate) id: MemoryId,
    /// When, Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) what: Changed,
}

/// See [`ChangedRecord`]. Forgetting is a removal like every other and has a record of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The task is done.
    Completed,
    /// This entry has its place now.
    Superseded(MemoryId),
}

/// A kind's number on the disk: its place in this list, which only grows.
const KINDS: [MemoryKind; 5] = [
    MemoryKind::Preference,
    MemoryKind::Fact,
    MemoryKind::Task,
    MemoryKind::Conversation,
    MemoryKind::Ephemeral,
];

pub(crate) fn kind_code(kind: MemoryKind) -> u8 {
    KINDS.iter().position(|known| *known == kind).unwrap_or_default() as u8
}

pub(crate) fn kind_of(code: u8) -> Result<MemoryKind, CodecError> {
    let unknown = CodecError::Unknown { what: "kind of memory", value: code };
    KINDS.get(usize::from(code)).copied().ok_or(unknown)
}

/// The payload of an entry.
pub(crate) fn encode_remembered(record: &RememberedRecord<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + record.content.len());
    out.push(REMEMBERED);
    let mut flags = kind_code(record.kind);
    flags |= if record.expires_ms.is_some() { HAS_EXPIRY } else { 0 };
    flags |= if record.conversation.is_some() { HAS_CONVERSATION } else { 0 };
    flags |= if record.supersedes.is_some() { SUPERSEDES } else { 0 };
    out.push(flags);
    out.extend_from_slice(&record.id.to_bytes());
    out.extend_from_slice(&record.importance.to_le_bytes());
    if let Some(expires) = record.expires_ms {
        put_signed(&mut out, expires);
    }
    if let Some(conversation) = &record.conversation {
        conversation.put(&mut out);
    }
    if let Some(earlier) = record.supersedes {
        out.extend_from_slice(&earlier.to_bytes());
    }
    put_varint(&mut out, record.tags.len() as u64);
    for tag in &record.tags {
        put_bytes(&mut out, tag.as_bytes());
    }
    put_varint(&mut out, record.sources.len() as u64);
    for source in &record.sources {
        put_name(&mut out, source.as_str());
    }
    out.extend_from_slice(record.content.as_bytes());
    out
}

pub(super) fn remembered(mut reader: Reader<'_>) -> Result<RememberedRecord<'_>, CodecError> {
    let flags = reader.byte()?;
    if flags & !(KIND | HAS_EXPIRY | HAS_CONVERSATION | SUPERSEDES) != 0 {
        return Err(CodecError::Unknown { what: "field of a memory", value: flags });
    }
    let kind = kind_of(flags & KIND)?;
    let id = MemoryId::from_bytes(reader.array()?);
    let importance = f32::from_le_bytes(reader.array()?);
    let expires_ms = if flags & HAS_EXPIRY == 0 { None } else { Some(reader.signed()?) };
    let conversation = if flags & HAS_CONVERSATION == 0 { None } else { Some(ConvKey::read(&mut reader)?) };
    let supersedes = if flags & SUPERSEDES == 0 { None } else { Some(MemoryId::from_bytes(reader.array()?)) };
    let mut tags = Vec::new();
    for _ in 0..reader.varint()? {
        tags.push(reader.text()?);
    }
    let mut sources = Vec::new();
    for _ in 0..reader.varint()? {
        sources.push(read_message_id(&mut reader)?);
    }
    let content = reader.rest_text()?;
    Ok(RememberedRecord {
        id,
        kind,
        importance,
        expires_ms,
        conversation,
        supersedes,
        tags,
        sources,
        content,
    })
}

/// The payload of a change.
pub(crate) fn encode_changed(record: &ChangedRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    out.push(CHANGED);
    out.push(match record.what {
        Changed::Completed => COMPLETED,
        Changed::Superseded(_) => SUPERSEDED,
    });
    out.extend_from_slice(&record.id.to_bytes());
    put_signed(&mut out, record.at_ms);
    if let Changed::Superseded(by) = record.what {
        out.extend_from_slice(&by.to_bytes());
    }
    out
}

pub(super) fn changed(mut reader: Reader<'_>) -> Result<ChangedRecord, CodecError> {
    let tag = reader.byte()?;
    let id = MemoryId::from_bytes(reader.array()?);
    let at_ms = reader.signed()?;
    let what = match tag {
        COMPLETED => Changed::Completed,
        SUPERSEDED => Changed::Superseded(MemoryId::from_bytes(reader.array()?)),
        value => return Err(CodecError::Unknown { what: "change of a memory", value }),
    };
    Ok(ChangedRecord { id, at_ms, what })
}

impl RememberedRecord<'_> {
    /// The entry as it was then.
    pub(crate) fn to_entry(&self) -> MemoryEntry {
        MemoryEntry {
            id: self.id,
            kind: self.kind,
            content: self.content.to_owned(),
            importance: self.importance,
            tags: self.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            expires_at: self.expires_ms.map(Timestamp::from_unix_millis),
            completed_at: None,
            conversation: self.conversation.as_ref().map(ConvKey::id),
            sources: self.sources.clone(),
            superseded_by: None,
        }
    }
}
