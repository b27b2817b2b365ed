//! The records that one search reads: each once, though its neighbours are looked up and it is described.

use std::collections::{HashMap, hash_map::Entry};

use openclaw_core::{Lsn, port::MemoryError};

use crate::{
    record::{ConvKey, Record},
    store::Core,
    wal::Pointer,
};

/// Bytes of payloads kept for the rest of a search.
const KEPT_BYTES: usize = 1 << 20;

/// A record as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) at: Pointer,
    pub(super) payload: Vec<u8>,
    /// Its conversation, once it was looked up; `None` in it: it has none, or is erased.
    conversation: Option<Option<ConvKey>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Records {
    read: HashMap<Lsn, Option<Read>>,
    bytes: usize,
}

impl Records {
    /// The record at a place; `None`: it was erased, or is damaged. Blocks.
    pub(super) fn get(
        &mut self,
        core: &Core,
        lsn: Lsn,
        offset: u32,
    ) -> Result<Option<&mut Read>, MemoryError> {
        if self.bytes > KEPT_BYTES {
            self.read.clear();
            self.bytes = 0;
        }
        let read = match self.read.entry(lsn) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let read = core.payload_at(lsn, offset)?;
                self.bytes += read.as_ref().map_or(0, |(_, payload)| payload.len());
                new.insert(read.map(|(at, payload)| Read { at, payload, conversation: None }))
            }
        };
        Ok(read.as_mut())
    }
}

impl Read {
    /// In which conversation it was said; `None`: in none, or it is erased. Blocks the first time.
    pub(super) fn conversation(&mut self, core: &Core) -> Result<Option<&ConvKey>, MemoryError> {
        if self.conversation.is_none() {
            self.conversation = Some(core.conversation_of(&self.payload)?);
        }
        Ok(self.conversation.as_ref().and_then(Option::as_ref))
    }
}

impl Core {
    fn conversation_of(&self, payload: &[u8]) -> Result<Option<ConvKey>, MemoryError> {
        Ok(match Record::decode(payload) {
            Ok(Record::Accepted(record)) => Some(record.conversation),
            Ok(Record::Imported(record)) => Some(record.conversation),
            Ok(record @ (Record::Steps(_) | Record::Ended(_))) => match record.run() {
                Some(run) => self.locate(run)?.map(|(_, conversation)| conversation),
                None => None,
            },
            _ => None,
        })
    }
}
