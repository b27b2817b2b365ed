//! What search says of a document it found.

use openclaw_core::{Role, Timestamp, port::MemoryError};

use super::{Core, curation::Moment, messages_of};
use crate::{
    record::{ConvKey, Record, RememberedRecord, Scope, text_of},
    wal::Pointer,
};

/// A document as it is shown: a message, or a remembered entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    /// Id of the message or the entry.
    pub(crate) id: String,
    /// What it says, without an entry's tags.
    pub(crate) text: String,
    /// Who said it; `None`: a remembered entry.
    pub(crate) role: Option<Role>,
    pub(crate) timestamp: Timestamp,
    pub(crate) conversation: Option<ConvKey>,
    /// Channel of that conversation.
    pub(crate) channel: Option<String>,
}

impl Core {
    /// The document number `part` of a record of a conversation. `None`: erased since it was found, or not to be shown.
    pub(crate) fn describe(
        &self,
        at: Pointer,
        payload: &[u8],
        conversation: Option<ConvKey>,
        part: u32,
    ) -> Result<Option<Described>, MemoryError> {
        let Ok(record) = Record::decode(payload) else { return Ok(None) };
        if let Record::Remembered(entry) = &record {
            return self.describe_entry(at, entry);
        }
        let Some(conversation) = conversation else { return Ok(None) };
        let import_ms = if let Record::Imported(imported) = &record { Some(imported.at_ms) } else { None };
        let Some(view) = self.conversation_view(&conversation)? else { return Ok(None) };
        let Some(entry) = self.entry(&conversation, at, import_ms)? else { return Ok(None) };
        let Ok(messages) = messages_of(&entry, &record, Scope::Prompt) else {
            return Ok(None);
        };
        Ok(messages.get(part as usize).map(|message| Described {
            id: message.id.as_str().to_owned(),
            text: text_of(&message.content),
            role: Some(message.role),
            timestamp: message.timestamp,
            conversation: Some(conversation),
            channel: Some(view.channel.as_str().to_owned()),
        }))
    }

    fn describe_entry(
        &self,
        at: Pointer,
        entry: &RememberedRecord<'_>,
    ) -> Result<Option<Described>, MemoryError> {
        let row = self.projections.memory(entry.id).map_err(|e| self.index_failed(e))?;
        // What has run out, or has a successor, is no answer any more.
        let Some(row) = row.filter(|row| row.at == at) else { return Ok(None) };
        if !self.is_live(entry.id, &row, Moment::now()).map_err(|e| self.index_failed(e))? {
            return Ok(None);
        }
        let view = match &entry.conversation {
            Some(conversation) => self.conversation_view(conversation)?,
            None => None,
        };
        Ok(Some(Described {
            id: entry.id.to_string(),
            text: entry.content.to_owned(),
            role: None,
            timestamp: entry.id.created_at(),
            conversation: entry.conversation.clone(),
            channel: view.map(|view| view.channel.as_str().to_owned()),
        }))
    }
}
