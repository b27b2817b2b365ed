//! Remembering, completing, forgetting one entry.

use openclaw_core::{
    ForeignNote, Lsn, MemoryEntry, MemoryId, MemoryKind, MessageId, NewMemory, Timestamp, limits,
    port::{Imported, MemoryError},
};
use tokio::runtime::Handle;

use super::{super::Core, Moment, forgetting::plan_forgetting};
use crate::{
    index::{Change, Fill, IndexError, MemoryChange, MemoryRow, Projections, content_hash},
    record::{Changed, ChangedRecord, ConvKey, RememberedRecord, encode_changed, encode_remembered},
    wal::Pointer,
};

/// Where a record lies that is not written yet; see [`Fill`].
const UNWRITTEN: Pointer = Pointer { lsn: Lsn(0), offset: 0, len: 0 };

/// What a remembered entry means for the projections. The entry whose place it takes may be gone since.
pub(in crate::store) fn memory_changes(
    projections: &Projections,
    record: &RememberedRecord<'_>,
) -> Result<Vec<MemoryChange>, IndexError> {
    let row = MemoryRow::of(UNWRITTEN, record);
    let mut changes = vec![MemoryChange { id: record.id, row: Some(row), fill: Fill::Entry }];
    if let Some(earlier) = record.supersedes
        && let Some(row) = projections.memory(earlier)?
    {
        let row = MemoryRow { superseded: Some((record.id, None)), ..row };
        changes.push(MemoryChange { id: earlier, row: Some(row), fill: Fill::Nothing });
    }
    Ok(changes)
}

/// What a change means for the projections: nothing when what it is about is gone since.
pub(in crate::store) fn supersede_changes(
    projections: &Projections,
    record: &ChangedRecord,
) -> Result<Vec<MemoryChange>, IndexError> {
    let Some(row) = projections.memory(record.id)? else { return Ok(Vec::new()) };
    let (row, fill) = match record.what {
        Changed::Completed => {
            (MemoryRow { completed: Some((record.at_ms, UNWRITTEN)), ..row }, Fill::Completed)
        }
        Changed::Superseded(by) => {
            if projections.memory(by)?.is_none() {
                return Ok(Vec::new());
            }
            (MemoryRow { superseded: Some((by, None)), ..row }, Fill::Superseded)
        }
    };
    Ok(vec![MemoryChange { id: record.id, row: Some(row), fill }])
}

pub(super) fn check_entry(
    content: &str,
    importance: f32,
    tags: &[String],
    sources: &[MessageId],
) -> Result<(), MemoryError> {
    let invalid = |field, rule: String| Err(MemoryError::Invalid { field, rule });
    let bytes = content.len();
    if content.trim().is_empty() || bytes > limits::MEMORY_BYTES {
        return invalid(
            "content",
            format!("must be 1 to {} bytes of text, not {bytes}", limits::MEMORY_BYTES),
        );
    }
    if !(0.0..=1.0).contains(&importance) {
        return invalid("importance", "must be between 0 and 1".to_owned());
    }
    if tags.len() > limits::MEMORY_TAGS || !tags.iter().all(|tag| limits::is_memory_tag(tag)) {
        let (most, bytes) = (limits::MEMORY_TAGS, limits::MEMORY_TAG_BYTES);
        return invalid(
            "tags",
            format!("must be at most {most} words of 1 to {bytes} bytes without control characters"),
        );
    }
    if sources.len() > limits::MEMORY_SOURCES {
        return invalid("sources", format!("must be at most {}", limits::MEMORY_SOURCES));
    }
    Ok(())
}

/// Where an entry was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// In this memory: it can't cite what nobody said.
    Here,
    /// It may outlive what it was made of.
    Elsewhere,
}

/// The conversation that all sources are of: with it goes what was made of it.
fn common(homes: Vec<Option<ConvKey>>) -> Option<ConvKey> {
    let mut homes = homes.into_iter();
    let first = homes.next()??;
    homes.all(|home| home.as_ref() == Some(&first)).then_some(first)
}

/// An id that sorts behind the one before it, where both are of the same millisecond.
fn behind(before: Option<MemoryId>, id: MemoryId) -> MemoryId {
    match before {
        Some(before) if id <= before && id.created_at() == before.created_at() => {
            MemoryId::from_bytes(u128::from_be_bytes(before.to_bytes()).saturating_add(1).to_be_bytes())
        }
        _ => id,
    }
}

impl Core {
    pub(super) fn remember(&self, new: &NewMemory, runtime: &Handle) -> Result<MemoryEntry, MemoryError> {
        let (entry, _) = self.remember_under(|| self.next_memory_id(), new, Noted::Here, runtime)?;
        Ok(entry)
    }

    pub(super) fn remember_all(
        &self,
        notes: &[ForeignNote],
        runtime: &Handle,
    ) -> Result<Imported, MemoryError> {
        for ForeignNote { memory, .. } in notes {
            check_entry(&memory.content, memory.importance, &memory.tags, &memory.sources)?;
        }
        let (mut done, mut last) = (Imported::default(), None);
        for ForeignNote { memory, noted_at } in notes {
            let next = || match noted_at.filter(|at| *at < Timestamp::now()) {
                Some(at) => behind(last, MemoryId::generate_at(at)),
                None => self.next_memory_id(),
            };
            let (entry, is_new) = self.remember_under(next, memory, Noted::Elsewhere, runtime)?;
            if is_new {
                last = Some(entry.id);
            }
            done.imported += u64::from(is_new);
            done.skipped += u64::from(!is_new);
        }
        Ok(done)
    }

