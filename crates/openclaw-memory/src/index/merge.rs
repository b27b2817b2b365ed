//! A checkpoint: one transaction that folds a delta into the index on disk.

use std::{collections::HashMap, ops::Bound};

use openclaw_core::RunId;
use redb::{ReadableTable, Table, TableDefinition, TableHandle, WriteTransaction};

use super::{
    base::{
        ACTIVITY, Base, CHUNKS, COMPACTIONS, CONTENTS, CONVERSATIONS, IMPORTS, MARKS_PREFIX, MEMORIES, META,
        PENDING, RUNS, SUMMARY_KEY, USES,
    },
    delta::{Below, ConvDelta, Counters, Delta, Mark, Pending},
    entry::{Entry, read_entries},
    error::{IndexError, damaged, storage},
    memory::{MemoryRow, short_hash},
    row::{
        ConvRow, Summary, activity_key, chunk_key, encode_chunk, encode_pending, put_pointer, read_pointers,
    },
    runs::{self, Spot},
};
use crate::{
    record::{CodecError, ConvKey, Reader, put_varint},
    wal::Pointer,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// A key counts for 24 hours, so yesterday's and today's tables are enough; one more for clocks that differ.
const DAYS_KEPT: u64 = 3;
/// Most places kept for one hash of an imported message's id.
const SAME_HASH: usize = 4;

/// Everything a checkpoint writes.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) delta: &'a Delta,
    pub(crate) pending: &'a HashMap<RunId, Pending>,
    pub(crate) counters: &'a Counters,
    pub(crate) applied: Option<Pointer>,
}

type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// Runs that are in one row, and before what time others belong to it.
struct RunRow {
    spots: Vec<Spot>,
    /// When the next row begins; `None`: there is none.
    until: Option<u64>,
}

impl Base {
    /// Writes a checkpoint. It is there as a whole or not at all.
    pub(crate) fn merge(&self, before: &Summary, checkpoint: &Checkpoint<'_>) -> Result<(), IndexError> {
        let transaction = self.begin()?;
        let mut summary = Summary {
            applied: checkpoint.applied,
            counters: checkpoint.counters.clone(),
            channels: before.channels.clone(),
        };
        self.merge_conversations(&transaction, checkpoint.delta, &mut summary)?;
        self.merge_runs(&transaction, checkpoint)?;
        self.merge_marks(&transaction, &checkpoint.delta.marks)?;
        self.merge_memories(&transaction, checkpoint.delta)?;
        self.merge_imports(&transaction, checkpoint.delta)?;
        {
            let mut meta = transaction.open_table(META).map_err(|error| storage(&self.path, error))?;
            let summary = summary.encode();
            meta.insert(SUMMARY_KEY, summary.as_slice()).map_err(|error| storage(&self.path, error))?;
        }
        transaction.commit().map_err(|error| storage(&self.path, error))
    }

