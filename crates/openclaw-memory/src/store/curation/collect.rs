//! Retention: what has outlived its kind goes.

use openclaw_core::{
    ConversationId, Timestamp,
    port::{Collected, MemoryError},
};
use tokio::runtime::Handle;

use super::{Moment, forgetting::plan_forgetting};
use crate::{index::Listing, store::Core};

/// Entries that one intent names; others are forgotten by the next.
const ENTRIES: usize = 256;
/// Conversations looked for at a time.
const CONVERSATIONS: usize = 64;
const DAY_MS: i64 = 24 * 3_600_000;

impl Core {
    /// Forgets entries past their time and erases conversations past theirs. What fails stops it; what went before stays gone.
    pub(super) fn collect_garbage(&self, runtime: &Handle) -> Result<Collected, MemoryError> {
        let mut collected = Collected::default();
        self.collect_conversations(&mut collected, runtime)?;
        self.collect_entries(&mut collected, runtime)?;
        if collected != Collected::default() {
            tracing::info!(
                entries = collected.expired_entries,
                conversations = collected.expired_conversations,
                bytes = collected.bytes,
                "removed what had outlived its time"
            );
            // It drops the segments that hold nothing any more.
            self.checkpoint();
            self.look_up_oldest();
        }
        Ok(collected)
    }

    fn collect_entries(&self, collected: &mut Collected, runtime: &Handle) -> Result<(), MemoryError> {
        loop {
            // Let go between batches, so that checkpoints and erasures get their turn.
            let (_turn, mut unfinished) = self.remove();
            self.overwrite(&mut unfinished)?;
            let (now, mut found) = (Moment::now(), 0);
            let plan = plan_forgetting(&self.projections, &mut |id, row| {
                let over = found < ENTRIES && self.ends_at(id, row)?.is_some_and(|end| end <= now.at_ms);
                found += usize::from(over);
                Ok(over)
            });
            let plan = plan.map_err(|e| self.index_failed(e))?;
            let count = plan.memories.len();
            if count == 0 {
                return Ok(());
            }
            let bytes: u64 = plan.records.iter().map(|at| u64::from(at.len)).sum();
            self.carry_out(plan, &mut unfinished, false, runtime)?;
            collected.expired_entries += count as u64;
            collected.bytes += bytes;
        }
    }

    fn collect_conversations(&self, collected: &mut Collected, runtime: &Handle) -> Result<(), MemoryError> {
        let days = i64::from(self.retention.conversation_days);
        if days == 0 {
            return Ok(());
        }
        let until_ms = Timestamp::now().unix_millis().saturating_sub(days * DAY_MS);
        // Conversations in which a run is going on are passed over, so they must not be found again.
        let mut offset = 0;
        loop {
            let listing = Listing {
                channel: None,
                since_ms: None,
                until_ms: Some(until_ms),
                limit: CONVERSATIONS,
                offset,
            };
            let listed = self.projections.list(&listing).map_err(|e| self.index_failed(e))?;
            if listed.page.is_empty() {
                return Ok(());
            }
            for key in listed.page {
                let busy = self.projections.all_pending().iter().any(|(_, run)| run.conversation == key);
                let id: ConversationId = key.id();
                match if busy { None } else { self.erase_counting(&id, runtime)? } {
                    Some((erased, bytes)) => {
                        collected.expired_conversations += 1;
                        collected.expired_entries += erased.memories;
                        collected.bytes += bytes;
                    }
                    None => offset += 1,
                }
            }
        }
    }
}
