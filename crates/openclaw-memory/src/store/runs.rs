//! Reading runs back.

use openclaw_core::{ContentBlock, NewRun, RunId, RunRecord, RunState, Timestamp, port::MemoryError};

use super::{Core, read};
use crate::{
    index::{ConvView, Entry, EntryKind, Pending},
    record::{ConvKey, Record},
    wal::Pointer,
};

/// Records of a conversation to look through first for those of one run.
const FIRST_LOOK: usize = 64;

impl Core {
    /// Where the record that accepted a run lies, and the run's conversation.
    pub(crate) fn locate(&self, run: RunId) -> Result<Option<(Pointer, ConvKey)>, MemoryError> {
        for at in self.projections.run_candidates(run).map_err(|e| self.index_failed(e))? {
            let Some(payload) = self.payload(at)? else { continue };
            if let Ok(Record::Accepted(record)) = Record::decode(&payload)
                && record.run == run
            {
                return Ok(Some((at, record.conversation)));
            }
        }
        Ok(None)
    }

    /// The last records of a conversation, newest first.
    pub(crate) fn tail(&self, key: &ConvKey, most: usize) -> Result<Vec<Entry>, MemoryError> {
        self.projections.tail(key, most).map_err(|e| self.index_failed(e))
    }

    pub(crate) fn conversation_view(&self, key: &ConvKey) -> Result<Option<ConvView>, MemoryError> {
        self.projections.conversation(key).map_err(|e| self.index_failed(e))
    }

    /// The entry of a conversation's record; `None` when the conversation has no such record (any more). Imported messages lie
    /// by `import_ms`, the time at which this one was said if it is one, all else by the log.
    pub(crate) fn entry(
        &self,
        key: &ConvKey,
        at: Pointer,
        import_ms: Option<i64>,
    ) -> Result<Option<Entry>, MemoryError> {
        let reached = |entry: &&Entry| match import_ms {
            Some(at_ms) => {
                entry.kind == EntryKind::Imported && (entry.at_ms, entry.at.lsn) <= (at_ms, at.lsn)
            }
            None => entry.kind != EntryKind::Imported && entry.at.lsn <= at.lsn,
        };
        let mut limit = FIRST_LOOK;
        loop {
            let entries = self.projections.tail(key, limit).map_err(|e| self.index_failed(e))?;
            let found = entries.iter().find(reached);
            if found.is_some() || entries.len() < limit {
                return Ok(found.copied().filter(|entry| entry.at == at));
            }
            limit = limit.saturating_mul(8);
        }
    }

    pub(super) fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        if let Some(pending) = self.projections.pending(id) {
            return self.pending_record(id, &pending).map(Some);
        }
        let Some((accepted, conversation)) = self.locate(id)? else { return Ok(None) };
        let mut steps = Vec::new();
        for entry in self.entries_of_run(&conversation, accepted)? {
            let Some(payload) = self.payload(entry.at)? else { continue };
            let record = Record::decode(&payload).map_err(|e| self.senseless(entry.at, e))?;
            match &record {
                Record::Ended(end) => {
                    let outcome = end.outcome.to_outcome().map_err(|e| self.senseless(entry.at, e))?;
                    let at = Timestamp::from_unix_millis(record.times().1);
                    let state = RunState::Ended { outcome, at };
                    return Ok(Some(RunRecord { id, conversation: conversation.id(), state, steps }));
                }
                // Not something that it did.
                Record::Note(_) => {}
                other => steps.extend(read::blocks_of(other).map_err(|e| self.senseless(entry.at, e))?),
            }
        }
        // Erased since, or its end is damaged.
        Ok(None)
    }

    /// The entries of a run's records, oldest first, found from the conversation's end on.
    pub(super) fn entries_of_run(
        &self,
        conversation: &ConvKey,
        accepted: Pointer,
    ) -> Result<Vec<Entry>, MemoryError> {
        let mut limit = FIRST_LOOK;
        loop {
            let mut entries = self.projections.tail(conversation, limit).map_err(|e| self.index_failed(e))?;
            if entries.len() < limit || entries.iter().any(|entry| entry.at.lsn == accepted.lsn) {
                entries.retain(|entry| entry.run == accepted.lsn);
                entries.reverse();
                return Ok(entries);
            }
            limit = limit.saturating_mul(8);
        }
    }

    fn pending_record(&self, id: RunId, pending: &Pending) -> Result<RunRecord, MemoryError> {
        let mut steps: Vec<ContentBlock> = Vec::new();
        for at in &pending.steps {
            let Some(payload) = self.payload(*at)? else { continue };
            let record = Record::decode(&payload).map_err(|e| self.senseless(*at, e))?;
            steps.extend(read::blocks_of(&record).map_err(|e| self.senseless(*at, e))?);
        }
        let state = RunState::Pending { called_tools: pending.called_tools };
        Ok(RunRecord { id, conversation: pending.conversation.id(), state, steps })
    }

    pub(super) fn pending_runs(&self) -> Result<Vec<(NewRun, RunRecord)>, MemoryError> {
        let mut runs = Vec::new();
        for (id, pending) in self.projections.all_pending() {
            let Some(payload) = self.payload(pending.accepted)? else { continue };
            let record = Record::decode(&payload).map_err(|e| self.senseless(pending.accepted, e))?;
            let Record::Accepted(accepted) = record else { continue };
            let new = NewRun {
                id,
                conversation: accepted.conversation.id(),
                channel: accepted.channel.as_str().to_owned(),
                text: accepted.text.to_owned(),
                metadata: accepted.metadata().map_err(|e| self.senseless(pending.accepted, e))?,
                // Only its hash is kept.
                idempotency_key: None,
            };
            runs.push((new, self.pending_record(id, &pending)?));
        }
        Ok(runs)
    }
}
