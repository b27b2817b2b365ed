//! Erasing: log the intent, take it out of sight, overwrite it in place.
//!
//! The intent is durable before anything is touched, and no checkpoint passes it before the overwriting is done. So a crash
//! at any point is followed by a replay that meets the intent and finishes.

use openclaw_core::{ConversationId, Erased, Lsn, port::MemoryError};
use tokio::runtime::Handle;

use super::{Core, Item, OpenError, Unfinished, error, prune, replay::Found};
use crate::{
    index::{Change, Effect, Entry, IndexError, Projections},
    record::{ConvKey, ForgottenRecord, encode_forgotten},
    wal::ChangeError,
};

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
    let effect = Effect {
        conversation: conversation.clone(),
        seen: Lsn(until.0.saturating_sub(1)),
        keep: None,
        removed: entries.iter().map(Entry::messages).sum(),
    };
    Ok(Some((effect, entries)))
}

impl Core {
    /// Erases a conversation. Blocks; runs to its end even if nobody waits any more.
    pub(super) fn erase(&self, id: &ConversationId, runtime: &Handle) -> Result<Option<Erased>, MemoryError> {
        let mut unfinished = self.maintain();
        self.overwrite(&mut unfinished).map_err(error::change)?;
        let conversation = ConvKey::of(id);
        let until = Lsn(self.projections.last().map_or(0, |at| at.lsn.0) + 1);
        let planned =
            plan_erasure(&self.projections, &conversation, until).map_err(|e| self.index_failed(e))?;
        let Some((effect, entries)) = planned else { return Ok(None) };
        let removed = effect.removed;
        self.order.lock().erase(&conversation);
        let totals = self.projections.totals();
        let records = entries.iter().map(|entry| entry.at).collect();
        let intent =
            ForgottenRecord { before_ms: None, conversations: vec![conversation.clone()], totals, records };
        let logged = self.log_intent(&intent, vec![effect], runtime);
        self.order.lock().erased(&conversation);
        logged?;
        // What was said between the plan and the intent goes too.
        let doomed = self.projections.take_doomed();
        let messages = removed + doomed.iter().map(Entry::messages).sum::<u64>();
        let all = || entries.iter().chain(&doomed);
        self.cache.remove(all().map(|entry| entry.at.lsn));
        unfinished.0.extend(all().map(|entry| entry.at));
        if !doomed.is_empty() {
            let records = doomed.iter().map(|entry| entry.at).collect();
            let more = ForgottenRecord { before_ms: None, conversations: Vec::new(), totals, records };
            self.log_intent(&more, Vec::new(), runtime)?;
        }
        self.overwrite(&mut unfinished).map_err(error::change)?;
        self.find_oldest()?;
        Ok(Some(Erased { messages, memories: 0 }))
    }

    /// Makes the intent durable; when this returns `Ok`, the projections have followed it.
    pub(super) fn log_intent(
        &self,
        intent: &ForgottenRecord,
        effects: Vec<Effect>,
        runtime: &Handle,
    ) -> Result<(), MemoryError> {
        let payload = encode_forgotten(intent);
        let item = Item { change: Change::Forgotten(effects), _held: None };
        runtime.block_on(self.wal.append(payload, item)).map_err(error::append)?;
        Ok(())
    }

    /// Overwrites what was forgotten and not yet overwritten.
    pub(super) fn overwrite(&self, unfinished: &mut Unfinished) -> Result<(), ChangeError> {
        if !unfinished.0.is_empty() {
            self.wal.erase(&unfinished.0)?;
            unfinished.0.clear();
        }
        Ok(())
    }

    /// Finishes at a start what a crash may have interrupted. Returns how many records that were.
    pub(super) fn redo(&self, found: &Found) -> Result<usize, OpenError> {
        let mut unfinished = self.maintain();
        let index_failed = |error| OpenError::index(self.dir.join("index"), error);
        let mut count = found.redo.len();
        unfinished.0.extend_from_slice(&found.redo);
        self.overwrite(&mut unfinished).map_err(OpenError::Erase)?;
        for (lsn, intent) in &found.prunings {
            let Some(before_ms) = intent.before_ms else { continue };
            for conversation in &intent.conversations {
                let planned = prune::plan(self, conversation, before_ms, Some(*lsn)).map_err(index_failed)?;
                let Some(plan) = planned else { continue };
                self.projections.forget(&[plan.effect]);
                count += plan.first.len() + plan.then.len();
                for records in [plan.first, plan.then] {
                    unfinished.0.extend(records);
                    self.overwrite(&mut unfinished).map_err(OpenError::Erase)?;
                }
            }
        }
        Ok(count)
    }
}
