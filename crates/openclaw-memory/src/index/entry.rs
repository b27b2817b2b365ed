//! Where a conversation's records lie: the one thing the index keeps per record.

use openclaw_core::Lsn;

use crate::{
    record::{CodecError, Reader, put_signed, put_varint},
    wal::Pointer,
};

/// What a record is in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A user's message.
    Accepted,
    /// What a run did, as so many messages, the first of which is the run's step number `first`.
    Steps { messages: u32, first: u32 },
    /// A run's end with an answer.
    Answered,
    /// A run's end without one.
    Unanswered,
    /// A message that was said elsewhere.
    Imported,
    /// What a run's prompt was made of.
    Note,
}

/// One record of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Pointer,
    /// The record that accepted the run this one belongs to (itself, for a user's message and an imported one).
    pub(crate) run: Lsn,
    pub(crate) kind: EntryKind,
    /// When a user's or an imported message was said, Unix milliseconds; 0 for the others.
    pub(crate) at_ms: i64,
}

impl Entry {
    pub(crate) fn messages(&self) -> u64 {
        match self.kind {
            EntryKind::Accepted | EntryKind::Answered | EntryKind::Imported => 1,
            EntryKind::Steps { messages, .. } => u64::from(messages),
            EntryKind::Unanswered | EntryKind::Note => 0,
        }
    }

    /// Whether it begins something: a run, or an imported message, which is all there is of it.
    pub(crate) fn begins(&self) -> bool {
        matches!(self.kind, EntryKind::Accepted | EntryKind::Imported)
    }

    pub(crate) fn is_end(&self) -> bool {
        matches!(self.kind, EntryKind::Answered | EntryKind::Unanswered)
    }
}

const KIND_MASK: u8 = 7;
/// The offset is written in full, because the record lies before its predecessor's place in another segment.
const FULL_OFFSET: u8 = 8;

/// Pointers as differences to the one before, which keeps most of them at four to six bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct PointerCodec {
    last: Pointer,
}

impl PointerCodec {
    pub(super) fn new() -> Self {
        Self { last: Pointer { lsn: Lsn(0), offset: 0, len: 0 } }
    }

    /// Whether `at` needs its offset in full; the caller keeps the answer in its tag.
    pub(super) fn is_full(&self, at: Pointer) -> bool {
        at.offset < self.last.offset
    }

    pub(super) fn put(&mut self, out: &mut Vec<u8>, at: Pointer) {
        put_varint(out, at.lsn.0.wrapping_sub(self.last.lsn.0));
        let base = if self.is_full(at) { 0 } else { self.last.offset };
        put_varint(out, u64::from(at.offset - base));
        put_varint(out, u64::from(at.len));
        self.last = at;
    }

    pub(super) fn read(&mut self, reader: &mut Reader<'_>, full: bool) -> Result<Pointer, CodecError> {
        let lsn = Lsn(self.last.lsn.0.wrapping_add(reader.varint()?));
        let base = if full { 0 } else { self.last.offset };
        let offset = base.checked_add(reader.varint_u32()?).ok_or(CodecError::Overlong)?;
        self.last = Pointer { lsn, offset, len: reader.varint_u32()? };
        Ok(self.last)
    }
}

/// Writes entries, oldest first; their times as differences, the first to `since_ms`.
pub(super) fn put_entries(out: &mut Vec<u8>, entries: &[Entry], since_ms: i64) {
    let mut pointers = PointerCodec::new();
    let mut last_ms = since_ms;
    for entry in entries {
        let kind = match entry.kind {
            EntryKind::Accepted => 0,
            EntryKind::Steps { .. } => 1,
            EntryKind::Answered => 2,
            EntryKind::Unanswered => 3,
            EntryKind::Imported => 4,
            EntryKind::Note => 5,
        };
        out.push(kind | if pointers.is_full(entry.at) { FULL_OFFSET } else { 0 });
        pointers.put(out, entry.at);
        if entry.begins() {
            put_signed(out, entry.at_ms.wrapping_sub(last_ms));
            last_ms = entry.at_ms;
        } else {
            put_varint(out, entry.at.lsn.0.saturating_sub(entry.run.0));
        }
        if let EntryKind::Steps { messages, first } = entry.kind {
            put_varint(out, u64::from(messages));
            put_varint(out, u64::from(first));
        }
    }
}

/// Reads what [`put_entries`] wrote, to the end of the bytes.
pub(super) fn read_entries(mut reader: Reader<'_>, since_ms: i64) -> Result<Vec<Entry>, CodecError> {
    let mut pointers = PointerCodec::new();
    let mut last_ms = since_ms;
    let mut entries = Vec::new();
    while !reader.is_empty() {
        let tag = reader.byte()?;
        if tag & !(KIND_MASK | FULL_OFFSET) != 0 {
            return Err(CodecError::Unknown { what: "index entry", value: tag });
        }
        let at = pointers.read(&mut reader, tag & FULL_OFFSET != 0)?;
        let kind = tag & KIND_MASK;
        let (mut run, mut at_ms) = (at.lsn, 0);
        if matches!(kind, 0 | 4) {
            last_ms = last_ms.wrapping_add(reader.signed()?);
            at_ms = last_ms;
        } else {
            run = Lsn(at.lsn.0.saturating_sub(reader.varint()?));
        }
        let kind = match kind {
            0 => EntryKind::Accepted,
            1 => EntryKind::Steps { messages: reader.varint_u32()?, first: reader.varint_u32()? },
            2 => EntryKind::Answered,
            3 => EntryKind::Unanswered,
            4 => EntryKind::Imported,
            5 => EntryKind::Note,
            value => return Err(CodecError::Unknown { what: "index entry", value }),
        };
        entries.push(Entry { at, run, kind, at_ms });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lsn: u64, offset: u32, len: u32) -> Pointer {
        Pointer { lsn: Lsn(lsn), offset, len }
    }

    #[test]
    fn entries_come_back_across_segments() {
        let entry = |at: Pointer, run, kind, at_ms| Entry { at, run: Lsn(run), kind, at_ms };
        let entries = [
            entry(at(7, 1000, 40), 7, EntryKind::Accepted, 1_774_000_000_000),
            entry(at(9, 1300, 4), 7, EntryKind::Steps { messages: 2, first: 5 }, 0),
            entry(at(10, 1310, 40), 7, EntryKind::Note, 0),
            entry(at(12, 64, 300), 7, EntryKind::Answered, 0),
            entry(at(1 << 40, u32::MAX, u32::MAX), 3, EntryKind::Unanswered, 0),
            entry(at(1 << 39, 100, 20), 1 << 39, EntryKind::Imported, -5),
        ];
        for since_ms in [0, 1_774_000_000_000, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put_entries(&mut out, &entries, since_ms);
            assert_eq!(read_entries(Reader::new(&out), since_ms).unwrap(), entries);
            assert!(read_entries(Reader::new(&out[..out.len() - 1]), since_ms).is_err());
        }
        assert!(read_entries(Reader::new(&[0x80]), 0).is_err());
    }
}
