//! A conversation's row in the index on disk, and the keys of the tables.

use openclaw_core::Lsn;

use super::{
    delta::{ConvDelta, Counters, Pending},
    entry::{Entry, put_entries, read_entries},
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
        put_varint(&mut out, self.messages);
        put_varint(&mut out, u64::from(self.chunks));
        put_entries(&mut out, &self.tail);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let channel = Channel::read(&mut reader)?;
        let created_ms = reader.signed()?;
        let last_ms = created_ms.wrapping_add(reader.signed()?);
        let messages = reader.varint()?;
        let chunks = reader.varint_u32()?;
        Ok(Self { channel, created_ms, last_ms, messages, chunks, tail: read_entries(reader)? })
    }

    /// Channel and time of the last message alone.
    pub(super) fn decode_head(bytes: &[u8]) -> Result<(Channel, i64), CodecError> {
        let mut reader = Reader::new(bytes);
        let channel = Channel::read(&mut reader)?;
        let created_ms = reader.signed()?;
        Ok((channel, created_ms.wrapping_add(reader.signed()?)))
    }

    /// The row after a delta; `None` when the conversation is no more. The second part is the full chunks to write.
    pub(super) fn merged(old: Option<Self>, delta: &ConvDelta) -> Option<(Self, FullChunks)> {
        let mut row = match old {
            Some(mut row) => {
                row.last_ms = row.last_ms.max(delta.last_ms);
                row.messages += delta.messages;
                row.tail.extend_from_slice(&delta.entries);
                row
            }
            None if delta.exists() => Self {
                channel: delta.channel.clone(),
                created_ms: delta.created_ms,
                last_ms: delta.last_ms,
                messages: delta.messages,
                chunks: 0,
                tail: delta.entries.clone(),
            },
            None => return None,
        };
        let mut full = Vec::new();
        while row.tail.len() > CHUNK_ENTRIES {
            let later = row.tail.split_off(CHUNK_ENTRIES);
            full.push((row.chunks, std::mem::replace(&mut row.tail, later)));
            row.chunks += 1;
        }
        Some((row, full))
    }
}

pub(super) fn encode_chunk(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 7);
    put_entries(&mut out, entries);
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

fn put_pointer(out: &mut Vec<u8>, at: Pointer) {
    put_varint(out, at.lsn.0);
    put_varint(out, u64::from(at.offset));
    put_varint(out, u64::from(at.len));
}

fn read_pointer(reader: &mut Reader<'_>) -> Result<Pointer, CodecError> {
    Ok(Pointer { lsn: Lsn(reader.varint()?), offset: reader.varint_u32()?, len: reader.varint_u32()? })
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
        put_varint(&mut out, self.counters.completed);
        put_varint(&mut out, self.counters.latency_ms);
        match self.counters.oldest_ms {
            Some(oldest) => {
                out.push(1);
                put_signed(&mut out, oldest);
            }
            None => out.push(0),
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
        let (messages, completed, latency_ms) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let oldest_ms = if reader.byte()? == 0 { None } else { Some(reader.signed()?) };
        let mut channels = Vec::new();
        while !reader.is_empty() {
            channels.push((Channel::read(&mut reader)?, reader.varint()?));
        }
        Ok(Self { applied, counters: Counters { messages, completed, latency_ms, oldest_ms }, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{delta::Below, entry::EntryKind};

    fn entry(lsn: u64) -> Entry {
        let at = Pointer { lsn: Lsn(lsn), offset: lsn as u32 * 100, len: 80 };
        Entry { at, run: Lsn(lsn), kind: EntryKind::Accepted }
    }

    #[test]
    fn rows_come_back_and_spill_full_chunks() {
        let delta = ConvDelta {
            below: Below::Nothing,
            channel: Channel::of("teams"),
            created_ms: 10,
            last_ms: -5,
            messages: 150,
            entries: (1..=150).map(entry).collect(),
        };
        let (row, full) = ConvRow::merged(None, &delta).unwrap();
        assert_eq!(ConvRow::decode(&row.encode()).unwrap(), row);
        assert_eq!(ConvRow::decode_head(&row.encode()).unwrap(), (row.channel.clone(), row.last_ms));
        assert_eq!((row.chunks, row.tail.len(), full.len()), (2, 22, 2));
        assert_eq!(full[1].1.first().unwrap().at.lsn, Lsn(65));
        let (more, full) = ConvRow::merged(Some(row), &delta).unwrap();
        assert_eq!((more.chunks, more.tail.len(), full[0].0, more.messages), (4, 44, 2, 300));
        assert!(ConvRow::merged(None, &ConvDelta::gone()).is_none());
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
            counters: Counters { messages: 5, completed: 2, latency_ms: 99, oldest_ms: Some(-1) },
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
