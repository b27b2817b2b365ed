//! What a log record says: the payload codec. Byte by byte in `docs/formats.md`, "Record payloads".
//!
//! Decoding borrows from the payload and leaves the heavy parts (metadata, blocks) undecoded until asked for, so that a
//! scan of the whole log costs little more than reading it.

mod blocks;
mod documents;
mod imported;
mod key;
mod mark;
mod memories;
mod names;
mod note;
#[cfg(test)]
mod tests;
mod wire;

use crate::wal::Pointer;
#[cfg(test)]
use blocks::role_of;
pub(crate) use blocks::{count_messages, into_messages};
#[expect(unused_imports, reason = "the index of the words takes them")]
pub(crate) use documents::{Document, Home};
pub(crate) use documents::{documents, text_of};
pub(crate) use imported::{ImportedRecord, encode_imported};
pub(crate) use key::{Channel, ConvKey};
pub(crate) use mark::{MarkRecord, encode_mark};
pub(crate) use memories::{
    Changed, ChangedRecord, RememberedRecord, encode_changed, encode_remembered, kind_code, kind_of,
};
pub(crate) use names::made_name;
pub(crate) use note::{NoteRecord, encode_note};
use openclaw_core::{
    ContentBlock, Failure, Lsn, MemoryId, Metadata, NewRun, Reply, RunId, RunOutcome, TokenUsage,
};
pub(crate) use wire::{CodecError, Reader, put_bytes, put_signed, put_varint};

/// Low five bits of the first byte.
const ACCEPTED: u8 = 1;
const STEPS: u8 = 2;
const ENDED: u8 = 3;
const FORGOTTEN: u8 = 4;
const REMEMBERED: u8 = 5;
const CHANGED: u8 = 6;
const IMPORTED: u8 = 7;
const NOTE: u8 = 8;
const MARK: u8 = 9;
/// The upper three bits version each kind.
const KIND_MASK: u8 = 0x1f;

const OWN_ID: u8 = 0;
const ULID_ID: u8 = 1;
const TEXT_ID: u8 = 2;
const ID_MASK: u8 = 3;
const HAS_KEY: u8 = 4;
const HAS_METADATA: u8 = 8;

const COMPLETED: u8 = 0;
const FAILED: u8 = 1;
const CANCELLED: u8 = 2;

const HAS_TIME: u8 = 1;
const HAS_MEMORIES: u8 = 2;
const KEEPS_LINES: u8 = 4;

/// An idempotency key and the request it came with, as hashes: neither can be read back from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdempotencyMark {
    /// Of the key.
    pub(crate) key: [u8; 16],
    /// Of the request.
    pub(crate) request: [u8; 8],
}

