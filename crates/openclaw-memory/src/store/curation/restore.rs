//! Taking in entries under their own ids: what an export gave out comes back as it was.

use std::collections::{HashMap, HashSet};

use openclaw_core::{
    ForeignMemory, MemoryEntry, MemoryId, MemoryKind, Timestamp,
    port::{Imported, MemoryError},
};
use tokio::runtime::Handle;

use super::remember::{check_entry, memory_changes, supersede_changes};
use crate::{
    index::{Change, IndexError, MemoryChange},
    record::{Changed, ChangedRecord, ConvKey, RememberedRecord, encode_changed, encode_remembered},
    store::{Core, Item},
    vault::Slot,
};

/// Records on their way that are about different entries, so that none needs the index to know another one.
#[derive(Default)]
struct Batch {
    records: Vec<(Vec<u8>, Item)>,
    about: HashSet<MemoryId>,
}

impl Core {
    /// Takes in what is not there yet. A crash may leave a part of it, which the same call then completes.
    pub(super) fn restore(
        &self,
        memories: &[ForeignMemory],
        runtime: &Handle,
    ) -> Result<Imported, MemoryError> {
        for memory in memories {
            let MemoryEntry { content, importance, tags, sources, .. } = &memory.entry;
            check_entry(content, *importance, tags, sources)?;
        }
        let _alone = self.maintain();
        let mut conversations = Vec::new();
        for entry in memories.iter().map(|memory| &memory.entry) {
            if let Some(conversation) = &entry.conversation
                && !self.is_known(entry.id)?
            {
                conversations.push(ConvKey::of(conversation));
            }
        }
        let keys = self.make_slots(conversations.iter())?;
        let (mut batch, mut taken) = (Batch::default(), HashSet::new());
        for memory in memories {
            let id = memory.entry.id;
            if !batch.about.contains(&id) && self.is_known(id)? {
                continue;
            }
            if batch.about.contains(&id) || memory.supersedes.is_some_and(|it| batch.about.contains(&it)) {
                self.send(&mut batch, runtime)?;
                if self.is_known(id)? {
                    continue;
                }
            }
            self.restore_one(memory, &keys, &mut batch)?;
            taken.insert(id);
        }
        self.send(&mut batch, runtime)?;
        // What became of them: all that are to be there are now.
        for MemoryEntry { id, completed_at, superseded_by, .. } in memories.iter().map(|memory| &memory.entry)
        {
            let completed = completed_at.map(|at| (at, Changed::Completed));
            let superseded = superseded_by.map(|by| (by.created_at(), Changed::Superseded(by)));
            for (at, what) in completed.into_iter().chain(superseded) {
                // Whether a chain would lead back to its beginning is seen only when all of it is there.
                if batch.about.contains(id) || matches!(what, Changed::Superseded(_)) {
                    self.send(&mut batch, runtime)?;
                }
                if self.becomes(*id, what)? {
                    self.change_in(&mut batch, ChangedRecord { id: *id, at_ms: at.unix_millis(), what })?;
                    taken.insert(*id);
                }
            }
        }
        self.send(&mut batch, runtime)?;
        let imported = taken.len() as u64;
        Ok(Imported { imported, skipped: memories.len() as u64 - imported })
    }

    fn is_known(&self, id: MemoryId) -> Result<bool, MemoryError> {
        Ok(self.projections.memory(id).map_err(|e| self.index_failed(e))?.is_some())
    }

    fn restore_one(
        &self,
        memory: &ForeignMemory,
        keys: &HashMap<ConvKey, Slot>,
        batch: &mut Batch,
    ) -> Result<(), MemoryError> {
        let entry = &memory.entry;
        let mut record = RememberedRecord {
            id: entry.id,
            kind: entry.kind,
            importance: entry.importance,
            expires_ms: entry.expires_at.map(Timestamp::unix_millis),
            conversation: entry.conversation.as_ref().map(ConvKey::of),
            supersedes: None,
            tags: entry.tags.iter().map(String::as_str).collect(),
            sources: entry.sources.clone(),
            content: &entry.content,
        };
        // A place that another entry has here stays that one's.
        if let Some(earlier) = memory.supersedes
            && let Some(row) = self.projections.memory(earlier).map_err(|e| self.index_failed(e))?
            && row.superseded.is_none()
        {
            record.supersedes = Some(earlier);
        }
        let changes = memory_changes(&self.projections, &record).map_err(|e| self.index_failed(e))?;
        let payload = encode_remembered(&record);
        let payload = match &record.conversation {
            Some(conversation) => self.seal_with(keys, conversation, payload)?,
            None => self.seal(None, payload)?,
        };
        batch.push(payload, changes);
        Ok(())
    }

    fn change_in(&self, batch: &mut Batch, record: ChangedRecord) -> Result<(), MemoryError> {
        let changes = supersede_changes(&self.projections, &record).map_err(|e| self.index_failed(e))?;
        batch.push(encode_changed(&record), changes);
        Ok(())
    }

    /// Whether an entry that is there has yet to become this.
    fn becomes(&self, id: MemoryId, what: Changed) -> Result<bool, MemoryError> {
        let find = || -> Result<bool, IndexError> {
            let Some(row) = self.projections.memory(id)? else { return Ok(false) };
            let mut next = match what {
                Changed::Completed => return Ok(row.kind == MemoryKind::Task && row.completed.is_none()),
                Changed::Superseded(_) if row.superseded.is_some() => return Ok(false),
                Changed::Superseded(by) => Some(by),
            };
            // No chain may lead back to its beginning; nor to an entry that is not there.
            while let Some(by) = next {
                let Some(row) = self.projections.memory(by)?.filter(|_| by != id) else { return Ok(false) };
                next = row.superseded.map(|(by, _)| by);
            }
            Ok(true)
        };
        find().map_err(|e| self.index_failed(e))
    }

    fn send(&self, batch: &mut Batch, runtime: &Handle) -> Result<(), MemoryError> {
        let Batch { records, .. } = std::mem::take(batch);
        runtime.block_on(self.append_together(records))
    }
}

impl Batch {
    fn push(&mut self, payload: Vec<u8>, changes: Vec<MemoryChange>) {
        self.about.extend(changes.iter().map(|change| change.id));
        self.records.push((payload, Item { change: Change::Memories(changes), _held: None }));
    }
}