    fn merge_conversations(
        &self,
        transaction: &WriteTransaction,
        delta: &Delta,
        summary: &mut Summary,
    ) -> Result<(), IndexError> {
        let open = |table| transaction.open_table(table).map_err(|error| storage(&self.path, error));
        let (mut rows, mut activity, mut chunks) = (open(CONVERSATIONS)?, open(ACTIVITY)?, open(CHUNKS)?);
        // In key order neighbours share pages.
        let mut sorted: Vec<(&ConvKey, &ConvDelta)> = delta.conversations.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let mut moved = Vec::with_capacity(sorted.len());
        for (key, part) in sorted {
            let key_bytes = key.to_bytes();
            let old = self.old_row(&rows, part, &key_bytes)?;
            if let Some(old) = &old {
                let stale = activity_key(old.last_ms, key);
                activity.remove(stale.as_slice()).map_err(|error| storage(&self.path, error))?;
                summary.count(&old.channel, -1);
            }
            let old = match (part.below, old) {
                (Below::Replaced, Some(old)) => {
                    for chunk in 0..old.chunks {
                        let stale = chunk_key(key, chunk);
                        chunks.remove(stale.as_slice()).map_err(|error| storage(&self.path, error))?;
                    }
                    None
                }
                (_, old) => old,
            };
            let older = match &old {
                Some(old) if !old.continues_with(part) => Some(self.all_chunks(&chunks, key, old.chunks)?),
                _ => None,
            };
            match ConvRow::merged(old, part, older) {
                Some((row, full)) => {
                    for (chunk, entries) in full {
                        let (key, value) = (chunk_key(key, chunk), encode_chunk(&entries));
                        chunks
                            .insert(key.as_slice(), value.as_slice())
                            .map_err(|error| storage(&self.path, error))?;
                    }
                    let value = row.encode();
                    rows.insert(key_bytes.as_slice(), value.as_slice())
                        .map_err(|error| storage(&self.path, error))?;
                    summary.count(&row.channel, 1);
                    let mut channel = Vec::new();
                    row.channel.put(&mut channel);
                    moved.push((activity_key(row.last_ms, key), channel));
                }
                None => {
                    rows.remove(key_bytes.as_slice()).map_err(|error| storage(&self.path, error))?;
                }
            }
        }
        moved.sort_unstable();
        for (key, channel) in moved {
            activity
                .insert(key.as_slice(), channel.as_slice())
                .map_err(|error| storage(&self.path, error))?;
        }
        Ok(())
    }

    fn old_row(&self, rows: &Rows<'_>, part: &ConvDelta, key: &[u8]) -> Result<Option<ConvRow>, IndexError> {
        if part.below == Below::Nothing {
            return Ok(None);
        }
        let found = rows.get(key).map_err(|error| storage(&self.path, error))?;
        let row = found.map(|bytes| ConvRow::decode(bytes.value())).transpose();
        row.map_err(|source| damaged(&self.path, source))
    }

    fn all_chunks(&self, chunks: &Rows<'_>, key: &ConvKey, count: u32) -> Result<Vec<Entry>, IndexError> {
        let mut entries = Vec::new();
        for chunk in 0..count {
            let found =
                chunks.get(chunk_key(key, chunk).as_slice()).map_err(|error| storage(&self.path, error))?;
            let found = found.ok_or_else(|| damaged(&self.path, CodecError::Truncated))?;
            let chunk = read_entries(Reader::new(found.value()), 0);
            entries.extend(chunk.map_err(|source| damaged(&self.path, source))?);
        }
        Ok(entries)
    }

    fn merge_memories(&self, transaction: &WriteTransaction, delta: &Delta) -> Result<(), IndexError> {
        let failed = |error| storage(&self.path, error);
        let open = |table| transaction.open_table(table).map_err(|error| storage(&self.path, error));
        let (mut memories, mut contents, mut uses) = (open(MEMORIES)?, open(CONTENTS)?, open(USES)?);
        for (hash, id) in &delta.contents {
            contents.insert(hash.as_slice(), id.to_bytes().as_slice()).map_err(failed)?;
        }
        for (hash, count) in &delta.uses {
            let before = uses.get(hash.as_slice()).map_err(failed)?;
            let before = before.map(|bytes| Reader::new(bytes.value()).varint()).transpose();
            let before = before.map_err(|source| damaged(&self.path, source))?.unwrap_or_default();
            let mut value = Vec::with_capacity(4);
            put_varint(&mut value, before.saturating_add(u64::from(*count)));
            uses.insert(hash.as_slice(), value.as_slice()).map_err(failed)?;
        }
        for (id, row) in &delta.memories {
            let key = id.to_bytes();
            if let Some(row) = row {
                memories.insert(key.as_slice(), row.encode().as_slice()).map_err(failed)?;
                continue;
            }
            // Forgotten: what led to it goes as well.
            let row = memories.remove(key.as_slice()).map_err(failed)?;
            let row = row.map(|bytes| MemoryRow::decode(bytes.value())).transpose();
            if let Some(row) = row.map_err(|source| damaged(&self.path, source))? {
                let named = contents.get(row.content.as_slice()).map_err(failed)?;
                if named.is_some_and(|named| named.value() == key) {
                    contents.remove(row.content.as_slice()).map_err(failed)?;
                }
            }
            uses.remove(short_hash(&id.to_string()).as_slice()).map_err(failed)?;
        }
        Ok(())
    }

