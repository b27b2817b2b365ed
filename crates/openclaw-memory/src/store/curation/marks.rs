//! What was compacted, and when.

use std::ops::Range;

use openclaw_core::{
    Lsn,
    port::{CompactionHistory, CompactionReport, MemoryError},
};
use tokio::runtime::Handle;

use super::compact::add;
use crate::{
    index::Change,
    record::{Record, encode_mark},
    store::Core,
    wal::Pointer,
};

/// A part of a run, and those after it.
fn joined(part: CompactionReport, later: &CompactionReport) -> CompactionReport {
    let mut run = part;
    add(&mut run, later);
    // Counted from the run's beginning.
    run.took_ms = later.took_ms;
    run.wal_bytes_after = later.wal_bytes_after;
    run
}

/// A compaction as its mark has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compaction {
    /// The records that were compacted.
    pub(crate) lsns: Range<Lsn>,
    pub(crate) report: CompactionReport,
    /// Files written, relative to the data directory, and the SHA-256 of what was written.
    pub(crate) files: Vec<(String, [u8; 32])>,
}

impl Core {
    /// Notes, durably, that these records are Markdown now. Blocks.
    pub(crate) fn mark_compacted(&self, done: &Compaction, runtime: &Handle) -> Result<(), MemoryError> {
        let payload = encode_mark(&done.lsns, &done.report, &done.files);
        let _alone = self.maintain();
        self.append(payload, Change::Compacted(done.lsns.clone()), runtime)
    }

    /// Past compactions, newest first. A mark that can't be read is passed over.
    pub(crate) fn compactions(&self, limit: usize) -> Result<Vec<Compaction>, MemoryError> {
        let mut found = Vec::new();
        for (at, _) in self.projections.compactions(limit).map_err(|e| self.index_failed(e))? {
            found.extend(self.compaction_at(at)?);
        }
        Ok(found)
    }

    /// Up to where the log is Markdown: every record before this one. 1 when none is.
    pub(crate) fn compacted_until(&self) -> Result<Lsn, MemoryError> {
        let all = self.projections.compactions(usize::MAX).map_err(|e| self.index_failed(e))?;
        Ok(all.into_iter().map(|(_, lsns)| lsns.end).max().unwrap_or(Lsn(1)))
    }

    pub(super) fn compaction_history(&self, limit: usize) -> Result<CompactionHistory, MemoryError> {
        let running = *self.compacting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(CompactionHistory { reports: self.runs(limit)?, running })
    }

    /// Past runs, newest first. One that went in several parts has a mark for each; they began at the same time.
    fn runs(&self, limit: usize) -> Result<Vec<CompactionReport>, MemoryError> {
        let mut runs: Vec<CompactionReport> = Vec::new();
        for (at, _) in self.projections.compactions(usize::MAX).map_err(|e| self.index_failed(e))? {
            let Some(part) = self.compaction_at(at)?.map(|done| done.report) else { continue };
            let full = runs.len() == limit;
            match runs.last_mut() {
                Some(run) if run.started_at == part.started_at => *run = joined(part, run),
                _ if full => break,
                _ => runs.push(part),
            }
        }
        Ok(runs)
    }

    /// What a mark says; `None`: it can't be read.
    fn compaction_at(&self, at: Pointer) -> Result<Option<Compaction>, MemoryError> {
        let Some(payload) = self.payload(at)? else { return Ok(None) };
        let Ok(Record::Mark(mark)) = Record::decode(&payload) else { return Ok(None) };
        let Ok(report) = mark.report() else { return Ok(None) };
        let files = mark.files.iter().map(|(path, hash)| ((*path).to_owned(), *hash)).collect();
        Ok(Some(Compaction { lsns: mark.lsns, report, files }))
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::{
        Timestamp,
        config::MemoryConfig,
        port::{CurationPort as _, MemoryPort as _},
    };

    use super::*;
    use crate::store::Memory;

    #[tokio::test]
    async fn compactions_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let mut memory = Memory::open(dir.path(), &config).unwrap().0;
        let done = |first: u64, end: u64| Compaction {
            lsns: Lsn(first)..Lsn(end),
            report: CompactionReport {
                started_at: Timestamp::from_unix_millis(1_774_000_000_000 + i64::try_from(first).unwrap()),
                took_ms: 1500,
                segments: 2,
                messages: end - first,
                added: 5,
                superseded: 1,
                rejected: 1,
                wal_bytes_before: 9000,
                wal_bytes_after: 100,
                method: "extractive".to_owned(),
                files: vec!["memory/compacted/facts.md".to_owned()],
                dry_run: false,
            },
            files: vec![("memory/compacted/facts.md".to_owned(), [7; 32])],
        };
        assert_eq!(memory.core().compacted_until().unwrap(), Lsn(1));
        assert_eq!(memory.stats().await.unwrap().compacted.last_compaction, None);
        for n in 0..5 {
            let mark = done(n * 10 + 1, n * 10 + 11);
            memory.blocking(move |core| core.mark_compacted(&mark, &Handle::current())).await.unwrap();
            if n == 2 {
                assert!(memory.checkpoint_now());
            }
        }
        memory.core().set_compacting(Some((1, 3)));
        assert_eq!(memory.history(1).await.unwrap().running, Some((1, 3)));
        for round in 0..3 {
            let history = memory.history(3).await.unwrap();
            assert_eq!(history.reports, [4, 3, 2].map(|n| done(n * 10 + 1, n * 10 + 11).report));
            assert_eq!(memory.core().compactions(9).unwrap().last(), Some(&done(1, 11)));
            assert_eq!(memory.core().compacted_until().unwrap(), Lsn(51));
            let last = memory.stats().await.unwrap().compacted.last_compaction.unwrap();
            assert_eq!(last.unix_millis(), 1_774_000_001_541);
            memory.close().await;
            drop(memory);
            if round == 1 {
                std::fs::remove_dir_all(dir.path().join("index")).unwrap();
            }
            memory = Memory::open(dir.path(), &config).unwrap().0;
        }
    }
}
