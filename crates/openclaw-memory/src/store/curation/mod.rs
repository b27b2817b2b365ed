//! Remembering and forgetting on purpose: entries, imports, exports, retention, and what of the memory goes into a prompt.
//!
//! Whatever here changes the log does so one after another, and not while a checkpoint or an erasure is under way: so what it
//! decides still holds when its record is written.

mod check;
mod collect;
mod compact;
mod entries;
mod export;
mod forgetting;
mod import;
mod marks;
mod note;
mod past;
mod recall;
mod remember;
mod restore;

use async_trait::async_trait;
use openclaw_core::{
    ForeignMemory, ForeignMessage, ForeignNote, MemoryEntry, MemoryId, NewMemory,
    port::{
        Collected, CompactRequest, CompactionHistory, CompactionReport, CurationPort, EntryFilter, EntryPage,
        ExportCursor, ExportPage, Imported, MemoryError, Verification,
    },
};
use tokio::runtime::Handle;

pub(super) use compact::Model;
pub(super) use forgetting::plan_forgetting;
pub use past::Past;
pub(super) use remember::{memory_changes, supersede_changes};

use super::{Core, Item, Memory, error};
use crate::index::Change;
pub(super) use entries::Moment;

#[async_trait]
impl CurationPort for Memory {
    async fn remember(&self, memory: NewMemory) -> Result<MemoryEntry, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.remember(&memory, &runtime)).await
    }

    async fn remember_all(&self, notes: Vec<ForeignNote>) -> Result<Imported, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.remember_all(&notes, &runtime)).await
    }

    async fn forget(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.forget(id, &runtime)).await
    }

    async fn complete(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.complete(id, &runtime)).await
    }

    async fn entry(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError> {
        self.blocking(move |core| core.remembered(id, Moment::now())).await
    }

    async fn entries(&self, filter: EntryFilter) -> Result<EntryPage, MemoryError> {
        self.blocking(move |core| core.entries(&filter, Moment::now())).await
    }

    async fn import(&self, messages: Vec<ForeignMessage>) -> Result<Imported, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.import(messages, &runtime)).await
    }

    async fn restore(&self, memories: Vec<ForeignMemory>) -> Result<Imported, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.restore(&memories, &runtime)).await
    }

    async fn export(&self, after: Option<ExportCursor>, limit: usize) -> Result<ExportPage, MemoryError> {
        self.blocking(move |core| core.export(after, limit)).await
    }

    async fn compact(&self, request: CompactRequest) -> Result<CompactionReport, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.compact(request, &runtime)).await
    }

    async fn history(&self, limit: usize) -> Result<CompactionHistory, MemoryError> {
        self.blocking(move |core| core.compaction_history(limit)).await
    }

    async fn collect_garbage(&self) -> Result<Collected, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.collect_garbage(&runtime)).await
    }

    async fn verify(&self) -> Result<Verification, MemoryError> {
        self.blocking(|core| core.verification()).await
    }
}

impl Core {
    /// Appends a record that changes what is remembered, durably. To be called while nobody else does.
    fn append(&self, payload: Vec<u8>, change: Change, runtime: &Handle) -> Result<(), MemoryError> {
        let item = Item { change, _held: None };
        runtime.block_on(self.wal.append(payload, item)).map_err(error::append)?;
        Ok(())
    }
}