    /// Remembers under the id that is made when it is new; tells whether it is.
    fn remember_under(
        &self,
        make_id: impl FnOnce() -> MemoryId,
        new: &NewMemory,
        noted: Noted,
        runtime: &Handle,
    ) -> Result<(MemoryEntry, bool), MemoryError> {
        check_entry(&new.content, new.importance, &new.tags, &new.sources)?;
        let _alone = self.maintain();
        let homes: Vec<_> =
            new.sources.iter().map(|source| self.home_of(source)).collect::<Result<_, _>>()?;
        if noted == Noted::Here
            && let Some((source, _)) = new.sources.iter().zip(&homes).find(|(_, home)| home.is_none())
        {
            let rule = format!("must name messages of this memory: there is no message {source}");
            return Err(MemoryError::Invalid { field: "sources", rule });
        }
        let replaced = match new.supersedes {
            None => None,
            Some(id) => Some(self.last_of_chain(id)?.ok_or(MemoryError::UnknownMemory(id))?),
        };
        if let Some(known) = self.known(new)? {
            if let Some(replaced) = replaced.filter(|replaced| *replaced != known.id) {
                self.change(replaced, Changed::Superseded(known.id), runtime)?;
            }
            return Ok((known, false));
        }
        let conversation = match &new.conversation {
            Some(conversation) => Some(ConvKey::of(conversation)),
            None => common(homes),
        };
        let record = RememberedRecord {
            id: make_id(),
            kind: new.kind,
            importance: new.importance,
            expires_ms: new.expires_at.map(Timestamp::unix_millis),
            conversation,
            supersedes: replaced,
            tags: new.tags.iter().map(String::as_str).collect(),
            sources: new.sources.clone(),
            content: &new.content,
        };
        let changes = memory_changes(&self.projections, &record).map_err(|e| self.index_failed(e))?;
        let payload = self.seal(record.conversation.as_ref(), encode_remembered(&record))?;
        self.append(payload, Change::Memories(changes), runtime)?;
        Ok((record.to_entry(), true))
    }

    /// The live entry of the same kind and content. A task that was done may be there to do again.
    fn known(&self, new: &NewMemory) -> Result<Option<MemoryEntry>, MemoryError> {
        let (hash, now) = (content_hash(new.kind, &new.content), Moment::now());
        let find = || -> Result<_, IndexError> {
            let Some(id) = self.projections.memory_with_content(&hash)? else { return Ok(None) };
            let Some(row) = self.projections.memory(id)? else { return Ok(None) };
            Ok(if self.is_live(id, &row, now)? { Some((id, row)) } else { None })
        };
        let Some((id, row)) = find().map_err(|e| self.index_failed(e))? else { return Ok(None) };
        // A hash decides nothing by itself.
        let entry = self.entry_of(id, &row, now)?;
        Ok(entry.filter(|entry| {
            let same = entry.kind == new.kind && entry.content.trim() == new.content.trim();
            same && entry.completed_at.is_none()
        }))
    }

    /// The entry that has the place of this one now, itself if none has.
    fn last_of_chain(&self, mut id: MemoryId) -> Result<Option<MemoryId>, MemoryError> {
        loop {
            let row = self.projections.memory(id).map_err(|e| self.index_failed(e))?;
            match row.map(|row| row.superseded) {
                None => return Ok(None),
                Some(None) => return Ok(Some(id)),
                Some(Some((by, _))) => id = by,
            }
        }
    }

    /// A fresh id that sorts behind the one before it, unless the clock was set back.
    fn next_memory_id(&self) -> MemoryId {
        let mut newest = self.newest_memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = behind(*newest, MemoryId::generate());
        *newest = Some(id);
        id
    }

    fn change(&self, id: MemoryId, what: Changed, runtime: &Handle) -> Result<(), MemoryError> {
        let record = ChangedRecord { id, at_ms: Timestamp::now().unix_millis(), what };
        let changes = supersede_changes(&self.projections, &record).map_err(|e| self.index_failed(e))?;
        self.append(encode_changed(&record), Change::Memories(changes), runtime)
    }

    pub(super) fn complete(
        &self,
        id: MemoryId,
        runtime: &Handle,
    ) -> Result<Option<MemoryEntry>, MemoryError> {
        let _alone = self.maintain();
        let row = self.projections.memory(id).map_err(|e| self.index_failed(e))?;
        let Some(row) = row.filter(|row| row.kind == MemoryKind::Task) else { return Ok(None) };
        if row.completed.is_none() {
            self.change(id, Changed::Completed, runtime)?;
        }
        self.remembered(id, Moment::now())
    }

    pub(super) fn forget(&self, id: MemoryId, runtime: &Handle) -> Result<Option<MemoryEntry>, MemoryError> {
        let (_turn, mut unfinished) = self.remove();
        self.overwrite(&mut unfinished)?;
        let entry = self.remembered(id, Moment::now())?;
        let plan = plan_forgetting(&self.projections, &mut |other, _| Ok(other == id));
        let plan = plan.map_err(|e| self.index_failed(e))?;
        if !plan.memories.is_empty() {
            self.carry_out(plan, &mut unfinished, false, runtime)?;
        }
        Ok(entry)
    }
}
