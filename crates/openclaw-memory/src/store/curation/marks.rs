//! What was compacted, and when.

use std::ops::Range;

use openclaw_core::{
    Lsn,
    port::{CompactionHistory, CompactionReport, MemoryError},
};
use tokio::runtime::Handle;

use crate::{
    index::Change,
    record::{Record, encode_mark},
    store::Core,
};

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
    #[cfg_attr(not(test), expect(dead_code, reason = "what makes Markdown calls it"))]
    pub(crate) fn mark_compacted(&self, done: &Compaction, runtime: &Handle) -> Result<(), MemoryError> {
        let payload = encode_mark(&done.lsns, &done.report, &done.files);
        let _alone = self.maintain();
        self.append(payload, Change::Compacted(done.lsns.clone()), runtime)
    }

    /// Past compactions, newest first. A mark that can't be read is passed over.
    pub(crate) fn compactions(&self, limit: usize) -> Result<Vec<Compaction>, MemoryError> {
        let mut found = Vec::new();
        for (at, lsns) in self.projections.compactions(limit).map_err(|e| self.index_failed(e))? {
            let Some(payload) = self.payload(at)? else { continue };
            let Ok(Record::Mark(mark)) = Record::decode(&payload) else { continue };
            let Ok(report) = mark.report() else { continue };
            let files = mark.files.iter().map(|(path, hash)| ((*path).to_owned(), *hash)).collect();
            found.push(Compaction { lsns, report, files });
        }
        Ok(found)
    }

    /// Up to where the log is Markdown: every record before this one. 1 when none is.
    #[cfg_attr(not(test), expect(dead_code, reason = "what makes Markdown asks for it"))]
    pub(crate) fn compacted_until(&self) -> Result<Lsn, MemoryError> {
        let all = self.projections.compactions(usize::MAX).map_err(|e| self.index_failed(e))?;
        Ok(all.into_iter().map(|(_, lsns)| lsns.end).max().unwrap_or(Lsn(1)))
    }

    /// Says how far the compaction under way is: segments done and in all; `None`: none is.
    #[cfg_attr(not(test), expect(dead_code, reason = "what makes Markdown calls it"))]
    pub(crate) fn set_compacting(&self, progress: Option<(u64, u64)>) {
        *self.compacting.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = progress;
    }

    pub(super) fn compaction_history(&self, limit: usize) -> Result<CompactionHistory, MemoryError> {
        let running = *self.compacting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let reports = self.compactions(limit)?.into_iter().map(|done| done.report).collect();
        Ok(CompactionHistory { reports, running })
    }
}
