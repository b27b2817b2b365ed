//! Port of the memory: what was said, durably.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryError;
use crate::{
    ContentBlock, ConversationFilter, ConversationId, ConversationPage, ConversationView, Erased, Message,
    MessageId, MessageWindow, NewRun, Role, RunId, RunOutcome, RunRecord, Timestamp,
};

/// The store of everything that was said. A write that returned `Ok` is on the disk and survives a crash; a write that
/// returned an error, or whose future was dropped, has either happened as a whole or not at all.
#[async_trait]
pub trait MemoryPort: Send + Sync {
    /// Makes the user's message and its pending run durable. When the idempotency key was used within its time, nothing is
    /// written and the earlier run is named.
    async fn accept_run(&self, run: NewRun) -> Result<Accepted, MemoryError>;

    /// What [`Self::accept_run`] would say of this run because of its idempotency key; `None` when it would be new. Writes
    /// nothing. A store without keys has none to find.
    async fn find_key(&self, run: &NewRun) -> Result<Option<Accepted>, MemoryError> {
        let _ = run;
        Ok(None)
    }

    /// Appends what a pending run did before its end (text, tool calls, tool results). Write a tool call before making it:
    /// a run with one is not repeated after a crash.
    async fn append_steps(&self, run: RunId, steps: Vec<ContentBlock>) -> Result<(), MemoryError>;

    /// Makes a run's end durable, and with it the reply. Ending a run twice leaves the first end.
    async fn end_run(&self, run: RunId, outcome: RunOutcome) -> Result<(), MemoryError>;

    /// Runs that were accepted and have not ended, oldest first, with the message each is about.
    async fn pending_runs(&self) -> Result<Vec<(NewRun, RunRecord)>, MemoryError>;

    /// One run, or `None` when there is no such run (any more).
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError>;

    /// The last messages of a conversation, oldest first: as many as fit `max_messages` and `max_bytes` of text. Empty for an
    /// unknown conversation. The attachments' bytes come along; `metadata.extra` does not, which no prompt has a use for.
    async fn recent(
        &self,
        conversation: &ConversationId,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Message>>, MemoryError>;

    /// Lists conversations.
    async fn conversations(&self, filter: ConversationFilter) -> Result<ConversationPage, MemoryError>;

    /// Reads a conversation; `None` when it does not exist.
    async fn conversation(
        &self,
        id: &ConversationId,
        window: MessageWindow,
    ) -> Result<Option<ConversationView>, MemoryError>;

    /// Erases a conversation: when this returns, no file holds any of its content and no search finds it. `None` when it does
    /// not exist. Runs of it that are still going end as cancelled for the log; stop them first.
    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError>;

    /// One message by its id, without its attachments' bytes where that saves work; `None` when there is none. `within` names the
    /// conversation of one that was imported; a store that keeps an index of ids does without.
    async fn message(
        &self,
        id: &MessageId,
        within: Option<&ConversationId>,
    ) -> Result<Option<Arc<Message>>, MemoryError> {
        let own = match RunId::of_message(id) {
            Some(run) => self.run(run).await?.map(|run| run.conversation),
            None => None,
        };
        let Some(conversation) = own.as_ref().or(within) else { return Ok(None) };
        let view = self.conversation(conversation, MessageWindow::default()).await?;
        let messages = view.map(|view| view.messages).unwrap_or_default();
        Ok(messages.into_iter().find(|message| message.id == *id).map(Arc::new))
    }

    /// Finds passages.
    async fn search(&self, query: SearchQuery) -> Result<SearchResults, MemoryError>;

    /// Chooses what of the memory belongs into a prompt: candidates with the four factors of each, most relevant first. A
    /// store that remembers nothing has none.
    async fn recall(&self, query: RecallQuery) -> Result<Vec<Recalled>, MemoryError> {
        let _ = query;
        Ok(Vec::new())
    }

    /// Stores what a run's prompt was made of, so that it can be explained later. Not waited for: durable with the run's end.
    async fn note_context(&self, run: RunId, note: ContextNote) -> Result<(), MemoryError> {
        let _ = (run, note);
        Ok(())
    }

    /// What a run's prompt was made of; `None` when nothing was noted.
    async fn context_note(&self, run: RunId) -> Result<Option<ContextNote>, MemoryError> {
        let _ = run;
        Ok(None)
    }

    /// Removes (or, without `confirm`, only counts) what lies before a time.
    async fn prune(&self, request: PruneRequest) -> Result<Pruned, MemoryError>;

    /// Sizes and counts.
    async fn stats(&self) -> Result<MemoryStats, MemoryError>;

    /// Runs completed so far and the sum of their latencies in milliseconds: lifetime figures that survive restarts.
    fn totals(&self) -> (u64, u64);

    /// Whether the log can be written. Cheap: asked by every health check.
    fn health(&self) -> StoreHealth;
}

/// What became of [`MemoryPort::accept_run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The run is new and durable.
    New,
    /// The key names this earlier run, whose request was the same.
    Duplicate(RunId),
    /// The key names this earlier run, whose request was another: a client's mistake.
    Conflict(RunId),
}

/// Whether the log can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreHealth {
    /// It can.
    Writable,
    /// It can't; reading goes on.
    ReadOnly {
        /// What happened and what to do.
        reason: String,
    },
}

