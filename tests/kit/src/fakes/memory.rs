//! The memory, in memory.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::{
    ContentBlock, ConversationFilter, ConversationId, ConversationPage, ConversationView, Erased, Message,
    MessageWindow, NewRun, RunId, RunOutcome, RunRecord, RunState, Timestamp,
    port::{
        Accepted, CompactedStats, ContextNote, MemoryError, MemoryPort, MemoryStats, MemoryType,
        PruneRequest, Pruned, RecallQuery, Recalled, SearchHit, SearchQuery, SearchResults, StoreHealth,
        WalStats,
    },
};

use super::{lock, memory_model::Model};

/// The calls of [`MemoryPort`] that a test can make fail one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryOp {
    /// `accept_run`
    Accept,
    /// `append_steps`
    Append,
    /// `end_run`
    End,
    /// `pending_runs`
    Pending,
    /// `run`
    Run,
    /// `recent`
    Recent,
    /// `erase_conversation`
    Erase,
    /// `recall`
    Recall,
}

/// A [`MemoryPort`] that keeps everything in memory. Share one between two agents to play a restart.
#[derive(Debug, Default)]
pub struct FakeMemory {
    pub(super) model: Mutex<Model>,
    recalled: Mutex<Vec<Recalled>>,
    unwritable: Mutex<Option<String>>,
    failing: Mutex<HashSet<MemoryOp>>,
    delay: Mutex<Option<Duration>>,
    recall_delay: Mutex<Option<Duration>>,
}

impl FakeMemory {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every write fail with this reason, as a full disk would; `None` heals it. Reads go on.
    pub fn unwritable(&self, reason: Option<&str>) {
        *lock(&self.unwritable) = reason.map(str::to_owned);
    }

    /// Makes one kind of call fail, or heals it. Writes fail with [`MemoryError::Unwritable`], reads with [`MemoryError::Io`].
    pub fn fail(&self, op: MemoryOp, failing: bool) {
        let mut set = lock(&self.failing);
        if failing {
            set.insert(op);
        } else {
            set.remove(&op);
        }
    }

    /// Makes every write take this long (by tokio's clock, so that it can be paused).
    pub fn slow_writes(&self, delay: Option<Duration>) {
        *lock(&self.delay) = delay;
    }

    /// Makes every recall find these, best first, but for what the prompt holds already.
    pub fn recalls(&self, recalled: Vec<Recalled>) {
        *lock(&self.recalled) = recalled;
    }

    /// Makes every recall take this long.
    pub fn slow_recalls(&self, delay: Option<Duration>) {
        *lock(&self.recall_delay) = delay;
    }

    /// The texts of a conversation in the order of the log, each after its role.
    #[must_use]
    pub fn transcript(&self, id: &ConversationId) -> Vec<String> {
        let model = lock(&self.model);
        let messages = model.conversations.get(id).map(|conversation| conversation.messages.as_slice());
        let show = |message: &Arc<Message>| format!("{:?}: {}", message.role, message.text());
        messages.unwrap_or_default().iter().map(show).collect()
    }

    pub(super) async fn write(&self, op: MemoryOp) -> Result<(), MemoryError> {
        let delay = *lock(&self.delay);
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if let Some(reason) = lock(&self.unwritable).clone() {
            return Err(MemoryError::Unwritable { reason });
        }
        if lock(&self.failing).contains(&op) {
            return Err(MemoryError::Unwritable { reason: format!("{op:?} fails as told") });
        }
        Ok(())
    }

    fn read(&self, op: MemoryOp) -> Result<(), MemoryError> {
        if lock(&self.failing).contains(&op) {
            let source = std::io::Error::other(format!("{op:?} fails as told"));
            return Err(MemoryError::Io { path: "memory/wal/fake.wal".into(), source });
        }
        Ok(())
    }
}

fn text_bytes(message: &Message) -> usize {
    let bytes = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => text.len(),
        ContentBlock::ToolCall(call) => call.arguments.to_string().len(),
        ContentBlock::ToolResult(result) => result.content.len(),
    };
    message.content.iter().map(bytes).sum()
}

