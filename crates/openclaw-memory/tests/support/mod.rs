//! What the store's tests share.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

use std::path::Path;

use openclaw_core::{
    ContentBlock, ConversationFilter, ConversationId, MemoryKind, Metadata, NewMemory, NewRun, Reply, RunId,
    RunOutcome, TokenUsage, ToolCall, ToolResult,
    config::MemoryConfig,
    port::{MemoryPort, SearchQuery},
};
use openclaw_memory::{Memory, OpenReport, engine::FaultFs};
use serde_json::json;

pub(crate) fn open(dir: &Path) -> (Memory, OpenReport) {
    Memory::open(dir, &MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }).unwrap()
}

/// A run id of a chosen time.
pub(crate) fn run_at(ms: u64) -> RunId {
    let mut bytes = RunId::generate().to_bytes();
    bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
    RunId::from_bytes(bytes)
}

/// Something to remember, with nothing said of it but this.
pub(crate) fn remembered(kind: MemoryKind, content: &str) -> NewMemory {
    NewMemory {
        kind,
        content: content.into(),
        importance: 0.5,
        tags: Vec::new(),
        expires_at: None,
        conversation: None,
        sources: Vec::new(),
        supersedes: None,
    }
}

pub(crate) fn new_run(id: RunId, conversation: Option<&str>, text: &str) -> NewRun {
    NewRun {
        id,
        conversation: conversation.map_or_else(|| id.new_conversation_id(), conv),
        channel: "api".into(),
        text: text.into(),
        metadata: Metadata::default(),
        idempotency_key: None,
    }
}

pub(crate) fn conv(id: &str) -> ConversationId {
    id.parse().unwrap()
}

pub(crate) fn reply(text: &str) -> RunOutcome {
    RunOutcome::Completed(Reply {
        content: text.into(),
        skills_used: Vec::new(),
        usage: TokenUsage { input: 10, output: 20 },
        latency_ms: 100,
        model: "test-model".into(),
    })
}

pub(crate) fn call(id: &str) -> ContentBlock {
    ContentBlock::ToolCall(ToolCall {
        id: id.into(),
        name: "weather".into(),
        arguments: json!({"city": "서울"}),
    })
}

pub(crate) fn result(id: &str, content: &str) -> ContentBlock {
    ContentBlock::ToolResult(ToolResult {
        call_id: id.into(),
        name: "weather".into(),
        content: content.into(),
        is_error: false,
    })
}

pub(crate) async fn turn(memory: &Memory, conversation: &str, question: &str, answer: &str) -> RunId {
    turn_as(memory, RunId::generate(), conversation, question, answer).await
}

pub(crate) async fn turn_as(
    memory: &Memory,
    id: RunId,
    conversation: &str,
    question: &str,
    answer: &str,
) -> RunId {
    memory.accept_run(new_run(id, Some(conversation), question)).await.unwrap();
    memory.end_run(id, reply(answer)).await.unwrap();
    id
}

pub(crate) fn page(limit: usize) -> ConversationFilter {
    ConversationFilter { limit, ..ConversationFilter::default() }
}

pub(crate) fn query(text: &str) -> SearchQuery {
    SearchQuery { query: text.into(), limit: 10, ..SearchQuery::default() }
}

/// Every message text of a conversation.
pub(crate) async fn texts(memory: &Memory, conversation: &str) -> Vec<String> {
    let view =
        memory.conversation(&conv(conversation), openclaw_core::MessageWindow::default()).await.unwrap();
    view.map(|view| view.messages.iter().map(|message| message.text()).collect()).unwrap_or_default()
}

/// The files below a directory that hold these bytes.
pub(crate) fn files_with(dir: &Path, needle: &[u8]) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else {
            let read = std::fs::read(&path);
            // The index merges its segments meanwhile, and takes away the old ones.
            if read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                continue;
            }
            let bytes = read.unwrap();
            if bytes.windows(needle.len()).any(|window| window == needle) {
                found.push(path);
            }
        }
    }
    found
}

/// The same of a disk in memory.
pub(crate) fn disk_files_with(disk: &FaultFs, needle: &[u8]) -> Vec<std::path::PathBuf> {
    let held = |path: &std::path::PathBuf| match disk.contents(path) {
        // A thread took it away since it was listed.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        read => read.unwrap().windows(needle.len()).any(|window| window == needle),
    };
    disk.files().into_iter().filter(held).collect()
}