/// Which part of the memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemoryType {
    /// Both.
    #[default]
    All,
    /// The write-ahead log.
    Wal,
    /// The Markdown made from it.
    Compacted,
}

/// What to find.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchQuery {
    /// Words, in any language.
    pub query: String,
    /// At most this many results.
    pub limit: usize,
    /// Where.
    pub kind: MemoryType,
    /// Only what was said at or after this.
    pub since: Option<Timestamp>,
    /// Only what was said at or before this.
    pub until: Option<Timestamp>,
    /// Only what was said on this channel.
    pub channel: Option<String>,
    /// Only what was said in this conversation.
    pub conversation: Option<ConversationId>,
}

/// What was found, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResults {
    /// The best so many.
    pub hits: Vec<SearchHit>,
    /// How many passages match in all, counted up to 1,000.
    pub total: usize,
}

/// A passage that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// Id of the message, or of the Markdown passage.
    pub id: String,
    /// [`MemoryType::Wal`] or [`MemoryType::Compacted`].
    pub kind: MemoryType,
    /// The passage around the match.
    pub content: String,
    /// Higher is better; comparable within one answer only.
    pub score: f32,
    /// When it was said.
    pub timestamp: Timestamp,
    /// Where it was said; `None` for a Markdown passage of several conversations.
    pub conversation: Option<ConversationId>,
    /// Channel of the conversation.
    pub channel: Option<String>,
    /// Who said it.
    pub role: Option<Role>,
    /// The file of a compacted hit, relative to the data directory.
    pub source: Option<String>,
}

/// What to choose memories for.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallQuery {
    /// The message to be answered, perhaps with what was said just before.
    pub text: String,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Messages that the prompt holds already; they, and what is made of them alone, are left out.
    pub present: Vec<crate::MessageId>,
    /// At most this many.
    pub limit: usize,
}

/// A memory that may belong into a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Id of the message, the remembered entry, or the Markdown line.
    pub id: String,
    /// What it says: the passage that matters.
    pub content: String,
    /// What sort; a message said earlier is a [`crate::MemoryKind::Conversation`].
    pub kind: crate::MemoryKind,
    /// When it was said or remembered.
    pub timestamp: Timestamp,
    /// Who said it, of a message.
    pub role: Option<Role>,
    /// How well it fits, 0 to 1.
    pub relevance: f32,
    /// How much it matters in itself, 0 to 1.
    pub importance: f32,
    /// How new it is, 0 to 1: halved with each half-life.
    pub recency: f32,
    /// How often it was used before, 0 to 1.
    pub frequency: f32,
}

/// What a run's prompt was made of.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContextNote {
    /// Size of the model's window, in tokens.
    pub window: u32,
    /// Tokens of the instructions, the recent conversation, the memories and the tools, as estimated.
    pub tokens: [u32; 4],
    /// Messages of the recent conversation that went in.
    pub recent: u32,
    /// Memories that went in, best first.
    pub memories: Vec<ContextMemory>,
    /// What was cut or left out.
    pub cuts: Vec<ContextCut>,
}

/// A memory that went into a prompt.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContextMemory {
    /// Its id.
    pub id: String,
    /// The sum of the four.
    pub score: f32,
    /// Relevance, importance, recency, frequency, 0 to 1 each.
    pub factors: [f32; 4],
}

/// Something that did not go in whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContextCut {
    /// Id of the message or memory, or `soul.md`, or a tool's name, or `recall` when the memory could not be asked.
    pub id: String,
    /// Why, in a few words: `over the share of the recent conversation`, ….
    pub reason: String,
    /// Tokens left out, as estimated.
    pub tokens: u32,
}

/// What to prune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneRequest {
    /// Everything said before this.
    pub before: Timestamp,
    /// Where.
    pub kind: MemoryType,
    /// Whether to remove it; without, it is only counted.
    pub confirm: bool,
}

/// What was, or would be, pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records of the log.
    pub wal_entries: u64,
    /// Markdown files that lines were taken out of, or that went as a whole.
    pub compacted_files: u64,
    /// Bytes of content.
    pub bytes: u64,
}

/// Sizes and counts of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryStats {
    /// The log.
    pub wal: WalStats,
    /// The Markdown.
    pub compacted: CompactedStats,
    /// Bytes of the log's archived segments, compressed.
    pub archive_bytes: u64,
    /// Bytes of the log, its archive and the Markdown together.
    pub total_bytes: u64,
    /// Search by meaning; `None` while there is no model.
    pub semantic: Option<SemanticStats>,
}

/// How far search by meaning has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemanticStats {
    /// Vectors there are.
    pub vectors: u64,
    /// Records of the log that wait for theirs.
    pub backlog: u64,
}

/// Sizes and counts of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalStats {
    /// Messages (and other remembered entries) in it; bookkeeping records are not counted.
    pub entries: u64,
    /// Bytes of its segments.
    pub bytes: u64,
    /// Time of the oldest entry.
    pub oldest: Option<Timestamp>,
}

/// Sizes and counts of the Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactedStats {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the last compaction ended.
    pub last_compaction: Option<Timestamp>,
}
