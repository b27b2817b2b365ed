//! Erasing: log the intent, take it out of sight, overwrite it in place.
//!
//! The intent is durable before anything is touched, and no checkpoint passes it before the overwriting is done. So a crash
//! at any point is followed by a replay that meets the intent and finishes.

use std::sync::atomic::Ordering;

use openclaw_core::{ConversationId, Erased, Lsn, port::MemoryError};
use tokio::runtime::Handle;

use super::{
    Core, Item, OpenError, Turn, Unfinished, curation::plan_forgetting, error, prune, replay::Found,
};
use crate::{
    compaction::Removed,
    index::{Change, Effect, Entry, IndexError, MemoryChange, Projections},
    record::{ConvKey, ForgottenRecord, encode_forgotten},
    wal::{ChangeError, Damage},
};

/// What a start did about interrupted erasures.
#[derive(Debug)]
pub(super) struct Redone {
    /// Records that were, or are still to be, erased.
    pub(super) records: usize,
    /// Places that hold something else than what was to be erased.
    pub(super) wrong: Vec<Damage>,
}

fn damage(error: ChangeError) -> Option<Damage> {
    let ChangeError::Mismatch { path, offset, lsn } = error else { return None };
    Some(Damage { path, offset, bytes: 0, lost: lsn..lsn, maybe_unacknowledged: false })
}

/// What erasing a conversation removes of what the projections know before `until`. `None`: it does not exist.
pub(super) fn plan_erasure(
    projections: &Projections,
    conversation: &ConvKey,
    until: Lsn,
) -> Result<Option<(Effect, Vec<Entry>)>, IndexError> {
    let mut entries = projections.tail(conversation, usize::MAX)?;
    if entries.is_empty() {
        return Ok(None);
    }
    entries.retain(|entry| entry.at.lsn < until);
    let begun_ms = projections.conversation(conversation)?.map_or(i64::MIN, |view| view.created_ms);
    let effect = Effect {
        conversation: conversation.clone(),
        seen: Lsn(until.0.saturating_sub(1)),
        keep: None,
        removed: entries.iter().map(Entry::messages).sum(),
        begun_ms,
    };
    Ok(Some((effect, entries)))
}

impl Core {
    /// Erases a conversation. Blocks; runs to its end even if nobody waits any more.
    pub(super) fn erase(&self, id: &ConversationId, runtime: &Handle) -> Result<Option<Erased>, MemoryError> {
        Ok(self.erase_counting(id, runtime)?.map(|(erased, _)| erased))
    }

    /// The same; tells how many bytes of records went.
    pub(super) fn erase_counting(
        &self,
        id: &ConversationId,
        runtime: &Handle,
    ) -> Result<Option<(Erased, u64)>, MemoryError> {
        let (_turn, mut unfinished) = self.remove();
        self.overwrite(&mut unfinished)?;
        let conversation = ConvKey::of(id);
        let until = Lsn(self.projections.last().map_or(0, |at| at.lsn.0) + 1);
        let planned =
            plan_erasure(&self.projections, &conversation, until).map_err(|e| self.index_failed(e))?;
        let made_of_it = plan_forgetting(&self.projections, &mut |_, row| {
            Ok(row.conversation.as_ref() == Some(&conversation))
        });
        let made_of_it = made_of_it.map_err(|e| self.index_failed(e))?;
        // Something may be remembered of a conversation in which nothing was said, or is any more.
        if planned.is_none() && made_of_it.memories.is_empty() {
            return Ok(None);
        }
        let (effect, entries) = planned.unzip();
        let entries = entries.unwrap_or_default();
        let removed = effect.as_ref().map_or(0, |effect| effect.removed);
        let going = entries.iter().map(|entry| entry.at).chain(made_of_it.records.iter().copied());
        let mut keys = self.slots_at(going).map_err(error::read)?;
        self.relink(&made_of_it, runtime)?;
        self.begin_erasure(&conversation);
        let totals = self.projections.totals();
        let entries_gone = made_of_it.memories.len() as u64;
        let records = entries.iter().map(|entry| entry.at).chain(made_of_it.records).collect();
        let intent = ForgottenRecord {
            before_ms: None,
            keeps_lines: false,
            conversations: vec![conversation.clone()],
            memories: made_of_it.memories,
            totals,
            records,
        };
        let effects = (effect.into_iter().collect(), made_of_it.changes);
        let logged = self.log_intent(&intent, effects, runtime);
        self.end_erasure(&conversation);
        logged?;
        // What was said between the plan and the intent goes too.
        let doomed = self.projections.take_doomed();
        let messages = removed + doomed.iter().map(Entry::messages).sum::<u64>();
        self.cache.remove(entries.iter().chain(&doomed).map(|entry| entry.at.lsn));
        let said_since: Vec<_> = doomed.iter().map(|entry| entry.at).collect();
        unfinished.owe(&intent.records, &intent.memories, false);
        unfinished.owe(&said_since, &[], false);
        unfinished.keys.append(&mut keys);
        let bytes = unfinished.records.iter().map(|at| u64::from(at.len)).sum();
        if !doomed.is_empty() {
            let more = ForgottenRecord {
                before_ms: None,
                keeps_lines: false,
                conversations: Vec::new(),
                memories: Vec::new(),
                totals,
                records: said_since,
            };
            self.log_intent(&more, (Vec::new(), Vec::new()), runtime)?;
            unfinished.keys.extend(self.slots_at(more.records.iter().copied()).map_err(error::read)?);
        }
        let lines = self.overwrite(&mut unfinished)?.lines;
        self.remove_copies()?;
        self.look_up_oldest();
        Ok(Some((Erased { messages, memories: entries_gone + lines }, bytes)))
    }