#[async_trait]
impl MemoryPort for FakeMemory {
    async fn accept_run(&self, run: NewRun) -> Result<Accepted, MemoryError> {
        self.write(MemoryOp::Accept).await?;
        Ok(lock(&self.model).accept(run))
    }

    async fn find_key(&self, run: &NewRun) -> Result<Option<Accepted>, MemoryError> {
        Ok(lock(&self.model).find_key(run))
    }

    async fn append_steps(&self, run: RunId, steps: Vec<ContentBlock>) -> Result<(), MemoryError> {
        self.write(MemoryOp::Append).await?;
        lock(&self.model).append(run, &steps)
    }

    async fn end_run(&self, run: RunId, outcome: RunOutcome) -> Result<(), MemoryError> {
        self.write(MemoryOp::End).await?;
        lock(&self.model).end(run, outcome)
    }

    async fn pending_runs(&self) -> Result<Vec<(NewRun, RunRecord)>, MemoryError> {
        self.read(MemoryOp::Pending)?;
        let model = lock(&self.model);
        let mut pending: Vec<_> = model
            .runs
            .values()
            .filter(|run| matches!(run.record.state, RunState::Pending { .. }))
            .map(|run| (run.order, run.new.clone(), run.record.clone()))
            .collect();
        pending.sort_by_key(|(order, _, _)| *order);
        Ok(pending.into_iter().map(|(_, new, record)| (new, record)).collect())
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.read(MemoryOp::Run)?;
        Ok(lock(&self.model).runs.get(&id).map(|run| run.record.clone()))
    }