    fn merge_imports(&self, transaction: &WriteTransaction, delta: &Delta) -> Result<(), IndexError> {
        let failed = |error| storage(&self.path, error);
        let open = |table| transaction.open_table(table).map_err(|error| storage(&self.path, error));
        let mut imports = open(IMPORTS)?;
        // In key order neighbours share pages.
        let mut sorted: Vec<_> = delta.imports.iter().collect();
        sorted.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, added) in sorted {
            let before = imports.get(hash.as_slice()).map_err(failed)?;
            let before = before.map(|bytes| read_pointers(bytes.value())).transpose();
            let before = before.map_err(|source| damaged(&self.path, source))?.unwrap_or_default();
            let mut value = Vec::with_capacity(16);
            // Messages that were erased and imported again leave places that hold nothing: only the latest count.
            for at in added.iter().rev().chain(&before).take(SAME_HASH) {
                put_pointer(&mut value, *at);
            }
            imports.insert(hash.as_slice(), value.as_slice()).map_err(failed)?;
        }
        let mut compactions = open(COMPACTIONS)?;
        for (at, lsns) in &delta.compactions {
            let mut value = Vec::with_capacity(24);
            put_varint(&mut value, lsns.start.0);
            put_varint(&mut value, lsns.end.0);
            put_pointer(&mut value, *at);
            compactions.insert(at.lsn.0.to_be_bytes().as_slice(), value.as_slice()).map_err(failed)?;
        }
        Ok(())
    }

    fn merge_runs(
        &self,
        transaction: &WriteTransaction,
        checkpoint: &Checkpoint<'_>,
    ) -> Result<(), IndexError> {
        let mut table = transaction.open_table(RUNS).map_err(|error| storage(&self.path, error))?;
        let spots = runs::spots(&checkpoint.delta.runs);
        let mut rest = spots.as_slice();
        while let Some(first) = rest.first() {
            let row = self.run_row(&table, first.time)?;
            // As a rule all of them come after every row that is there.
            let (here, later) =
                rest.split_at(rest.partition_point(|spot| row.until.is_none_or(|until| spot.time < until)));
            rest = later;
            let mut spots = row.spots;
            spots.extend_from_slice(here);
            for (key, value) in runs::rows(spots) {
                table.insert(key.as_slice(), value.as_slice()).map_err(|error| storage(&self.path, error))?;
            }
        }
        let mut pending = transaction.open_table(PENDING).map_err(|error| storage(&self.path, error))?;
        pending.retain(|_, _| false).map_err(|error| storage(&self.path, error))?;
        for (run, state) in checkpoint.pending {
            let value = encode_pending(state);
            pending
                .insert(run.to_bytes().as_slice(), value.as_slice())
                .map_err(|error| storage(&self.path, error))?;
        }
        Ok(())
    }

    /// The row that a run of this time belongs to. Its first run stays its first, and so does its key.
    fn run_row(&self, table: &Rows<'_>, time: u64) -> Result<RunRow, IndexError> {
        let failed = |error| storage(&self.path, error);
        let key = runs::key(time);
        let mut row = RunRow { spots: Vec::new(), until: None };
        if let Some(found) = table.range(..=key.as_slice()).map_err(failed)?.next_back() {
            let (key, value) = found.map_err(failed)?;
            row.spots =
                runs::read(key.value(), value.value()).map_err(|source| damaged(&self.path, source))?;
        }
        let after = (Bound::Excluded(key.as_slice()), Bound::Unbounded);
        if let Some(found) = table.range::<&[u8]>(after).map_err(failed)?.next() {
            let next = Reader::new(found.map_err(failed)?.0.value()).array();
            row.until = Some(u64::from_be_bytes(next.map_err(|source| damaged(&self.path, source))?));
        }
        Ok(row)
    }

    fn merge_marks(
        &self,
        transaction: &WriteTransaction,
        marks: &HashMap<[u8; 16], Mark>,
    ) -> Result<(), IndexError> {
        let mut by_day: HashMap<u64, Vec<(&[u8; 16], &Mark)>> = HashMap::new();
        for (hash, mark) in marks {
            by_day.entry(runs::time_of(mark.run) / DAY_MS).or_default().push((hash, mark));
        }
        let Some(newest) = by_day.keys().max().copied() else { return Ok(()) };
        for (day, mut marks) in by_day {
            marks.sort_unstable_by_key(|(hash, _)| *hash);
            let name = marks_table(day);
            let definition: TableDefinition<'_, &'static [u8], &'static [u8]> = TableDefinition::new(&name);
            let mut table = transaction.open_table(definition).map_err(|error| storage(&self.path, error))?;
            for (hash, mark) in marks {
                let mut value = [0; 24];
                value[..16].copy_from_slice(&mark.run.to_bytes());
                value[16..].copy_from_slice(&mark.request);
                table
                    .insert(hash.as_slice(), value.as_slice())
                    .map_err(|error| storage(&self.path, error))?;
            }
        }
        let oldest = marks_table(newest.saturating_sub(DAYS_KEPT - 1));
        let tables = transaction.list_tables().map_err(|error| storage(&self.path, error))?;
        let expired: Vec<_> = tables
            .filter(|table| table.name().starts_with(MARKS_PREFIX) && table.name() < oldest.as_str())
            .collect();
        for table in expired {
            transaction.delete_table(table).map_err(|error| storage(&self.path, error))?;
        }
        Ok(())
    }
}

