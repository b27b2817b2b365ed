//! Taking remembered entries away, whatever the reason, so that those that are left name only each other.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use openclaw_core::{MemoryId, port::MemoryError};
use tokio::runtime::Handle;

use crate::{
    compaction::Removed,
    index::{Change, Fill, IndexError, MemoryChange, MemoryRow, Projections},
    record::{Changed, ChangedRecord, ForgottenRecord, encode_changed},
    store::{Core, Unfinished, error},
    wal::Pointer,
};

/// What taking some entries away comes to.
#[derive(Debug, Default)]
pub(in crate::store) struct Forgetting {
    /// Which.
    pub(in crate::store) memories: Vec<MemoryId>,
    /// What to overwrite: their records, and those that say that they have another entry's place.
    pub(in crate::store) records: Vec<Pointer>,
    /// What becomes of them, and of the entries whose place nobody has any more: those count again.
    pub(in crate::store) changes: Vec<MemoryChange>,
    /// Entries whose place another entry has once those that go are gone: that is to be written first.
    relinks: Vec<(MemoryId, MemoryId)>,
}

impl Forgetting {
    /// All that becomes of the entries, for a replay. What [`Core::relink`] wrote may have been overwritten since, together with the
    /// entry it named: without this, an entry would stay superseded by one that is no more.
    pub(in crate::store) fn replayed(
        mut self,
        projections: &Projections,
    ) -> Result<Vec<MemoryChange>, IndexError> {
        for (id, by) in self.relinks {
            let Some(row) = projections.memory(id)? else { continue };
            let row = MemoryRow { superseded: Some((by, None)), ..row };
            self.changes.push(MemoryChange { id, row: Some(row), fill: Fill::Nothing });
        }
        Ok(self.changes)
    }
}

/// Plans to take away the entries that are selected.
pub(in crate::store) fn plan_forgetting(
    projections: &Projections,
    select: &mut dyn FnMut(MemoryId, &MemoryRow) -> Result<bool, IndexError>,
) -> Result<Forgetting, IndexError> {
    let mut going: BTreeMap<MemoryId, MemoryRow> = BTreeMap::new();
    let mut superseded: Vec<(MemoryId, MemoryId)> = Vec::new();
    projections.each_memory(&mut |id, row| {
        if select(id, row)? {
            going.insert(id, row.clone());
        } else if let Some((by, _)) = row.superseded {
            superseded.push((id, by));
        }
        Ok(())
    })?;
    let (mut plan, mut freed) = (Forgetting::default(), Vec::new());
    for (id, by) in superseded {
        let mut next = Some(by);
        while let Some(row) = next.and_then(|next| going.get(&next)) {
            next = row.superseded.map(|(by, _)| by);
        }
        if next == Some(by) {
            continue;
        }
        // Changed since it was listed.
        let Some(row) = projections.memory(id)? else { continue };
        plan.records.extend(row.superseded.and_then(|(_, record)| record));
        match next {
            Some(next) => plan.relinks.push((id, next)),
            None => freed.push((id, row)),
        }
    }
    // What was said again since has its place already: nothing counts twice.
    let mut counting = counting_twins(projections, &going, &freed)?;
    for (id, row) in freed {
        if lasts(&row) {
            match counting.entry(row.content) {
                hash_map::Entry::Occupied(twin) => {
                    plan.relinks.push((id, *twin.get()));
                    continue;
                }
                hash_map::Entry::Vacant(place) => {
                    place.insert(id);
                }
            }
        }
        let row = MemoryRow { superseded: None, ..row };
        plan.changes.push(MemoryChange { id, row: Some(row), fill: Fill::Freed });
    }
    for (id, row) in going {
        plan.records.extend(row.records());
        plan.memories.push(id);
        plan.changes.push(MemoryChange { id, row: None, fill: Fill::Nothing });
    }
    Ok(plan)
}

/// Whether an entry counts until something happens to it: one that was done or runs out takes nobody's place.
fn lasts(row: &MemoryRow) -> bool {
    row.completed.is_none() && row.expires_ms.is_none()
}

/// The entries that stay and count, by content, of those contents that are set free.
fn counting_twins(
    projections: &Projections,
    going: &BTreeMap<MemoryId, MemoryRow>,
    freed: &[(MemoryId, MemoryRow)],
) -> Result<HashMap<[u8; 16], MemoryId>, IndexError> {
    let mut counting = HashMap::new();
    if freed.is_empty() {
        return Ok(counting);
    }
    let contents: HashSet<[u8; 16]> = freed.iter().map(|(_, row)| row.content).collect();
    projections.each_memory(&mut |id, row| {
        if row.superseded.is_none()
            && lasts(row)
            && contents.contains(&row.content)
            && !going.contains_key(&id)
        {
            counting.entry(row.content).or_insert(id);
        }
        Ok(())
    })?;
    Ok(counting)
}

impl Core {
    /// Writes which entries have whose place once those in between are gone.
    pub(in crate::store) fn relink(&self, plan: &Forgetting, runtime: &Handle) -> Result<(), MemoryError> {
        for (id, by) in &plan.relinks {
            let at_ms = by.created_at().unix_millis();
            let record = ChangedRecord { id: *id, at_ms, what: Changed::Superseded(*by) };
            let changes = super::supersede_changes(&self.projections, &record);
            let changes = Change::Memories(changes.map_err(|e| self.index_failed(e))?);
            let item = super::super::Item { change: changes, _held: None };
            // Part of deleting, which has to work when the disk is nearly full.
            runtime.block_on(self.wal.append_urgent(encode_changed(&record), item)).map_err(error::append)?;
        }
        Ok(())
    }

    /// Takes entries away, and the lines made of them unless those are kept. What is not overwritten yet when this fails is owed.
    pub(in crate::store) fn carry_out(
        &self,
        plan: Forgetting,
        unfinished: &mut Unfinished,
        keeps_lines: bool,
        runtime: &Handle,
    ) -> Result<Removed, MemoryError> {
        self.relink(&plan, runtime)?;
        let intent = ForgottenRecord {
            before_ms: None,
            keeps_lines,
            conversations: Vec::new(),
            memories: plan.memories,
            totals: self.projections.totals(),
            records: plan.records,
        };
        self.log_intent(&intent, (Vec::new(), plan.changes), runtime)?;
        unfinished.owe(&intent.records, &intent.memories, keeps_lines);
        self.overwrite(unfinished)
    }
}