/// A payload, its parts borrowed.
#[derive(Debug, Clone)]
pub(crate) enum Record<'a> {
    /// A user's message and its pending run.
    Accepted(AcceptedRecord<'a>),
    /// What a run did before its end.
    Steps(StepsRecord<'a>),
    /// A run's end.
    Ended(EndedRecord<'a>),
    /// Conversations, their old runs, or remembered entries were removed.
    Forgotten(ForgottenRecord),
    /// Something was remembered.
    Remembered(RememberedRecord<'a>),
    /// A remembered entry was completed or superseded.
    Changed(ChangedRecord),
    /// A message that was said elsewhere.
    Imported(ImportedRecord<'a>),
    /// What a run's prompt was made of.
    Note(NoteRecord<'a>),
    /// Part of the log was made into Markdown.
    Mark(MarkRecord<'a>),
}

#[derive(Debug, Clone)]
pub(crate) struct AcceptedRecord<'a> {
    pub(crate) run: RunId,
    pub(crate) conversation: ConvKey,
    pub(crate) channel: Channel,
    pub(crate) mark: Option<IdempotencyMark>,
    pub(crate) text: &'a str,
    metadata: &'a [u8],
}

#[derive(Debug, Clone)]
pub(crate) struct StepsRecord<'a> {
    pub(crate) run: RunId,
    /// Milliseconds after the run was accepted.
    pub(crate) after_ms: i64,
    blocks: &'a [u8],
}

#[derive(Debug, Clone)]
pub(crate) struct EndedRecord<'a> {
    pub(crate) run: RunId,
    /// Milliseconds after the run was accepted.
    pub(crate) after_ms: i64,
    pub(crate) outcome: OutcomeRecord<'a>,
}

#[derive(Debug, Clone)]
pub(crate) enum OutcomeRecord<'a> {
    Completed { usage: TokenUsage, latency_ms: u64, model: &'a str, skills: Vec<&'a str>, content: &'a str },
    Failed(&'a [u8]),
    Cancelled,
}

/// The intent to remove; the removal follows it, and follows it again when a crash came between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForgottenRecord {
    /// Only runs that ended before this (Unix milliseconds); `None`: everything.
    pub(crate) before_ms: Option<i64>,
    /// Whether Markdown lines that cite what goes stay: the log alone is pruned.
    pub(crate) keeps_lines: bool,
    pub(crate) conversations: Vec<ConvKey>,
    /// Remembered entries.
    pub(crate) memories: Vec<MemoryId>,
    /// Runs completed so far and the sum of their latencies: lifetime figures, which the records left would not give.
    pub(crate) totals: (u64, u64),
    /// The records to overwrite. Listed, because a record whose overwriting was torn can't be recognised any more.
    pub(crate) records: Vec<Pointer>,
}

/// The payload of a user's message.
pub(crate) fn encode_accepted(
    run: &NewRun,
    conversation: &ConvKey,
    mark: Option<&IdempotencyMark>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + run.text.len());
    out.push(ACCEPTED);
    let channel = Channel::of(&run.channel);
    let run_bytes = run.id.to_bytes();
    let id_form = match conversation {
        ConvKey::Ulid(ulid) if *ulid == run_bytes => OWN_ID,
        ConvKey::Ulid(_) => ULID_ID,
        ConvKey::Text(_) => TEXT_ID,
    };
    let code = match &channel {
        Channel::Known(code) => *code,
        Channel::Named(_) => key::NAMED,
    };
    let has_metadata = !run.metadata.is_empty();
    let mut flags = id_form | (code << 4);
    flags |= if mark.is_some() { HAS_KEY } else { 0 };
    flags |= if has_metadata { HAS_METADATA } else { 0 };
    out.push(flags);
    out.extend_from_slice(&run_bytes);
    match conversation {
        ConvKey::Ulid(ulid) if id_form == ULID_ID => out.extend_from_slice(ulid),
        ConvKey::Ulid(_) => {}
        ConvKey::Text(id) => put_bytes(&mut out, id.as_str().as_bytes()),
    }
    if let Channel::Named(name) = &channel {
        put_bytes(&mut out, name.as_bytes());
    }
    if let Some(mark) = mark {
        out.extend_from_slice(&mark.key);
        out.extend_from_slice(&mark.request);
    }
    if has_metadata {
        put_bytes(&mut out, run.text.as_bytes());
        blocks::put_metadata(&mut out, &run.metadata);
    } else {
        out.extend_from_slice(run.text.as_bytes());
    }
    out
}

/// The payload of what a run did.
pub(crate) fn encode_steps(run: RunId, after_ms: i64, steps: &[ContentBlock]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.push(STEPS);
    out.extend_from_slice(&run.to_bytes());
    put_signed(&mut out, after_ms);
    blocks::put_blocks(&mut out, steps);
    out
}

/// The payload of a run's end.
pub(crate) fn encode_ended(run: RunId, after_ms: i64, outcome: &RunOutcome) -> Vec<u8> {
    let text = if let RunOutcome::Completed(reply) = outcome { reply.content.len() } else { 0 };
    let mut out = Vec::with_capacity(64 + text);
    out.push(ENDED);
    out.push(match outcome {
        RunOutcome::Completed(_) => COMPLETED,
        RunOutcome::Failed(_) => FAILED,
        RunOutcome::Cancelled => CANCELLED,
    });
    out.extend_from_slice(&run.to_bytes());
    put_signed(&mut out, after_ms);
    match outcome {
        RunOutcome::Completed(reply) => {
            put_varint(&mut out, reply.usage.input);
            put_varint(&mut out, reply.usage.output);
            put_varint(&mut out, reply.latency_ms);
            put_bytes(&mut out, reply.model.as_bytes());
            put_varint(&mut out, reply.skills_used.len() as u64);
            for skill in &reply.skills_used {
                put_bytes(&mut out, skill.as_bytes());
            }
            out.extend_from_slice(reply.content.as_bytes());
        }
        // A failure is plain data; it always has a JSON text.
        RunOutcome::Failed(failure) => {
            out.extend_from_slice(&serde_json::to_vec(failure).unwrap_or_default());
        }
        RunOutcome::Cancelled => {}
    }
    out
}

/// The payload of an intent to remove.
pub(crate) fn encode_forgotten(record: &ForgottenRecord) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.push(FORGOTTEN);
    let before = if record.before_ms.is_some() { HAS_TIME } else { 0 };
    let memories = if record.memories.is_empty() { 0 } else { HAS_MEMORIES };
    let lines = if record.keeps_lines { KEEPS_LINES } else { 0 };
    out.push(before | memories | lines);
    if let Some(before) = record.before_ms {
        put_signed(&mut out, before);
    }
    put_varint(&mut out, record.totals.0);
    put_varint(&mut out, record.totals.1);
    put_varint(&mut out, record.conversations.len() as u64);
    for conversation in &record.conversations {
        conversation.put(&mut out);
    }
    if !record.memories.is_empty() {
        put_varint(&mut out, record.memories.len() as u64);
        for memory in &record.memories {
            out.extend_from_slice(&memory.to_bytes());
        }
    }
    let mut last = 0;
    for at in &record.records {
        put_signed(&mut out, at.lsn.0.wrapping_sub(last) as i64);
        last = at.lsn.0;
        put_varint(&mut out, u64::from(at.offset));
        put_varint(&mut out, u64::from(at.len));
    }
    out
}

impl<'a> Record<'a> {
    /// Reads a payload.
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(payload);
        let first = reader.byte()?;
        if first & !KIND_MASK != 0 {
            return Err(CodecError::Unknown { what: "version of a record", value: first });
        }
        match first {
            ACCEPTED => accepted(reader).map(Self::Accepted),
            STEPS => {
                let run = RunId::from_bytes(reader.array()?);
                let after_ms = reader.signed()?;
                Ok(Self::Steps(StepsRecord { run, after_ms, blocks: reader.rest() }))
            }
            ENDED => ended(reader).map(Self::Ended),
            FORGOTTEN => forgotten(reader).map(Self::Forgotten),
            REMEMBERED => memories::remembered(reader).map(Self::Remembered),
            CHANGED => memories::changed(reader).map(Self::Changed),
            IMPORTED => imported::imported(reader).map(Self::Imported),
            NOTE => note::note(reader).map(Self::Note),
            MARK => mark::mark(reader).map(Self::Mark),
            value => Err(CodecError::Unknown { what: "kind of record", value }),
        }
    }
}

