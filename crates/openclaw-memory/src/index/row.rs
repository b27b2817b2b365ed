//! A conversation's row in the index on disk, and the keys of the tables.

use openclaw_core::Lsn;

use super::{
    delta::{ConvDelta, Counters, Pending},
    entry::{Entry, put_entries, read_entries},
    order::{Span, arrange},
};
use crate::{
    record::{Channel, CodecError, ConvKey, Reader, put_signed, put_varint},
    wal::Pointer,
};

/// Entries of a chunk; the row itself keeps what does not fill one.
pub(super) const CHUNK_ENTRIES: usize = 64;

/// Chunks with their numbers.
pub(super) type FullChunks = Vec<(u32, Vec<Entry>)>;

/// A conversation as the last checkpoint left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConvRow {
    pub(crate) channel: Channel,
    pub(crate) created_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) messages: u64,
    /// How far its entries reach; they are in order.
    pub(crate) span: Span,
    /// Chunks of [`CHUNK_ENTRIES`] older entries, numbered from 0.
    pub(crate) chunks: u32,
    /// The latest entries, oldest first.
    pub(crate) tail: Vec<Entry>,
}

impl ConvRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24 + self.tail.len() * 7);
        self.channel.put(&mut out);
        put_signed(&mut out, self.created_ms);
        put_signed(&mut out, self.last_ms.wrapping_sub(self.created_ms));
        put_top(&mut out, self.span.runs_top, self.created_ms);
        put_top(&mut out, self.span.imports_top, self.created_ms);
        put_varint(&mut out, self.messages);
        put_varint(&mut out, u64::from(self.chunks));
        put_entries(&mut out, &self.tail, self.created_ms);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let channel = Channel::read(&mut reader)?;
        let created_ms = reader.signed()?;
        let last_ms = created_ms.wrapping_add(reader.signed()?);
        let span = Span::reaching(read_top(&mut reader, created_ms)?, read_top(&mut reader, created_ms)?);
        let messages = reader.varint()?;
        let chunks = reader.varint_u32()?;
        let tail = read_entries(reader, created_ms)?;
        Ok(Self { channel, created_ms, last_ms, messages, span, chunks, tail })
    }

    /// The same without the entries.
    pub(super) fn decode_head(bytes: &[u8]) -> Result<Head, CodecError> {
        let mut reader = Reader::new(bytes);
        let channel = Channel::read(&mut reader)?;
        let created_ms = reader.signed()?;
        let last_ms = created_ms.wrapping_add(reader.signed()?);
        let span = Span::reaching(read_top(&mut reader, created_ms)?, read_top(&mut reader, created_ms)?);
        Ok(Head { channel, created_ms, last_ms, span })
    }

    /// Whether a delta's entries can be added at the end.
    pub(super) fn continues_with(&self, delta: &ConvDelta) -> bool {
        self.span.continues_with(&delta.span)
    }

    /// The row after a delta; `None` when the conversation is no more. The second part is the full chunks to write. `older` is
    /// what the chunks so far hold, when the delta's entries belong among them: then all are written anew.
    pub(super) fn merged(
        old: Option<Self>,
        delta: &ConvDelta,
        older: Option<Vec<Entry>>,
    ) -> Option<(Self, FullChunks)> {
        let mut row = match old {
            Some(mut row) => {
                row.created_ms = row.created_ms.min(delta.created_ms);
                row.last_ms = row.last_ms.max(delta.last_ms);
                row.messages += delta.messages;
                row.span = row.span.then(&delta.span);
                match older {
                    None => row.tail.extend_from_slice(&delta.arranged()),
                    Some(mut entries) => {
                        entries.append(&mut row.tail);
                        entries.extend_from_slice(&delta.entries);
                        arrange(&mut entries);
                        row.chunks = 0;
                        row.tail = entries;
                    }
                }
                row
            }
            None if delta.exists() => Self {
                channel: delta.channel.clone(),
                created_ms: delta.created_ms,
                last_ms: delta.last_ms,
                messages: delta.messages,
                span: delta.span,
                chunks: 0,
                tail: delta.arranged().into_owned(),
            },
            None => return None,
        };
        let mut full = Vec::new();
        let spilling = row.tail.len().saturating_sub(1) / CHUNK_ENTRIES * CHUNK_ENTRIES;
        let later = row.tail.split_off(spilling);
        let earlier = std::mem::replace(&mut row.tail, later);
        for entries in earlier.chunks(CHUNK_ENTRIES) {
            full.push((row.chunks, entries.to_vec()));
            row.chunks += 1;
        }
        Some((row, full))
    }
}

/// A conversation's row without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) channel: Channel,
    pub(super) created_ms: i64,
    pub(super) last_ms: i64,
    pub(super) span: Span,
}

