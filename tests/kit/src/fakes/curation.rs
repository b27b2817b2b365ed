//! The memory's care, in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use openclaw_core::{
    ForeignMemory, ForeignMessage, ForeignNote, Lsn, MemoryEntry, MemoryId, MemoryKind, NewMemory, Timestamp,
    limits,
    port::{
        Collected, CompactRequest, CompactionHistory, CompactionReport, CurationPort, EntryFilter, EntryPage,
        ExportCursor, ExportPage, Imported, MemoryError, Verification,
    },
};
use tokio::sync::watch;

use super::{FakeMemory, lock, memory::MemoryOp};

/// A [`CurationPort`] over a [`FakeMemory`]: what is imported is said there. Writes fail and wait as that one is told.
#[derive(Debug)]
pub struct FakeCuration {
    memory: Arc<FakeMemory>,
    entries: Mutex<Vec<MemoryEntry>>,
    history: Mutex<CompactionHistory>,
    problems: Mutex<Vec<String>>,
    held: watch::Sender<bool>,
}

impl FakeCuration {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(memory: Arc<FakeMemory>) -> Self {
        Self {
            memory,
            entries: Mutex::default(),
            history: Mutex::default(),
            problems: Mutex::default(),
            held: watch::Sender::new(false),
        }
    }

    /// Makes compactions that begin stay under way until they are let go.
    pub fn hold_compactions(&self, hold: bool) {
        self.held.send_replace(hold);
    }

    /// What the next checks find, and the last page of an export can't read.
    pub fn finds(&self, problems: &[&str]) {
        *lock(&self.problems) = problems.iter().map(|problem| (*problem).to_owned()).collect();
    }

    /// Remembers it, unless it is known; tells whether it is new.
    fn note(&self, ForeignNote { memory, noted_at }: ForeignNote) -> (MemoryEntry, bool) {
        let (mut entries, now) = (lock(&self.entries), Timestamp::now());
        let same = |entry: &&MemoryEntry| {
            entry.kind == memory.kind && entry.content == memory.content && is_live(entry, now)
        };
        if let Some(known) = entries.iter().find(same) {
            return (known.clone(), false);
        }
        let entry = MemoryEntry {
            id: MemoryId::generate_at(noted_at.unwrap_or(now).min(now)),
            kind: memory.kind,
            content: memory.content,
            importance: memory.importance,
            tags: memory.tags,
            expires_at: memory.expires_at,
            completed_at: None,
            conversation: memory.conversation,
            sources: memory.sources,
            superseded_by: None,
        };
        let supersedes = memory.supersedes;
        if let Some(old) = entries.iter_mut().find(|entry| Some(entry.id) == supersedes) {
            old.superseded_by = Some(entry.id);
        }
        entries.push(entry.clone());
        (entry, true)
    }

    fn begin(&self) -> Result<Under<'_>, MemoryError> {
        let mut history = lock(&self.history);
        if history.running.is_some() {
            return Err(MemoryError::UnderWay { what: "a compaction" });
        }
        history.running = Some((0, 1));
        Ok(Under(self))
    }
}

/// Ends what is under way, also when its caller has gone.
struct Under<'a>(&'a FakeCuration);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        lock(&self.0.history).running = None;
    }
}

fn is_live(entry: &MemoryEntry, now: Timestamp) -> bool {
    entry.superseded_by.is_none() && entry.expires_at.is_none_or(|at| at > now)
}

#[async_trait]
impl CurationPort for FakeCuration {
    async fn remember(&self, memory: NewMemory) -> Result<MemoryEntry, MemoryError> {
        self.memory.write(MemoryOp::Append).await?;
        Ok(self.note(ForeignNote { memory, noted_at: None }).0)
    }

    async fn remember_all(&self, notes: Vec<ForeignNote>) -> Result<Imported, MemoryError> {
        self.memory.write(MemoryOp::Append).await?;
        let all = notes.len() as u64;
        let imported = notes.into_iter().map(|note| u64::from(self.note(note).1)).sum();
        Ok(Imported { imported, skipped: all - imported })
    }