impl Record<'_> {
    /// Bytes of what people and tools said, attachments included.
    pub(crate) fn content_bytes(&self) -> u64 {
        let bytes = match self {
            Self::Accepted(record) => record.text.len() + record.metadata.len(),
            Self::Steps(record) => record.blocks.len(),
            Self::Ended(record) => match record.outcome {
                OutcomeRecord::Completed { content, .. } => content.len(),
                OutcomeRecord::Failed(_) | OutcomeRecord::Cancelled => 0,
            },
            Self::Imported(record) => record.content.len(),
            Self::Remembered(record) => {
                record.content.len() + record.tags.iter().map(|tag| tag.len()).sum::<usize>()
            }
            Self::Forgotten(_) | Self::Changed(_) | Self::Note(_) | Self::Mark(_) => 0,
        };
        bytes as u64
    }

    /// Reads what decoding leaves for later, only to see whether it can be.
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::Accepted(record) => record.metadata().map(drop),
            Self::Steps(record) => record.blocks().map(drop),
            _ => Ok(()),
        }
    }

    /// The run it belongs to.
    pub(crate) fn run(&self) -> Option<RunId> {
        match self {
            Self::Accepted(record) => Some(record.run),
            Self::Steps(record) => Some(record.run),
            Self::Ended(record) => Some(record.run),
            Self::Note(record) => Some(record.run),
            Self::Forgotten(_)
            | Self::Remembered(_)
            | Self::Changed(_)
            | Self::Imported(_)
            | Self::Mark(_) => None,
        }
    }

    /// When the record's run was accepted and when the record was made, Unix milliseconds; for an imported message twice when
    /// it was said.
    pub(crate) fn times(&self) -> (i64, i64) {
        let (run, after_ms) = match self {
            Self::Accepted(record) => (record.run, 0),
            Self::Steps(record) => (record.run, record.after_ms),
            Self::Ended(record) => (record.run, record.after_ms),
            Self::Note(record) => (record.run, 0),
            Self::Remembered(record) => {
                let at = record.id.created_at().unix_millis();
                return (at, at);
            }
            Self::Changed(record) => return (record.at_ms, record.at_ms),
            Self::Imported(record) => return (record.at_ms, record.at_ms),
            Self::Forgotten(_) | Self::Mark(_) => return (0, 0),
        };
        let begun = run.accepted_at().unix_millis();
        (begun, begun.saturating_add(after_ms))
    }
}

