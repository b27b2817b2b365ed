//! Pruning: removing the runs that ended before a time.
//!
//! A run is pruned as a whole, when its message and its end are both older; one that straddles the time stays until a later
//! pruning, and so does one that has not ended.

use std::collections::{BTreeMap, HashSet};

use openclaw_core::{
    Lsn, MemoryId,
    port::{MemoryError, MemoryType, PruneRequest, Pruned},
};
use tokio::runtime::Handle;

use super::{Core, Unfinished, curation::plan_forgetting, error, stats};
use crate::{
    compaction::{self, Removed},
    index::{Below, ConvDelta, Effect, Entry, EntryKind, IndexError},
    record::{ConvKey, ForgottenRecord, Record},
    wal::{Pointer, ReadError},
};

/// Conversations of one intent.
const BATCH: usize = 64;
/// Remembered entries of one intent.
const MEMORIES: usize = 256;

/// What pruning one conversation does.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) effect: Effect,
    /// Records to overwrite first: messages and steps. An end without its message is recognised at replay, a message
    /// without its end would look like a pending run.
    pub(super) first: Vec<Pointer>,
    /// Records to overwrite once those are gone.
    pub(super) then: Vec<Pointer>,
    bytes: u64,
}

/// What is known of one run.
#[derive(Debug, Default)]
struct Run {
    entries: Vec<Entry>,
    bytes: u64,
    ended: bool,
    /// Times of what could be read.
    begun_ms: Option<i64>,
    last_ms: Option<i64>,
    /// Time of the last message; an end may have none.
    said_ms: Option<i64>,
}

/// Plans the pruning of one conversation; at a replay of exactly the records that the intent lists. `None`: nothing to prune.
pub(super) fn plan(
    core: &Core,
    conversation: &ConvKey,
    before_ms: i64,
    listed: Option<&HashSet<Lsn>>,
) -> Result<Option<Plan>, IndexError> {
    // Taken first: what is applied meanwhile is added to what stays.
    let seen = core.projections.last().map_or(Lsn(0), |at| at.lsn);
    let Some(view) = core.projections.conversation(conversation)? else { return Ok(None) };
    let mut entries = core.projections.tail(conversation, usize::MAX)?;
    entries.retain(|entry| entry.at.lsn <= seen);
    let mut runs: BTreeMap<Lsn, Run> = BTreeMap::new();
    for entry in entries.iter().rev() {
        let run = runs.entry(entry.run).or_default();
        run.entries.push(*entry);
        run.ended |= entry.is_end() || entry.kind == EntryKind::Imported;
        if listed.is_some_and(|listed| listed.contains(&entry.at.lsn)) {
            continue;
        }
        let payload = match core.reader.read(entry.at) {
            Ok(payload) => payload,
            Err(ReadError::Erased(_) | ReadError::Absent { .. } | ReadError::Damaged { .. }) => continue,
            // It may be there all the same.
            Err(ReadError::Io { path, source }) => return Err(IndexError::Io { path, source }),
        };
        if let Ok(record) = Record::decode(&payload) {
            run.bytes += record.content_bytes();
            let (begun, last) = record.times();
            run.begun_ms = Some(begun);
            run.last_ms = run.last_ms.max(Some(last));
            if entry.messages() > 0 {
                run.said_ms = run.said_ms.max(Some(last));
            }
        }
    }
    let prunable = |run: &Run, entry: &Entry| match listed {
        Some(listed) => listed.contains(&entry.at.lsn),
        None => run.ended && run.last_ms.unwrap_or(view.last_ms) < before_ms,
    };
    let mut plan = Plan {
        effect: Effect {
            conversation: conversation.clone(),
            seen,
            keep: None,
            removed: 0,
            begun_ms: view.created_ms,
        },
        first: Vec::new(),
        then: Vec::new(),
        bytes: 0,
    };
    let mut keep = ConvDelta { below: Below::Replaced, channel: view.channel.clone(), ..ConvDelta::gone() };
    for mut run in runs.into_values() {
        let entries = std::mem::take(&mut run.entries);
        let (go, stay): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| prunable(&run, entry));
        if stay.is_empty() {
            plan.bytes += run.bytes;
        } else {
            let begun = run.begun_ms.unwrap_or(view.created_ms);
            keep.created_ms = keep.created_ms.min(begun);
            keep.last_ms = keep.last_ms.max(run.said_ms.unwrap_or(begun));
            keep.entries.extend(stay);
        }
        plan.effect.removed += go.iter().map(Entry::messages).sum::<u64>();
        for entry in go {
            let records = if entry.is_end() { &mut plan.then } else { &mut plan.first };
            records.push(entry.at);
        }
    }
    keep.settle();
    plan.effect.keep = Some(keep);
    let nothing = plan.first.is_empty() && plan.then.is_empty();
    Ok(if nothing { None } else { Some(plan) })
}