/// A time that may be none.
fn put_top(out: &mut Vec<u8>, top: i64, since_ms: i64) {
    if top == i64::MIN {
        out.push(0);
    } else {
        out.push(1);
        put_signed(out, top.wrapping_sub(since_ms));
    }
}

fn read_top(reader: &mut Reader<'_>, since_ms: i64) -> Result<i64, CodecError> {
    Ok(if reader.byte()? == 0 { i64::MIN } else { since_ms.wrapping_add(reader.signed()?) })
}

pub(super) fn encode_chunk(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 7);
    put_entries(&mut out, entries, 0);
    out
}

/// Conversation first, then the number, so that a conversation's chunks lie together in order.
pub(super) fn chunk_key(conversation: &ConvKey, chunk: u32) -> Vec<u8> {
    let mut key = conversation.to_bytes();
    key.push(0);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// Sorts by time; the sign bit is turned so that years before 1970 come first.
pub(super) fn sortable(ms: i64) -> [u8; 8] {
    ((ms as u64) ^ (1 << 63)).to_be_bytes()
}

pub(super) fn activity_key(last_ms: i64, conversation: &ConvKey) -> Vec<u8> {
    let mut key = Vec::with_capacity(40);
    key.extend_from_slice(&sortable(last_ms));
    conversation.append_to(&mut key);
    key
}

pub(super) fn read_activity_key(key: &[u8]) -> Result<(i64, ConvKey), CodecError> {
    let mut reader = Reader::new(key);
    let time = u64::from_be_bytes(reader.array()?) ^ (1 << 63);
    Ok((time as i64, ConvKey::from_bytes(reader.rest())?))
}

pub(super) fn put_pointer(out: &mut Vec<u8>, at: Pointer) {
    put_varint(out, at.lsn.0);
    put_varint(out, u64::from(at.offset));
    put_varint(out, u64::from(at.len));
}

pub(super) fn read_pointer(reader: &mut Reader<'_>) -> Result<Pointer, CodecError> {
    Ok(Pointer { lsn: Lsn(reader.varint()?), offset: reader.varint_u32()?, len: reader.varint_u32()? })
}

pub(super) fn read_pointers(bytes: &[u8]) -> Result<Vec<Pointer>, CodecError> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while !reader.is_empty() {
        found.push(read_pointer(&mut reader)?);
    }
    Ok(found)
}

pub(super) fn encode_pending(run: &Pending) -> Vec<u8> {
    let mut out = Vec::with_capacity(48);
    run.conversation.put(&mut out);
    put_pointer(&mut out, run.accepted);
    out.push(u8::from(run.called_tools));
    put_varint(&mut out, u64::from(run.messages));
    for step in &run.steps {
        put_pointer(&mut out, *step);
    }
    out
}

pub(super) fn decode_pending(bytes: &[u8]) -> Result<Pending, CodecError> {
    let mut reader = Reader::new(bytes);
    let mut run = Pending {
        conversation: ConvKey::read(&mut reader)?,
        accepted: read_pointer(&mut reader)?,
        called_tools: reader.byte()? != 0,
        messages: reader.varint_u32()?,
        steps: Vec::new(),
    };
    while !reader.is_empty() {
        run.steps.push(read_pointer(&mut reader)?);
    }
    Ok(run)
}

/// What a checkpoint says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The last record it covers; `None` before the first.
    pub(crate) applied: Option<Pointer>,
    pub(crate) counters: Counters,
    /// Conversations by channel.
    pub(crate) channels: Vec<(Channel, u64)>,
}

impl Summary {
    /// Conversations, on one channel or on all.
    pub(crate) fn conversations(&self, channel: Option<&Channel>) -> u64 {
        let wanted = |(name, _): &&(Channel, u64)| channel.is_none_or(|channel| channel == name);
        self.channels.iter().filter(wanted).map(|(_, count)| count).sum()
    }