fn accepted(mut reader: Reader<'_>) -> Result<AcceptedRecord<'_>, CodecError> {
    let flags = reader.byte()?;
    let run_bytes: [u8; 16] = reader.array()?;
    let conversation = match flags & ID_MASK {
        OWN_ID => ConvKey::Ulid(run_bytes),
        ULID_ID => ConvKey::Ulid(reader.array()?),
        TEXT_ID => key::text_id(reader.text()?)?,
        value => return Err(CodecError::Unknown { what: "form of a conversation id", value }),
    };
    let channel = match flags >> 4 {
        key::NAMED => Channel::Named(reader.text()?.into()),
        code => Channel::from_code(code)?,
    };
    let mark = if flags & HAS_KEY == 0 {
        None
    } else {
        Some(IdempotencyMark { key: reader.array()?, request: reader.array()? })
    };
    let (text, metadata) = if flags & HAS_METADATA == 0 {
        (reader.rest_text()?, &[][..])
    } else {
        (reader.text()?, reader.rest())
    };
    let run = RunId::from_bytes(run_bytes);
    Ok(AcceptedRecord { run, conversation, channel, mark, text, metadata })
}

fn forgotten(mut reader: Reader<'_>) -> Result<ForgottenRecord, CodecError> {
    let condition = reader.byte()?;
    if condition & !(HAS_TIME | HAS_MEMORIES | KEEPS_LINES) != 0 {
        return Err(CodecError::Unknown { what: "condition", value: condition });
    }
    let before_ms = if condition & HAS_TIME == 0 { None } else { Some(reader.signed()?) };
    let totals = (reader.varint()?, reader.varint()?);
    let mut conversations = Vec::new();
    for _ in 0..reader.varint()? {
        conversations.push(ConvKey::read(&mut reader)?);
    }
    let mut memories = Vec::new();
    if condition & HAS_MEMORIES != 0 {
        for _ in 0..reader.varint()? {
            memories.push(MemoryId::from_bytes(reader.array()?));
        }
    }
    let (mut records, mut last) = (Vec::new(), 0_u64);
    while !reader.is_empty() {
        last = last.wrapping_add(reader.signed()? as u64);
        let (offset, len) = (reader.varint_u32()?, reader.varint_u32()?);
        records.push(Pointer { lsn: Lsn(last), offset, len });
    }
    let keeps_lines = condition & KEEPS_LINES != 0;
    Ok(ForgottenRecord { before_ms, keeps_lines, conversations, memories, totals, records })
}

fn ended(mut reader: Reader<'_>) -> Result<EndedRecord<'_>, CodecError> {
    let tag = reader.byte()?;
    let run = RunId::from_bytes(reader.array()?);
    let after_ms = reader.signed()?;
    let outcome = match tag {
        COMPLETED => {
            let usage = TokenUsage { input: reader.varint()?, output: reader.varint()? };
            let latency_ms = reader.varint()?;
            let model = reader.text()?;
            let mut skills = Vec::new();
            for _ in 0..reader.varint()? {
                skills.push(reader.text()?);
            }
            OutcomeRecord::Completed { usage, latency_ms, model, skills, content: reader.rest_text()? }
        }
        FAILED => OutcomeRecord::Failed(reader.rest()),
        CANCELLED => OutcomeRecord::Cancelled,
        value => return Err(CodecError::Unknown { what: "outcome", value }),
    };
    Ok(EndedRecord { run, after_ms, outcome })
}

/// How much of what came with a message is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Whole,
    /// What a prompt has a use for: all but `extra`.
    Prompt,
}

impl AcceptedRecord<'_> {
    pub(crate) fn metadata(&self) -> Result<Metadata, CodecError> {
        self.metadata_within(Scope::Whole)
    }

    pub(crate) fn metadata_within(&self, scope: Scope) -> Result<Metadata, CodecError> {
        blocks::read_metadata(self.metadata, scope)
    }
}

impl StepsRecord<'_> {
    pub(crate) fn blocks(&self) -> Result<Vec<ContentBlock>, CodecError> {
        blocks::read_blocks(Reader::new(self.blocks))
    }
}

impl OutcomeRecord<'_> {
    pub(crate) fn to_outcome(&self) -> Result<RunOutcome, CodecError> {
        Ok(match self {
            Self::Completed { usage, latency_ms, model, skills, content } => RunOutcome::Completed(Reply {
                content: (*content).to_owned(),
                skills_used: skills.iter().map(|skill| (*skill).to_owned()).collect(),
                usage: *usage,
                latency_ms: *latency_ms,
                model: (*model).to_owned(),
            }),
            Self::Failed(json) => {
                RunOutcome::Failed(serde_json::from_slice::<Failure>(json).map_err(|_| CodecError::Json)?)
            }
            Self::Cancelled => RunOutcome::Cancelled,
        })
    }
}
