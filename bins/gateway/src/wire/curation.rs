//! Stands where the memory's care will: until the store brings its own, everything asked of it is refused.

use async_trait::async_trait;
use openclaw_core::{
    ForeignMessage, MemoryEntry, MemoryId, NewMemory,
    port::{
        Collected, CompactRequest, CompactionHistory, CompactionReport, CurationPort, EntryFilter, EntryPage,
        ExportCursor, ExportPage, Imported, MemoryError, Verification,
    },
};

/// Refuses everything.
pub(crate) struct Uncared;

fn refused<T>() -> Result<T, MemoryError> {
    Err(MemoryError::Unwritable { reason: "this build keeps no curated memory".to_owned() })
}

#[async_trait]
impl CurationPort for Uncared {
    async fn remember(&self, _: NewMemory) -> Result<MemoryEntry, MemoryError> {
        refused()
    }

    async fn forget(&self, _: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        refused()
    }

    async fn complete(&self, _: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        refused()
    }

    async fn entry(&self, _: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        refused()
    }

    async fn entries(&self, _: EntryFilter) -> Result<EntryPage, MemoryError> {
        refused()
    }

    async fn import(&self, _: Vec<ForeignMessage>) -> Result<Imported, MemoryError> {
        refused()
    }

    async fn export(&self, _: Option<ExportCursor>, _: usize) -> Result<ExportPage, MemoryError> {
        refused()
    }

    async fn compact(&self, _: CompactRequest) -> Result<CompactionReport, MemoryError> {
        refused()
    }

    async fn history(&self, _: usize) -> Result<CompactionHistory, MemoryError> {
        refused()
    }

    async fn collect_garbage(&self) -> Result<Collected, MemoryError> {
        refused()
    }

    async fn verify(&self) -> Result<Verification, MemoryError> {
        refused()
    }
}
