//! Reading remembered entries: which count, and what they say.

use openclaw_core::{
    MemoryEntry, MemoryId, MemoryKind, Timestamp,
    port::{EntryFilter, EntryPage, MemoryError},
};

use crate::{
    index::{IndexError, MemoryRow, short_hash},
    record::{ConvKey, Record},
    store::Core,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The time for which a question is asked.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Moment {
    pub(super) at_ms: i64,
    /// Whether what happened later counts as not having happened.
    pub(super) past: bool,
}

impl Moment {
    pub(in crate::store) fn now() -> Self {
        Self { at_ms: Timestamp::now().unix_millis(), past: false }
    }

    fn sees(self, at_ms: i64) -> bool {
        !self.past || at_ms <= self.at_ms
    }

    fn knows(self, id: MemoryId) -> bool {
        self.sees(id.created_at().unix_millis())
    }
}

impl Core {
    /// When an entry stops counting, by itself or by its kind; `None`: never.
    pub(super) fn ends_at(&self, id: MemoryId, row: &MemoryRow) -> Result<Option<i64>, IndexError> {
        let kept = &self.retention;
        let by_kind = match row.kind {
            MemoryKind::Preference | MemoryKind::Fact => None,
            MemoryKind::Task => row.completed.map(|(when, _)| (when, i64::from(kept.task_days) * DAY_MS)),
            MemoryKind::Conversation if kept.conversation_days == 0 => None,
            MemoryKind::Conversation => {
                Some((self.last_word(id, row)?, i64::from(kept.conversation_days) * DAY_MS))
            }
            MemoryKind::Ephemeral => {
                Some((self.last_word(id, row)?, i64::from(kept.ephemeral_hours) * HOUR_MS))
            }
        };
        let by_kind = by_kind.map(|(since, kept)| since.saturating_add(kept));
        Ok(row.expires_ms.into_iter().chain(by_kind).min())
    }

    /// When something was last said in the entry's conversation, or it was remembered.
    fn last_word(&self, id: MemoryId, row: &MemoryRow) -> Result<i64, IndexError> {
        let created_ms = id.created_at().unix_millis();
        let Some(conversation) = &row.conversation else { return Ok(created_ms) };
        let view = self.projections.conversation(conversation)?;
        Ok(view.map_or(created_ms, |view| view.last_ms.max(created_ms)))
    }

    /// Whether an entry counts: not superseded, and its time is not over.
    pub(in crate::store) fn is_live(
        &self,
        id: MemoryId,
        row: &MemoryRow,
        when: Moment,
    ) -> Result<bool, IndexError> {
        if row.superseded.is_some_and(|(by, _)| when.knows(by)) {
            return Ok(false);
        }
        Ok(self.ends_at(id, row)?.is_none_or(|end| end > when.at_ms))
    }

    pub(super) fn remembered(&self, id: MemoryId, when: Moment) -> Result<Option<MemoryEntry>, MemoryError> {
        if !when.knows(id) {
            return Ok(None);
        }
        match self.projections.memory(id).map_err(|e| self.index_failed(e))? {
            Some(row) => self.entry_of(id, &row, when),
            None => Ok(None),
        }
    }

    /// The entry of a row; `None`: erased since, or damaged.
    pub(super) fn entry_of(
        &self,
        id: MemoryId,
        row: &MemoryRow,
        when: Moment,
    ) -> Result<Option<MemoryEntry>, MemoryError> {
        let Some(payload) = self.payload(row.at)? else { return Ok(None) };
        let record = Record::decode(&payload).map_err(|e| self.senseless(row.at, e))?;
        let Record::Remembered(record) = record else { return Ok(None) };
        let completed = row.completed.map(|(at_ms, _)| at_ms).filter(|at_ms| when.sees(*at_ms));
        let superseded = row.superseded.map(|(by, _)| by).filter(|by| when.knows(*by));
        Ok((record.id == id).then(|| MemoryEntry {
            completed_at: completed.map(Timestamp::from_unix_millis),
            superseded_by: superseded,
            ..record.to_entry()
        }))
    }

    pub(super) fn entries(&self, filter: &EntryFilter, when: Moment) -> Result<EntryPage, MemoryError> {
        let tag = filter.tag.as_deref().map(short_hash);
        let conversation = filter.conversation.as_ref().map(ConvKey::of);
        let end = filter.offset.saturating_add(filter.limit);
        let (mut total, mut page) = (0_usize, Vec::new());
        let listed = self.projections.each_memory(&mut |id, row| {
            let wanted = filter.kind.is_none_or(|kind| kind == row.kind)
                && tag.is_none_or(|tag| row.tags.contains(&tag))
                && (conversation.is_none() || conversation == row.conversation)
                && when.knows(id);
            if wanted && (filter.all || self.is_live(id, row, when)?) {
                if (filter.offset..end).contains(&total) {
                    page.push((id, row.clone()));
                }
                total += 1;
            }
            Ok(())
        });
        listed.map_err(|e| self.index_failed(e))?;
        let mut entries = Vec::with_capacity(page.len());
        for (id, row) in page {
            entries.extend(self.entry_of(id, &row, when)?);
        }
        Ok(EntryPage { entries, total })
    }
}
