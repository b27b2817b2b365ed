//! What a run's prompt was made of.

use openclaw_core::{
    RunId,
    port::{ContextNote, MemoryError},
};

use crate::{
    index::{Change, EntryKind, short_hash},
    record::{Record, encode_note},
    store::{Core, Item, Memory, error, order::Claim},
};

/// Records of a conversation to look through first for those of one run.
const FIRST_LOOK: usize = 64;

impl Memory {
    /// Queues a note without waiting for the disk: it is written with the run's next record, and so before its end.
    pub(in crate::store) async fn note(&self, run: RunId, note: &ContextNote) -> Result<(), MemoryError> {
        let core = &self.core;
        let mut payload = encode_note(run, note);
        let Some(sealed) = self.seal_of_run(run, &mut payload).await? else {
            return Err(MemoryError::UnknownRun(run));
        };
        let payload = sealed.payload;
        let uses = note.memories.iter().map(|memory| short_hash(&memory.id)).collect();
        let slot = core.wal.reserve(payload.len()).await.map_err(error::append)?;
        let ticket = {
            let in_flight = core.order.lock();
            let pending = core.projections.pending_conversation(run);
            let pending = pending.filter(|conversation| !in_flight.is_erasing(conversation));
            if pending.is_none() || in_flight.is_claimed(Claim::End(run)) {
                return Err(MemoryError::UnknownRun(run));
            }
            slot.append_with_next(payload, Item { change: Change::Noted { run, uses }, _held: None })
        };
        // Written even if nobody waits for it.
        drop(ticket.map_err(|(refused, _)| error::append(refused))?);
        Ok(())
    }
}

impl Core {
    /// The latest note of a run.
    pub(in crate::store) fn context_note(&self, run: RunId) -> Result<Option<ContextNote>, MemoryError> {
        let Some((accepted, conversation)) = self.locate(run)? else { return Ok(None) };
        let mut limit = FIRST_LOOK;
        loop {
            let entries = self.projections.tail(&conversation, limit).map_err(|e| self.index_failed(e))?;
            let own =
                |entry: &&crate::index::Entry| entry.run == accepted.lsn && entry.kind == EntryKind::Note;
            if let Some(entry) = entries.iter().find(own) {
                let Some(payload) = self.payload(entry.at)? else { return Ok(None) };
                let record = Record::decode(&payload).map_err(|e| self.senseless(entry.at, e))?;
                let Record::Note(record) = record else { return Ok(None) };
                return record.note().map(Some).map_err(|e| self.senseless(entry.at, e));
            }
            // Nothing of a run lies before the record that accepted it.
            let past = entries.iter().any(|entry| entry.at.lsn == accepted.lsn);
            if past || entries.len() < limit {
                return Ok(None);
            }
            limit = limit.saturating_mul(8);
        }
    }
}