/// A pruning under way.
#[derive(Debug, Default)]
struct Pruning {
    /// What was, or would be, pruned, but for the lines.
    pruned: Pruned,
    lines: Removed,
    /// While it is only counted: what would go.
    planned: Unfinished,
}

impl Core {
    /// Prunes, or counts what would be pruned. Blocks; runs to its end even if nobody waits any more.
    pub(super) fn prune(&self, request: &PruneRequest, runtime: &Handle) -> Result<Pruned, MemoryError> {
        let mut pruning = Pruning::default();
        let theirs = match request.kind {
            MemoryType::Wal => Vec::new(),
            _ => compaction::uncited(self.fs(), &self.markdown_dir()).map_err(error::compaction)?,
        };
        if request.kind != MemoryType::Compacted {
            self.prune_log(request, runtime, &mut pruning)?;
        }
        if request.kind != MemoryType::Wal {
            self.prune_lines(request, &mut pruning)?;
        }
        let Pruning { mut pruned, lines, .. } = pruning;
        pruned.compacted_files += lines.touched.len() as u64;
        pruned.bytes += lines.bytes;
        stats::prune_files(&self.dir, &theirs, request, &mut pruned)?;
        Ok(pruned)
    }

    /// Takes out, or counts, the Markdown's lines from before a time.
    fn prune_lines(&self, request: &PruneRequest, pruning: &mut Pruning) -> Result<(), MemoryError> {
        let lines = if request.confirm {
            let _turn = self.turns.removal();
            compaction::prune_before(self.fs(), &self.markdown_dir(), request.before)
                .map_err(error::compaction)?
        } else {
            self.count_lines(request.before, &pruning.planned)?
        };
        pruning.lines.add(lines);
        Ok(())
    }

    fn prune_log(
        &self,
        request: &PruneRequest,
        runtime: &Handle,
        pruning: &mut Pruning,
    ) -> Result<(), MemoryError> {
        let before_ms = request.before.unix_millis();
        let begun = self.projections.begun_before(before_ms).map_err(|e| self.index_failed(e))?;
        for batch in begun.chunks(BATCH) {
            // Let go between batches, so that checkpoints and erasures get their turn.
            let (_turn, mut unfinished) = self.remove();
            self.overwrite(&mut unfinished)?;
            let mut intent = ForgottenRecord {
                before_ms: Some(before_ms),
                keeps_lines: request.kind == MemoryType::Wal,
                conversations: Vec::new(),
                memories: Vec::new(),
                totals: self.projections.totals(),
                records: Vec::new(),
            };
            let (mut effects, mut first, mut then) = (Vec::new(), Vec::new(), Vec::new());
            for conversation in batch {
                let planned = plan(self, conversation, before_ms, None).map_err(|e| self.index_failed(e))?;
                let Some(mut plan) = planned else { continue };
                pruning.pruned.wal_entries += plan.effect.removed;
                pruning.pruned.bytes += plan.bytes;
                first.append(&mut plan.first);
                then.append(&mut plan.then);
                intent.conversations.push(conversation.clone());
                effects.push(plan.effect);
            }
            intent.records = first.iter().chain(&then).copied().collect();
            if !request.confirm {
                pruning.planned.owe(&intent.records, &[], intent.keeps_lines);
            }
            if !request.confirm || effects.is_empty() {
                continue;
            }
            self.log_intent(&intent, (effects, Vec::new()), runtime)?;
            self.cache.remove(first.iter().chain(&then).map(|at| at.lsn));
            // All of it is owed from now on, even if the first half fails.
            unfinished.owe(&intent.records, &[], intent.keeps_lines);
            pruning.lines.add(self.erase_lines(&mut unfinished)?);
            self.wal.erase(&first).map_err(error::change)?;
            self.overwrite(&mut unfinished)?;
        }
        self.prune_memories(request, runtime, pruning)?;
        if request.confirm && pruning.pruned.wal_entries > 0 {
            self.remove_copies()?;
            // It drops the segments that hold nothing any more.
            self.checkpoint();
            self.look_up_oldest();
        }
        Ok(())
    }

