//! Taking in messages that were said elsewhere.

use std::collections::{HashMap, HashSet};

use openclaw_core::{
    ForeignMessage, MessageId, Role, RunId,
    port::{Imported, MemoryError},
};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use crate::{
    index::{Change, short_hash},
    record::{Channel, ConvKey, ImportedRecord, Record, encode_imported, made_name},
    store::{Core, Item, error},
    wal::Pointer,
};

/// The id of a message that has none: the same message gets the same one each time.
fn make_id(message: &ForeignMessage) -> Result<MessageId, MemoryError> {
    let role = match message.role {
        Role::System => 0_u8,
        Role::User => 1,
        Role::Assistant => 2,
        Role::Tool => 3,
    };
    let conversation = message.conversation.as_str();
    let hash = Sha256::new()
        .chain_update((conversation.len() as u64).to_le_bytes())
        .chain_update(conversation)
        .chain_update([role])
        .chain_update(message.timestamp.unix_millis().to_le_bytes())
        .chain_update(&message.content)
        .finalize();
    let id = made_name(hash.first_chunk().copied().unwrap_or_default());
    id.parse().map_err(|_| MemoryError::Invalid { field: "id", rule: "can't be made".to_owned() })
}

impl Core {
    /// Takes in what is not there yet, in one go. A crash may leave a part of it, which the same call then completes.
    pub(super) fn import(
        &self,
        messages: Vec<ForeignMessage>,
        runtime: &Handle,
    ) -> Result<Imported, MemoryError> {
        let _alone = self.maintain();
        let mut counts = Imported::default();
        let mut taken: HashMap<MessageId, ConvKey> = HashMap::new();
        let mut records = Vec::with_capacity(messages.len());
        let conversations: HashSet<ConvKey> =
            messages.iter().map(|message| ConvKey::of(&message.conversation)).collect();
        let keys = self.make_slots(conversations.iter())?;
        for message in messages {
            let conversation = ConvKey::of(&message.conversation);
            let home_of = |id: &MessageId| match taken.get(id) {
                Some(home) => Ok(Some(home.clone())),
                None => self.home_of(id),
            };
            let mut id = match &message.id {
                Some(id) => id.clone(),
                None => make_id(&message)?,
            };
            let mut home = home_of(&id)?;
            if home.as_ref().is_some_and(|home| *home != conversation) {
                // Ids that are counted within each conversation: it is another message, and must not get lost.
                id = make_id(&message)?;
                home = home_of(&id)?;
            }
            if home.is_some() {
                counts.skipped += 1;
                continue;
            }
            let record = ImportedRecord {
                conversation,
                channel: Channel::of(&message.channel),
                role: message.role,
                at_ms: message.timestamp.unix_millis(),
                id: id.clone(),
                content: &message.content,
            };
            let payload = self.seal_with(&keys, &record.conversation, encode_imported(&record))?;
            let ImportedRecord { conversation, channel, at_ms, .. } = record;
            taken.insert(id.clone(), conversation.clone());
            let change = Change::Imported { conversation, channel, at_ms, id: short_hash(id.as_str()) };
            records.push((payload, Item { change, _held: None }));
        }
        counts.imported = records.len() as u64;
        runtime.block_on(self.append_together(records))?;
        Ok(counts)
    }

    /// Appends records that share as few syncs as the log's batches allow.
    pub(super) async fn append_together(&self, records: Vec<(Vec<u8>, Item)>) -> Result<(), MemoryError> {
        let mut tickets = Vec::with_capacity(records.len());
        let last = records.len().saturating_sub(1);
        for (index, (payload, item)) in records.into_iter().enumerate() {
            let slot = self.wal.reserve(payload.len()).await.map_err(error::append)?;
            let queued =
                if index == last { slot.append(payload, item) } else { slot.append_with_next(payload, item) };
            tickets.push(queued.map_err(|(refused, _)| error::append(refused))?);
        }
        for ticket in tickets {
            ticket.await.map_err(error::append)?;
        }
        Ok(())
    }

    /// Whether a message of this id is there, said here or elsewhere.
    pub(in crate::store) fn holds_message(&self, id: &MessageId) -> Result<bool, MemoryError> {
        Ok(self.home_of(id)?.is_some())
    }

    /// The conversation that the message of this id is in, said here or elsewhere.
    pub(super) fn home_of(&self, id: &MessageId) -> Result<Option<ConvKey>, MemoryError> {
        if let Some(run) = RunId::of_message(id)
            && let Some((_, conversation)) = self.locate(run)?
        {
            return Ok(Some(conversation));
        }
        Ok(self.find_import(id)?.map(|(_, conversation)| conversation))
    }

    /// Where an imported message lies, and its conversation.
    pub(in crate::store) fn find_import(
        &self,
        id: &MessageId,
    ) -> Result<Option<(Pointer, ConvKey)>, MemoryError> {
        let candidates = self.projections.import_candidates(&short_hash(id.as_str()));
        for at in candidates.map_err(|e| self.index_failed(e))? {
            let Some(payload) = self.payload(at)? else { continue };
            if let Ok(Record::Imported(record)) = Record::decode(&payload)
                && record.id == *id
            {
                return Ok(Some((at, record.conversation)));
            }
        }
        Ok(None)
    }
}