    async fn forget(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        self.memory.write(MemoryOp::Erase).await?;
        let mut entries = lock(&self.entries);
        Ok(entries.iter().position(|entry| entry.id == id).map(|at| entries.remove(at)))
    }

    async fn complete(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        self.memory.write(MemoryOp::Append).await?;
        let mut entries = lock(&self.entries);
        let task = entries.iter_mut().find(|entry| entry.id == id && entry.kind == MemoryKind::Task);
        Ok(task.map(|entry| {
            entry.completed_at.get_or_insert_with(Timestamp::now);
            entry.clone()
        }))
    }

    async fn entry(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        Ok(lock(&self.entries).iter().find(|entry| entry.id == id).cloned())
    }

    async fn entries(&self, filter: EntryFilter) -> Result<EntryPage, MemoryError> {
        let (entries, now) = (lock(&self.entries), Timestamp::now());
        let matching: Vec<_> = entries
            .iter()
            .rev()
            .filter(|entry| {
                filter.kind.is_none_or(|kind| entry.kind == kind)
                    && filter.tag.as_ref().is_none_or(|tag| entry.tags.contains(tag))
                    && (filter.conversation.is_none() || entry.conversation == filter.conversation)
                    && (filter.all || is_live(entry, now))
            })
            .collect();
        let page = matching.iter().skip(filter.offset).take(filter.limit);
        Ok(EntryPage { total: matching.len(), entries: page.map(|entry| (*entry).clone()).collect() })
    }

    async fn import(&self, messages: Vec<ForeignMessage>) -> Result<Imported, MemoryError> {
        self.memory.write(MemoryOp::Append).await?;
        let mut model = lock(&self.memory.model);
        let (mut imported, all) = (0, messages.len() as u64);
        for message in messages {
            imported += u64::from(model.import(message));
        }
        Ok(Imported { imported, skipped: all - imported })
    }

    async fn restore(&self, memories: Vec<ForeignMemory>) -> Result<Imported, MemoryError> {
        self.memory.write(MemoryOp::Append).await?;
        let mut entries = lock(&self.entries);
        let (mut imported, all) = (0, memories.len() as u64);
        for ForeignMemory { entry, supersedes } in memories {
            if entries.iter().any(|known| known.id == entry.id) {
                continue;
            }
            if let Some(old) = entries.iter_mut().find(|old| Some(old.id) == supersedes) {
                old.superseded_by.get_or_insert(entry.id);
            }
            entries.push(entry);
            imported += 1;
        }
        Ok(Imported { imported, skipped: all - imported })
    }

    async fn export(&self, after: Option<ExportCursor>, limit: usize) -> Result<ExportPage, MemoryError> {
        let model = lock(&self.memory.model);
        let skip = after.map_or(0, |cursor| usize::try_from(cursor.0.0).unwrap_or(usize::MAX));
        let (mut messages, mut next, mut bytes) = (Vec::new(), None, 0);
        for (place, message) in model.exported(skip) {
            bytes += message.content.len();
            if messages.len() >= limit || (bytes > limits::EXPORT_BYTES && !messages.is_empty()) {
                return Ok(ExportPage { messages, next, ..ExportPage::default() });
            }
            messages.push(message);
            next = Some(ExportCursor(Lsn(place as u64)));
        }
        let entries = lock(&self.entries);
        let of = |entry: &MemoryEntry| {
            let earlier = entries.iter().find(|earlier| earlier.superseded_by == Some(entry.id));
            ForeignMemory { entry: entry.clone(), supersedes: earlier.map(|earlier| earlier.id) }
        };
        let unreadable = lock(&self.problems).len() as u64;
        Ok(ExportPage { messages, memories: entries.iter().map(of).collect(), next: None, unreadable })
    }