fn marks_table(day: u64) -> String {
    // Fixed width, so that names sort as days do.
    format!("{MARKS_PREFIX}{day:012}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use openclaw_core::Lsn;

    use super::*;
    use crate::{fs::RealFs, index::Place};

    #[test]
    fn runs_are_found_whatever_checkpoint_brought_them() {
        let home = tempfile::tempdir().unwrap();
        let base = Base::create(&Place::new(Arc::new(RealFs), home.path().to_owned())).unwrap();
        let at = |n: u32| Pointer { lsn: Lsn(u64::from(n) + 1), offset: n, len: 40 };
        let id = |n: u32| {
            let mut bytes = [7; 16];
            bytes[..6].copy_from_slice(&(1_774_000_000_000 + u64::from(n) * 3).to_be_bytes()[2..]);
            bytes[12..].copy_from_slice(&n.to_be_bytes());
            RunId::from_bytes(bytes)
        };
        // Runs of 2,000 in checkpoints that come in any order and lie between each other.
        let of =
            |checkpoint: u32| (0..2000).filter(move |n| n * 7919 % 11 == checkpoint || n % 50 == checkpoint);
        for checkpoint in [4, 0, 9, 2, 10, 1, 3, 8, 5, 7, 6] {
            let runs = of(checkpoint).map(|n| (id(n), at(n))).collect();
            let delta = Delta { runs, ..Delta::default() };
            let (pending, counters) = (HashMap::new(), Counters::default());
            let written = Checkpoint {
                delta: &delta,
                pending: &pending,
                counters: &counters,
                applied: Some(at(checkpoint)),
            };
            base.merge(&Summary::default(), &written).unwrap();
            let snapshot = base.snapshot().unwrap();
            for n in of(checkpoint) {
                assert!(snapshot.run_candidates(id(n)).unwrap().contains(&at(n)), "{n}");
            }
        }
        let snapshot = base.snapshot().unwrap();
        for n in 0..2000 {
            let found = snapshot.run_candidates(id(n)).unwrap();
            assert!(!found.is_empty() && found.iter().all(|found| *found == at(n)), "{n}: {found:?}");
        }
        assert_eq!(snapshot.run_candidates(id(2000)).unwrap(), []);
    }
}
