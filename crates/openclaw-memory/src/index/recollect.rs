//! Questions about what is remembered, imported and compacted: the three layers seen as one.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

use openclaw_core::{Lsn, MemoryId};
use redb::ReadableTable as _;

use super::{
    IndexError, MemoryRow, Projections, Snapshot,
    error::{damaged, storage},
    row::{read_pointer, read_pointers},
};
use crate::{record::Reader, wal::Pointer};

impl Projections {
    /// A remembered entry; `None`: there is none of that id.
    pub(crate) fn memory(&self, id: MemoryId) -> Result<Option<MemoryRow>, IndexError> {
        let (frozen, base) = {
            let state = self.lock();
            if let Some(row) = state.live.memories.get(&id) {
                return Ok(row.clone());
            }
            (state.frozen.clone(), Arc::clone(&state.base))
        };
        match frozen.as_ref().and_then(|frozen| frozen.delta.memories.get(&id)) {
            Some(row) => Ok(row.clone()),
            None => base.get(&base.memories, &id.to_bytes(), MemoryRow::decode),
        }
    }

    /// Visits every remembered entry, newest first.
    pub(crate) fn each_memory(
        &self,
        visit: &mut dyn FnMut(MemoryId, &MemoryRow) -> Result<(), IndexError>,
    ) -> Result<(), IndexError> {
        let (mut changed, base): (BTreeMap<MemoryId, Option<MemoryRow>>, _) = {
            let state = self.lock();
            let mut changed =
                state.frozen.as_ref().map(|frozen| frozen.delta.memories.clone()).unwrap_or_default();
            changed.extend(state.live.memories.iter().map(|(id, row)| (*id, row.clone())));
            (changed, Arc::clone(&state.base))
        };
        let rows = base.memories.iter().map_err(|error| storage(&base.path, error))?;
        for row in rows.rev() {
            let (key, value) = row.map_err(|error| storage(&base.path, error))?;
            let id = Reader::new(key.value()).array().map_err(|source| damaged(&base.path, source))?;
            let id = MemoryId::from_bytes(id);
            while let Some(newer) = changed.last_entry().filter(|newer| *newer.key() > id) {
                let (id, row) = newer.remove_entry();
                if let Some(row) = row {
                    visit(id, &row)?;
                }
            }
            match changed.remove(&id) {
                Some(Some(row)) => visit(id, &row)?,
                Some(None) => {}
                None => {
                    let row = MemoryRow::decode(value.value());
                    visit(id, &row.map_err(|source| damaged(&base.path, source))?)?;
                }
            }
        }
        for (id, row) in changed.into_iter().rev() {
            if let Some(row) = row {
                visit(id, &row)?;
            }
        }
        Ok(())
    }

    /// The entry that was remembered last with this kind and content. It may be gone since, or superseded.
    pub(crate) fn memory_with_content(&self, hash: &[u8; 16]) -> Result<Option<MemoryId>, IndexError> {
        let (frozen, base) = {
            let state = self.lock();
            if let Some(id) = state.live.contents.get(hash) {
                return Ok(Some(*id));
            }
            (state.frozen.clone(), Arc::clone(&state.base))
        };
        match frozen.and_then(|frozen| frozen.delta.contents.get(hash).copied()) {
            Some(id) => Ok(Some(id)),
            None => {
                base.get(&base.contents, hash, |bytes| Reader::new(bytes).array().map(MemoryId::from_bytes))
            }
        }
    }

    /// Where an imported message whose id has this hash may lie, likeliest first; read them to be sure.
    pub(crate) fn import_candidates(&self, hash: &[u8; 8]) -> Result<Vec<Pointer>, IndexError> {
        let (mut found, frozen, base) = {
            let state = self.lock();
            let live = state.live.imports.get(hash).cloned().unwrap_or_default();
            (live, state.frozen.clone(), Arc::clone(&state.base))
        };
        found.reverse();
        if let Some(more) = frozen.as_ref().and_then(|frozen| frozen.delta.imports.get(hash)) {
            found.extend(more.iter().rev());
        }
        found.extend(base.get(&base.imports, hash, read_pointers)?.unwrap_or_default());
        Ok(found)
    }

    /// How often the memory whose id has this hash went into a prompt.
    pub(crate) fn uses(&self, hash: &[u8; 8]) -> Result<u64, IndexError> {
        let (recent, base) = {
            let state = self.lock();
            let live = state.live.uses.get(hash).copied().unwrap_or_default();
            let frozen = state.frozen.as_ref().and_then(|frozen| frozen.delta.uses.get(hash).copied());
            (u64::from(live) + u64::from(frozen.unwrap_or_default()), Arc::clone(&state.base))
        };
        let before = base.get(&base.uses, hash, |bytes| Reader::new(bytes).varint())?;
        Ok(before.unwrap_or_default().saturating_add(recent))
    }

    /// The latest compactions, newest first: the record of each, and the records it compacted.
    pub(crate) fn compactions(&self, limit: usize) -> Result<Vec<(Pointer, Range<Lsn>)>, IndexError> {
        let (mut found, base) = {
            let state = self.lock();
            let frozen = state.frozen.as_ref().map(|frozen| frozen.delta.compactions.as_slice());
            let recent = frozen.unwrap_or_default().iter().chain(&state.live.compactions);
            let newest_first: Vec<_> = recent.rev().take(limit).cloned().collect();
            (newest_first, Arc::clone(&state.base))
        };
        let known: HashSet<Lsn> = found.iter().map(|(at, _)| at.lsn).collect();
        let rows = base.compactions.iter().map_err(|error| storage(&base.path, error))?;
        for row in rows.rev() {
            if found.len() >= limit {
                break;
            }
            let (_, value) = row.map_err(|error| storage(&base.path, error))?;
            let (at, lsns) = read_compaction(&base, value.value())?;
            if !known.contains(&at.lsn) {
                found.push((at, lsns));
            }
        }
        Ok(found)
    }
}

fn read_compaction(base: &Snapshot, bytes: &[u8]) -> Result<(Pointer, Range<Lsn>), IndexError> {
    let mut reader = Reader::new(bytes);
    let mut read = || {
        let lsns = Lsn(reader.varint()?)..Lsn(reader.varint()?);
        Ok((read_pointer(&mut reader)?, lsns))
    };
    read().map_err(|source| damaged(&base.path, source))
}