    /// From here on no record of the conversation is queued until the erasure is logged.
    pub(super) fn begin_erasure(&self, conversation: &ConvKey) {
        let mut in_flight = self.order.lock();
        in_flight.erase(conversation);
        self.sealing.turn(conversation);
    }

    pub(super) fn end_erasure(&self, conversation: &ConvKey) {
        let mut in_flight = self.order.lock();
        in_flight.erased(conversation);
        self.sealing.turn(conversation);
    }

    /// Removes what repairs set aside: it may hold what was removed just now, and nobody can tell from damaged bytes.
    pub(super) fn remove_copies(&self) -> Result<(), MemoryError> {
        let path = self.dir.join("damaged");
        match std::fs::remove_dir_all(&path) {
            Ok(()) => {
                tracing::warn!(path = %path.display(), "removed the copies of damaged files, which may hold what was erased");
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(MemoryError::Io { path, source }),
        }
    }

    /// Makes the intent durable; when this returns `Ok`, the projections have followed it.
    pub(super) fn log_intent(
        &self,
        intent: &ForgottenRecord,
        (effects, memories): (Vec<Effect>, Vec<MemoryChange>),
        runtime: &Handle,
    ) -> Result<(), MemoryError> {
        let payload = encode_forgotten(intent);
        let item = Item { change: Change::Forgotten(effects, memories), _held: None };
        runtime.block_on(self.wal.append_urgent(payload, item)).map_err(error::append)?;
        self.projections.raise_pruned(intent);
        Ok(())
    }

    /// Carries out what was forgotten and is not yet gone; returns what of the Markdown went. A wrong pointer fails this
    /// call, but is not tried again. To be called with the Markdown's turn.
    pub(super) fn overwrite(&self, unfinished: &mut Unfinished) -> Result<Removed, MemoryError> {
        let (lines, wrong) = self.overwrite_what_is_there(unfinished)?;
        match wrong.into_iter().next() {
            None => Ok(lines),
            Some(wrong) => {
                tracing::error!(error = %wrong, "the index named a wrong place; it is built anew");
                self.condemn_index();
                Err(error::change(wrong))
            }
        }
    }

    /// The same, passing over wrong pointers, which it returns.
    fn overwrite_what_is_there(
        &self,
        unfinished: &mut Unfinished,
    ) -> Result<(Removed, Vec<ChangeError>), MemoryError> {
        if unfinished.is_empty() {
            return Ok((Removed::default(), Vec::new()));
        }
        let lines = self.erase_lines(unfinished)?;
        // Before the records, which say which keys these are should a crash come in between; after the lines, for which the records
        // still have to be read.
        if let Some(vault) = self.vault() {
            for slot in &unfinished.keys {
                let destroyed = vault.destroy(*slot);
                destroyed.map_err(|failure| error::change(error::undestroyed(failure, &self.dir)))?;
            }
        }
        unfinished.keys.clear();
        let wrong = self.wal.erase_what_is_there(&unfinished.records).map_err(error::change)?;
        // Afterwards: whoever still reads the log for an index finds nothing any more.
        self.words.forget(&unfinished.records).map_err(error::change)?;
        if let Some(semantic) = &self.semantic {
            semantic.forget(&unfinished.records).map_err(error::change)?;
        }
        unfinished.done();
        self.erased.store(true, Ordering::Relaxed);
        Ok((lines, wrong))
    }

    /// Takes what was pruned out of the projections, after a replay.
    pub(super) fn forget_pruned(&self, prunings: &[ForgottenRecord]) -> Result<(), IndexError> {
        for intent in prunings {
            let listed = intent.records.iter().map(|at| at.lsn).collect();
            let Some(before_ms) = intent.before_ms else { continue };
            for conversation in &intent.conversations {
                if let Some(plan) = prune::plan(self, conversation, before_ms, Some(&listed))? {
                    self.projections.forget(&[plan.effect]);
                }
            }
        }
        Ok(())
    }

    /// Finishes at a start what a crash may have interrupted. What the disk refuses now is owed, and tried again with every
    /// checkpoint and removal: no reason not to start.
    pub(super) fn redo(&self, mut found: Found) -> Result<Redone, OpenError> {
        let _turn: Turn<'_> = self.turns.removal();
        let mut unfinished = self.maintain();
        let index_failed = |error| OpenError::index(self.dir.join("index"), error);
        let mut redone = Redone { records: found.redo.records.len(), wrong: Vec::new() };
        self.pass_over_finished(&mut found.redo);
        unfinished.take(&mut found.redo);
        match self.slots_at(found.keyed.iter().copied()) {
            Ok(mut keys) => unfinished.keys.append(&mut keys),
            Err(error) => {
                tracing::error!(%error, "keys of what was erased can't be found; they are destroyed by the next start")
            }
        }
        self.forget_pruned(&found.prunings).map_err(index_failed)?;
        match self.overwrite_what_is_there(&mut unfinished) {
            Ok((_, wrong)) => redone.wrong = wrong.into_iter().filter_map(damage).collect(),
            Err(error) => tracing::error!(
                %error, records = unfinished.records.len(),
                "AN ERASURE IS NOT FINISHED: what was deleted is hidden but still on the disk; it is tried again, check the disk"
            ),
        }
        for wrong in &redone.wrong {
            tracing::error!(path = %wrong.path.display(), offset = wrong.offset, lsn = wrong.lost.start.0,
                "an erasure names a record that is not there; it was passed over");
        }
        Ok(redone)
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::{Metadata, NewRun, RunId, config::MemoryConfig, port::MemoryPort as _};

    use super::*;
    use crate::{store::Memory, wal::Pointer};

    #[test]
    fn a_wrong_place_in_an_intent_is_reported_and_stops_no_start() {
        let dir = tempfile::tempdir().unwrap();
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let memory = Memory::open(dir.path(), &config).unwrap().0;
        let id = RunId::generate();
        let run = NewRun {
            id,
            conversation: id.new_conversation_id(),
            channel: "api".to_owned(),
            text: "stays".to_owned(),
            metadata: Metadata::default(),
            idempotency_key: None,
        };
        runtime.block_on(memory.accept_run(run)).unwrap();
        let core = memory.core();
        let right = core.projections.last().unwrap();
        let records = vec![
            Pointer { offset: right.offset + 3, ..right },
            Pointer { offset: 1 << 30, ..right },
            Pointer { lsn: Lsn(1 << 40), ..right },
        ];
        let intent = ForgottenRecord {
            before_ms: None,
            keeps_lines: false,
            conversations: Vec::new(),
            memories: Vec::new(),
            totals: (0, 0),
            records,
        };
        core.log_intent(&intent, (Vec::new(), Vec::new()), runtime.handle()).unwrap();
        drop(memory);
        let (memory, report) = Memory::open(dir.path(), &config).unwrap();
        let places: Vec<_> = report.damaged.iter().map(|damage| damage.offset).collect();
        assert_eq!(places, [u64::from(right.offset) + 3, 1 << 30]);
        let found = runtime.block_on(memory.recent(&id.new_conversation_id(), 10, 1000)).unwrap();
        assert_eq!(found.first().unwrap().text(), "stays");
    }
}