    /// Forgets, or counts, what was remembered before a time, whatever its kind.
    fn prune_memories(
        &self,
        request: &PruneRequest,
        runtime: &Handle,
        pruning: &mut Pruning,
    ) -> Result<(), MemoryError> {
        let (_turn, mut unfinished) = self.remove();
        let mut old = Vec::new();
        let listed = self.projections.each_memory(&mut |id, row| {
            if id.created_at() < request.before {
                old.push((id, row.at));
            }
            Ok(())
        });
        listed.map_err(|e| self.index_failed(e))?;
        pruning.pruned.wal_entries += old.len() as u64;
        for (_, at) in &old {
            if let Some(payload) = self.payload(*at)?
                && let Ok(record) = Record::decode(&payload)
            {
                pruning.pruned.bytes += record.content_bytes();
            }
        }
        let keeps_lines = request.kind == MemoryType::Wal;
        let ids: Vec<_> = old.iter().map(|(id, _)| *id).collect();
        pruning.planned.owe(&[], &ids, keeps_lines || request.confirm);
        let batches = if request.confirm { old.chunks(MEMORIES) } else { [].chunks(MEMORIES) };
        for batch in batches {
            self.overwrite(&mut unfinished)?;
            let going: HashSet<MemoryId> = batch.iter().map(|(id, _)| *id).collect();
            let plan = plan_forgetting(&self.projections, &mut |id, _| Ok(going.contains(&id)));
            let plan = plan.map_err(|e| self.index_failed(e))?;
            pruning.lines.add(self.carry_out(plan, &mut unfinished, keeps_lines, runtime)?);
        }
        Ok(())
    }

    /// Drops the oldest segments that hold nothing any more. To be called while nobody else forgets.
    pub(super) fn drop_empty_segments(&self) -> Result<(), MemoryError> {
        // A segment that a start would still replay stays.
        let covered = self.projections.checkpointed().unwrap_or_default();
        let mut keep = None;
        for segment in self.reader.segments() {
            if !segment.sealed
                || segment.lsns.end > Lsn(covered.0 + 1)
                || self.holds_content(&segment.lsns)?
            {
                break;
            }
            keep = Some(segment.lsns.end);
        }
        if let Some(keep) = keep {
            let (records, bytes) = self.wal.drop_before(keep).map_err(error::change)?;
            tracing::info!(records, bytes, "dropped log segments that held nothing any more");
        }
        Ok(())
    }

    fn holds_content(&self, lsns: &std::ops::Range<Lsn>) -> Result<bool, MemoryError> {
        let mut scan = self.reader.scan(lsns.clone());
        while let Some(record) = scan.next_record().map_err(error::read)? {
            // What became of an entry, and what was compacted, lies behind what it is about: with that gone, it is about nothing.
            let bookkeeping = |payload| {
                matches!(
                    Record::decode(payload),
                    Ok(Record::Forgotten(_) | Record::Changed(_) | Record::Mark(_))
                )
            };
            if record.payload.is_some_and(|payload| !bookkeeping(payload)) {
                return Ok(true);
            }
        }
        Ok(!scan.damages().is_empty())
    }

    /// The same where failing must not fail what was done before; whoever asks for it next looks again.
    pub(super) fn look_up_oldest(&self) {
        if let Err(error) = self.find_oldest() {
            tracing::warn!(%error, "the oldest message could not be looked up");
        }
    }

    /// Looks up the oldest message after messages were removed.
    pub(super) fn find_oldest(&self) -> Result<(), MemoryError> {
        let counters = self.projections.counters();
        if counters.messages == 0 || counters.oldest_ms.is_some() {
            return Ok(());
        }
        let oldest = self.projections.oldest().map_err(|e| self.index_failed(e))?;
        self.projections.set_oldest(oldest);
        Ok(())
    }
}
