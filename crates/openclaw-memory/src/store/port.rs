//! The port, method by method.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::{
    ContentBlock, ConversationFilter, ConversationId, ConversationPage, ConversationView, Erased, Message,
    MessageId, MessageWindow, NewRun, RunId, RunOutcome, RunRecord,
    port::{
        Accepted, ContextNote, MemoryError, MemoryPort, MemoryStats, PruneRequest, Pruned, RecallQuery,
        Recalled, SearchQuery, SearchResults, StoreHealth,
    },
};
use tokio::runtime::Handle;

use super::{Core, Memory};
use crate::{record::ConvKey, wal::LogHealth};

/// How long a search waits for others to end.
const SEARCH_WAIT: Duration = Duration::from_secs(10);

/// Tells a scan that nobody waits for it any more.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Memory {
    /// Why the log can't be written, if it can't.
    pub(super) fn unwritable(&self) -> Option<String> {
        match self.core.wal.health() {
            LogHealth::Writable => None,
            LogHealth::Full { reason } | LogHealth::Poisoned { reason } => Some(reason),
            LogHealth::Closed => Some("the memory is closed".to_owned()),
        }
    }

    /// Searches when it is this one's turn. The search ends when nobody waits for it any more.
    async fn searching<T: Send + 'static>(
        &self,
        search: impl FnOnce(&Core, &AtomicBool) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, MemoryError> {
        let turn = Arc::clone(&self.core.searches).acquire_owned();
        let turn = match tokio::time::timeout(SEARCH_WAIT, turn).await {
            Ok(Ok(turn)) => turn,
            // Closed only with the process.
            Ok(Err(_)) => return Err(MemoryError::Closed),
            Err(_) => {
                let busy = "other searches are still going through it; try again later";
                let source = io::Error::new(io::ErrorKind::TimedOut, busy);
                return Err(MemoryError::Io { path: self.core.dir.join("wal"), source });
            }
        };
        let stop = StopOnDrop::default();
        let stopped = Arc::clone(&stop.0);
        let work = self.blocking(move |core| {
            // Ends with the scan, not with whoever waits for it.
            let _turn = turn;
            search(core, &stopped)
        });
        work.await
    }
}

#[async_trait]
impl MemoryPort for Memory {
    async fn accept_run(&self, run: NewRun) -> Result<Accepted, MemoryError> {
        self.accept(run).await
    }

    async fn find_key(&self, run: &NewRun) -> Result<Option<Accepted>, MemoryError> {
        self.find_earlier(run).await
    }

    async fn append_steps(&self, run: RunId, steps: Vec<ContentBlock>) -> Result<(), MemoryError> {
        self.add_steps(run, steps).await
    }

    async fn end_run(&self, run: RunId, outcome: RunOutcome) -> Result<(), MemoryError> {
        self.end(run, outcome).await
    }

    async fn pending_runs(&self) -> Result<Vec<(NewRun, RunRecord)>, MemoryError> {
        self.blocking(|core| core.pending_runs()).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.blocking(move |core| core.run(id)).await
    }

    async fn recent(
        &self,
        conversation: &ConversationId,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Message>>, MemoryError> {
        let conversation = ConvKey::of(conversation);
        // The usual turn finds everything in memory, and the index asks the page cache for a page or two: less than handing
        // the question to another thread would cost.
        if let Some(messages) = self.core.recent_cached(&conversation, max_messages, max_bytes)? {
            return Ok(messages);
        }
        self.blocking(move |core| core.recent(&conversation, max_messages, max_bytes)).await
    }

    async fn conversations(&self, filter: ConversationFilter) -> Result<ConversationPage, MemoryError> {
        self.blocking(move |core| core.conversations(&filter)).await
    }

    async fn conversation(
        &self,
        id: &ConversationId,
        window: MessageWindow,
    ) -> Result<Option<ConversationView>, MemoryError> {
        let id = id.clone();
        self.blocking(move |core| core.conversation(&id, &window)).await
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        let (id, runtime) = (id.clone(), Handle::current());
        self.blocking(move |core| core.erase(&id, &runtime)).await
    }

    async fn message(
        &self,
        id: &MessageId,
        _within: Option<&ConversationId>,
    ) -> Result<Option<Arc<Message>>, MemoryError> {
        let id = id.clone();
        self.blocking(move |core| core.message(&id)).await
    }

    async fn search(&self, query: SearchQuery) -> Result<SearchResults, MemoryError> {
        self.searching(move |core, stop| core.search(&query, stop)).await
    }

    async fn recall(&self, query: RecallQuery) -> Result<Vec<Recalled>, MemoryError> {
        self.searching(move |core, stop| core.recall(&query, stop)).await
    }

    async fn note_context(&self, run: RunId, note: ContextNote) -> Result<(), MemoryError> {
        self.note(run, &note).await
    }

    async fn context_note(&self, run: RunId) -> Result<Option<ContextNote>, MemoryError> {
        self.blocking(move |core| core.context_note(run)).await
    }

    async fn prune(&self, request: PruneRequest) -> Result<Pruned, MemoryError> {
        let runtime = Handle::current();
        self.blocking(move |core| core.prune(&request, &runtime)).await
    }

    async fn stats(&self) -> Result<MemoryStats, MemoryError> {
        self.blocking(|core| core.stats()).await
    }

    fn totals(&self) -> (u64, u64) {
        self.core.projections.totals()
    }

    fn health(&self) -> StoreHealth {
        match self.unwritable().or_else(|| self.core.index_fault()) {
            None => StoreHealth::Writable,
            Some(reason) => StoreHealth::ReadOnly { reason },
        }
    }
}
