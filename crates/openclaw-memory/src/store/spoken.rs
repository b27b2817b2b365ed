//! The texts of records, each with the conversation and the channel it belongs to: what both indexes are given.

use std::{collections::HashMap, ops::Range};

use openclaw_core::{Lsn, RunId, port::MemoryError};

use super::{Core, error};
use crate::{
    record::{ConvKey, Home, Record, documents},
    wal::Pointer,
};

/// Channels of conversations that are remembered on the way.
const CHANNELS: usize = 1024;

/// One text of a record.
pub(super) struct Spoken {
    pub(super) at: Pointer,
    /// Which document of the record.
    pub(super) part: u32,
    pub(super) at_ms: i64,
    /// Whether it was remembered on purpose, and was not said in a conversation.
    pub(super) is_entry: bool,
    /// 0 to 1.
    pub(super) importance: f32,
    pub(super) conversation: Option<ConvKey>,
    /// Of that conversation; empty: there is none.
    pub(super) channel: String,
    pub(super) text: String,
}

impl Core {
    /// The texts of some records, in order; what was erased by now is left out. Blocks.
    pub(super) fn spoken(&self, records: &Range<u64>) -> Result<Vec<Spoken>, MemoryError> {
        let mut all = Vec::new();
        let mut channels: HashMap<ConvKey, String> = HashMap::new();
        // A run's end is mostly near its beginning.
        let mut runs: HashMap<RunId, ConvKey> = HashMap::new();
        let mut scan = self.reader().scan(Lsn(records.start)..Lsn(records.end));
        while let Some(found) = scan.next_record().map_err(error::read)? {
            let Some(payload) = found.payload else { continue };
            let Ok(record) = Record::decode(payload) else { continue };
            if let Record::Accepted(accepted) = &record {
                runs.insert(accepted.run, accepted.conversation.clone());
            }
            let importance = match &record {
                Record::Remembered(entry) => entry.importance,
                _ => 0.5,
            };
            let mut texts = Vec::new();
            documents(&record, &mut |document| texts.push(document));
            texts.retain(|document| !document.text.trim().is_empty());
            for document in texts {
                let conversation = match document.home {
                    Home::Conversation(key) => Some(key.clone()),
                    Home::Run(run) => match runs.get(&run) {
                        Some(conversation) => Some(conversation.clone()),
                        None => match self.locate(run)? {
                            Some((_, conversation)) => Some(conversation),
                            // Erased by now.
                            None => continue,
                        },
                    },
                    Home::Nowhere => None,
                };
                let channel = match &conversation {
                    Some(key) => self.channel_of(key, &mut channels)?,
                    None => String::new(),
                };
                all.push(Spoken {
                    at: found.pointer,
                    part: document.part,
                    at_ms: document.at_ms,
                    is_entry: document.role.is_none(),
                    importance,
                    conversation,
                    channel,
                    text: document.text.into_owned(),
                });
            }
        }
        Ok(all)
    }

    fn channel_of(
        &self,
        conversation: &ConvKey,
        known: &mut HashMap<ConvKey, String>,
    ) -> Result<String, MemoryError> {
        if let Some(channel) = known.get(conversation) {
            return Ok(channel.clone());
        }
        let view = self.conversation_view(conversation)?;
        let channel = view.map_or(String::new(), |view| view.channel.as_str().to_owned());
        if known.len() >= CHANNELS {
            known.clear();
        }
        known.insert(conversation.clone(), channel.clone());
        Ok(channel)
    }
}