    async fn recent(
        &self,
        conversation: &ConversationId,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Message>>, MemoryError> {
        self.read(MemoryOp::Recent)?;
        let model = lock(&self.model);
        let Some(conversation) = model.conversations.get(conversation) else { return Ok(Vec::new()) };
        let mut bytes = 0;
        let latest = conversation.messages.iter().rev().take(max_messages);
        let mut found: Vec<_> = latest
            .take_while(|message| {
                bytes += text_bytes(message);
                bytes <= max_bytes
            })
            .cloned()
            .collect();
        found.reverse();
        Ok(found)
    }

    async fn conversations(&self, filter: ConversationFilter) -> Result<ConversationPage, MemoryError> {
        let model = lock(&self.model);
        let mut found: Vec<_> = model
            .conversations
            .iter()
            .map(|(id, conversation)| conversation.summary(id))
            .filter(|item| {
                filter.channel.as_ref().is_none_or(|channel| item.channel == *channel)
                    && filter.since.is_none_or(|since| item.last_message_at >= since)
                    && filter.until.is_none_or(|until| item.last_message_at <= until)
            })
            .collect();
        found.sort_by(|a, b| b.last_message_at.cmp(&a.last_message_at).then_with(|| b.id.cmp(&a.id)));
        let total = found.len();
        let conversations = found.into_iter().skip(filter.offset).take(filter.limit).collect();
        Ok(ConversationPage { conversations, total })
    }

    async fn conversation(
        &self,
        id: &ConversationId,
        window: MessageWindow,
    ) -> Result<Option<ConversationView>, MemoryError> {
        let model = lock(&self.model);
        let Some(conversation) = model.conversations.get(id) else { return Ok(None) };
        let all = &conversation.messages;
        let end = match window.before {
            None => all.len(),
            Some(before) => all
                .iter()
                .position(|message| message.id == before)
                .ok_or(MemoryError::UnknownMessage(before))?,
        };
        let start = window.limit.map_or(0, |limit| end.saturating_sub(limit));
        let messages = all.iter().take(end).skip(start).map(|message| Message::clone(message)).collect();
        Ok(Some(ConversationView { summary: conversation.summary(id), messages }))
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        self.write(MemoryOp::Erase).await?;
        Ok(lock(&self.model).erase(id).map(|messages| Erased { messages, memories: 0 }))
    }

    async fn search(&self, query: SearchQuery) -> Result<SearchResults, MemoryError> {
        let model = lock(&self.model);
        let words: Vec<String> = query.query.split_whitespace().map(str::to_lowercase).collect();
        let mut hits = Vec::new();
        for (id, conversation) in &model.conversations {
            for message in &conversation.messages {
                let content = message.text();
                let lower = content.to_lowercase();
                let matched = words.iter().filter(|word| lower.contains(word.as_str())).count();
                let in_time = query.since.is_none_or(|since| message.timestamp >= since)
                    && query.until.is_none_or(|until| message.timestamp <= until);
                let in_place = query.channel.as_ref().is_none_or(|channel| conversation.channel == *channel)
                    && query.conversation.as_ref().is_none_or(|wanted| id == wanted);
                if matched == 0 || !in_time || !in_place || query.kind == MemoryType::Compacted {
                    continue;
                }
                hits.push(SearchHit {
                    id: message.id.to_string(),
                    kind: MemoryType::Wal,
                    content,
                    score: matched as f32 / words.len() as f32,
                    timestamp: message.timestamp,
                    conversation: Some(id.clone()),
                    channel: Some(conversation.channel.clone()),
                    role: Some(message.role),
                    source: None,
                });
            }
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        let total = hits.len();
        hits.truncate(query.limit);
        Ok(SearchResults { hits, total })
    }

    async fn recall(&self, query: RecallQuery) -> Result<Vec<Recalled>, MemoryError> {
        let delay = *lock(&self.recall_delay);
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        self.read(MemoryOp::Recall)?;
        let mut found = lock(&self.recalled).clone();
        found.retain(|memory| query.present.iter().all(|id| id.as_str() != memory.id));
        found.truncate(query.limit);
        Ok(found)
    }

    async fn note_context(&self, run: RunId, note: ContextNote) -> Result<(), MemoryError> {
        let mut model = lock(&self.model);
        if !model.runs.contains_key(&run) {
            return Err(MemoryError::UnknownRun(run));
        }
        model.notes.insert(run, note);
        Ok(())
    }

    async fn context_note(&self, run: RunId) -> Result<Option<ContextNote>, MemoryError> {
        Ok(lock(&self.model).notes.get(&run).cloned())
    }

    async fn prune(&self, request: PruneRequest) -> Result<Pruned, MemoryError> {
        if request.confirm {
            self.write(MemoryOp::Erase).await?;
        }
        let mut model = lock(&self.model);
        let mut pruned = Pruned::default();
        if request.kind == MemoryType::Compacted {
            return Ok(pruned);
        }
        for conversation in model.conversations.values_mut() {
            conversation.messages.retain(|message| {
                let old = message.timestamp < request.before;
                if old {
                    pruned.wal_entries += 1;
                    pruned.bytes += text_bytes(message) as u64;
                }
                !(old && request.confirm)
            });
        }
        model.conversations.retain(|_, conversation| !conversation.messages.is_empty());
        Ok(pruned)
    }

    async fn stats(&self) -> Result<MemoryStats, MemoryError> {
        let model = lock(&self.model);
        let messages = || model.conversations.values().flat_map(|conversation| &conversation.messages);
        let bytes = messages().map(|message| text_bytes(message) as u64).sum();
        let oldest: Option<Timestamp> = messages().map(|message| message.timestamp).min();
        Ok(MemoryStats {
            wal: WalStats { entries: messages().count() as u64, bytes, oldest },
            compacted: CompactedStats { files: 0, bytes: 0, last_compaction: None },
            archive_bytes: 0,
            total_bytes: bytes,
            semantic: None,
        })
    }

    fn totals(&self) -> (u64, u64) {
        let model = lock(&self.model);
        (model.completed, model.latency_ms)
    }

    fn health(&self) -> StoreHealth {
        match lock(&self.unwritable).clone() {
            None => StoreHealth::Writable,
            Some(reason) => StoreHealth::ReadOnly { reason },
        }
    }
}