    pub(super) fn count(&mut self, channel: &Channel, added: i64) {
        match self.channels.iter_mut().find(|(name, _)| name == channel) {
            Some((_, count)) => *count = count.saturating_add_signed(added),
            None => self.channels.push((channel.clone(), u64::try_from(added).unwrap_or(0))),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self.applied {
            Some(at) => {
                out.push(1);
                put_pointer(&mut out, at);
            }
            None => out.push(0),
        }
        put_varint(&mut out, self.counters.messages);
        put_varint(&mut out, self.counters.memories);
        put_varint(&mut out, self.counters.completed);
        put_varint(&mut out, self.counters.latency_ms);
        for time in [self.counters.oldest_ms, self.counters.pruned_ms] {
            out.push(u8::from(time.is_some()));
            if let Some(time) = time {
                put_signed(&mut out, time);
            }
        }
        for (channel, count) in &self.channels {
            channel.put(&mut out);
            put_varint(&mut out, *count);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let applied = if reader.byte()? == 0 { None } else { Some(read_pointer(&mut reader)?) };
        let (messages, memories) = (reader.varint()?, reader.varint()?);
        let (completed, latency_ms) = (reader.varint()?, reader.varint()?);
        let mut time = || if reader.byte()? == 0 { Ok(None) } else { reader.signed().map(Some) };
        let (oldest_ms, pruned_ms) = (time()?, time()?);
        let mut channels = Vec::new();
        while !reader.is_empty() {
            channels.push((Channel::read(&mut reader)?, reader.varint()?));
        }
        Ok(Self {
            applied,
            counters: Counters { messages, memories, completed, latency_ms, oldest_ms, pruned_ms },
            channels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{delta::Below, entry::EntryKind};

    fn entry(lsn: u64) -> Entry {
        let at = Pointer { lsn: Lsn(lsn), offset: lsn as u32 * 100, len: 80 };
        Entry { at, run: Lsn(lsn), kind: EntryKind::Accepted, at_ms: 10 + lsn as i64 }
    }

    #[test]
    fn rows_come_back_and_spill_full_chunks() {
        let mut delta = ConvDelta {
            below: Below::Nothing,
            channel: Channel::of("teams"),
            created_ms: 10,
            last_ms: -5,
            entries: (1..=150).map(entry).collect(),
            ..ConvDelta::gone()
        };
        delta.settle();
        let (row, full) = ConvRow::merged(None, &delta, None).unwrap();
        let read = ConvRow::decode(&row.encode()).unwrap();
        assert_eq!((read.span.runs_top, read.span.imports_top), (160, i64::MIN));
        assert_eq!(ConvRow { span: row.span, ..read.clone() }, row);
        let head = Head {
            channel: row.channel.clone(),
            created_ms: row.created_ms,
            last_ms: row.last_ms,
            span: read.span,
        };
        assert_eq!(ConvRow::decode_head(&row.encode()).unwrap(), head);
        assert_eq!((row.chunks, row.tail.len(), full.len()), (2, 22, 2));
        assert_eq!(full[1].1.first().unwrap().at.lsn, Lsn(65));
        let (more, full) = ConvRow::merged(Some(row.clone()), &delta, None).unwrap();
        assert_eq!((more.chunks, more.tail.len(), full[0].0, more.messages), (4, 44, 2, 300));
        assert!(ConvRow::merged(None, &ConvDelta::gone(), None).is_none());

        // What was said before it all is put there.
        let mut earlier = ConvDelta { entries: vec![entry(151)], created_ms: 5, ..ConvDelta::gone() };
        earlier.entries[0] = Entry { kind: EntryKind::Imported, at_ms: 5, ..earlier.entries[0] };
        earlier.settle();
        assert!(!row.continues_with(&earlier));
        let chunks = (1..=128).map(entry).collect();
        let (row, full) = ConvRow::merged(Some(row), &earlier, Some(chunks)).unwrap();
        assert_eq!((row.chunks, row.tail.len(), row.created_ms, row.messages), (2, 23, 5, 151));
        assert_eq!((full[0].0, full[0].1[0].at.lsn, full[1].1[63].at.lsn), (0, Lsn(151), Lsn(127)));
    }

    #[test]
    fn activity_sorts_by_time() {
        let key = ConvKey::of(&"x".parse().unwrap());
        let keys: Vec<_> = [-5, 0, 3, 1 << 40].iter().map(|ms| activity_key(*ms, &key)).collect();
        assert!(keys.is_sorted());
        assert_eq!(read_activity_key(&keys[0]).unwrap(), (-5, key));
    }

    #[test]
    fn the_summary_and_pending_runs_come_back() {
        let at = entry(7).at;
        let mut summary = Summary {
            applied: Some(at),
            counters: Counters {
                messages: 5,
                memories: 3,
                completed: 2,
                latency_ms: 99,
                oldest_ms: Some(-1),
                pruned_ms: Some(12),
            },
            channels: Vec::new(),
        };
        summary.count(&Channel::of("api"), 3);
        summary.count(&Channel::of("teams"), 1);
        summary.count(&Channel::of("api"), -1);
        assert_eq!(Summary::decode(&summary.encode()).unwrap(), summary);
        assert_eq!((summary.conversations(None), summary.conversations(Some(&Channel::of("api")))), (3, 2));
        let run = Pending {
            conversation: ConvKey::of(&"x".parse().unwrap()),
            accepted: at,
            called_tools: true,
            messages: 3,
            steps: vec![at, entry(9).at],
        };
        assert_eq!(decode_pending(&encode_pending(&run)).unwrap(), run);
    }
}