    async fn compact(&self, request: CompactRequest) -> Result<CompactionReport, MemoryError> {
        let under = self.begin()?;
        // The sender is ours: it outlives the wait.
        let _ = self.held.subscribe().wait_for(|held| !held).await;
        let messages = lock(&self.memory.model).exported(0).count() as u64;
        let report = CompactionReport {
            started_at: Timestamp::now(),
            took_ms: 0,
            segments: 1,
            messages,
            added: messages,
            superseded: 0,
            rejected: 0,
            wal_bytes_before: 2048,
            wal_bytes_after: 1024,
            method: if request.offline { "extractive" } else { "model" }.to_owned(),
            files: vec!["memory/compacted/facts.md".to_owned()],
            dry_run: request.dry_run,
        };
        if !request.dry_run {
            lock(&self.history).reports.insert(0, report.clone());
        }
        drop(under);
        Ok(report)
    }

    async fn history(&self, limit: usize) -> Result<CompactionHistory, MemoryError> {
        let mut history = lock(&self.history).clone();
        history.reports.truncate(limit);
        Ok(history)
    }

    async fn collect_garbage(&self) -> Result<Collected, MemoryError> {
        self.memory.write(MemoryOp::Erase).await?;
        let (mut entries, now, mut collected) = (lock(&self.entries), Timestamp::now(), Collected::default());
        entries.retain(|entry| {
            let live = is_live(entry, now);
            collected.expired_entries += u64::from(!live);
            collected.bytes += if live { 0 } else { entry.content.len() as u64 };
            live
        });
        Ok(collected)
    }

    async fn verify(&self) -> Result<Verification, MemoryError> {
        let model = lock(&self.memory.model);
        let (mut records, mut bytes) = (0, 0);
        for (_, message) in model.exported(0) {
            records += 1;
            bytes += message.content.len() as u64;
        }
        Ok(Verification { records, bytes, problems: lock(&self.problems).clone(), took_ms: 0 })
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::{Role, port::MemoryPort as _};

    use super::*;

    fn message(id: Option<&str>, content: &str) -> ForeignMessage {
        ForeignMessage {
            conversation: "c".parse().unwrap(),
            channel: "api".to_owned(),
            role: Role::User,
            content: content.to_owned(),
            timestamp: Timestamp::from_unix_millis(7),
            id: id.map(|id| id.parse().unwrap()),
        }
    }

    #[tokio::test]
    async fn what_is_imported_comes_out_again_once() {
        let memory = Arc::new(FakeMemory::new());
        let curation = FakeCuration::new(Arc::clone(&memory));
        let batch = vec![message(Some("a"), "one"), message(None, "two"), message(None, "two")];
        assert_eq!(curation.import(batch.clone()).await.unwrap(), Imported { imported: 2, skipped: 1 });
        assert_eq!(curation.import(batch).await.unwrap(), Imported { imported: 0, skipped: 3 });
        let first = curation.export(None, 1).await.unwrap();
        assert_eq!(first.messages[0].content, "one");
        let rest = curation.export(first.next, 9).await.unwrap();
        assert_eq!((rest.messages.len(), rest.messages[0].content.as_str(), rest.next), (1, "two", None));
        memory.erase_conversation(&"c".parse().unwrap()).await.unwrap();
        assert_eq!(curation.export(None, 9).await.unwrap().messages, []);
    }

    #[tokio::test]
    async fn only_one_compaction_at_a_time() {
        let curation = Arc::new(FakeCuration::new(Arc::default()));
        curation.hold_compactions(true);
        let mut first = Box::pin(curation.compact(CompactRequest::default()));
        assert!(futures_util::poll!(&mut first).is_pending());
        let second = curation.compact(CompactRequest::default()).await;
        assert!(matches!(second, Err(MemoryError::UnderWay { .. })), "{second:?}");
        curation.hold_compactions(false);
        assert_eq!(first.await.unwrap().method, "model");
        assert_eq!(curation.history(5).await.unwrap().reports.len(), 1);
    }
}
