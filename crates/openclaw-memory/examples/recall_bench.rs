//! What a turn pays for being reminded: `cargo run --release -p openclaw-memory --example recall_bench -- [CONVERSATIONS…]`.
//!
//! Every conversation is one question and its answer, and all of them are nearly the same: the most that can match.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use std::time::{Duration, Instant};

use openclaw_core::{
    Metadata, NewRun, Reply, RunId, RunOutcome, TokenUsage,
    config::MemoryConfig,
    port::{MemoryPort as _, MemoryType, RecallQuery, SearchQuery},
};
use openclaw_memory::Memory;

const QUESTION: &str = "Which tea goes with rice, and how long should it steep?";
const ANSWER: &str =
    "Genmaicha goes well with rice: green tea with roasted grains. Steep it for two minutes.";
/// Questions asked of each memory.
const ASKED: usize = 300;

async fn turn(memory: &Memory, number: usize) -> RunId {
    let id = RunId::generate();
    let run = NewRun {
        id,
        conversation: format!("bench-{number}").parse().unwrap(),
        channel: "api".into(),
        text: format!("{QUESTION} {number}"),
        metadata: Metadata::default(),
        idempotency_key: None,
    };
    memory.accept_run(run).await.unwrap();
    let reply = Reply {
        content: format!("{ANSWER} {number}"),
        skills_used: Vec::new(),
        usage: TokenUsage { input: 150, output: 32 },
        latency_ms: 900,
        model: "claude-opus-4-6".into(),
    };
    memory.end_run(id, RunOutcome::Completed(reply)).await.unwrap();
    id
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|size| size.parse().unwrap()).collect();
    for conversations in if sizes.is_empty() { vec![100, 10_000] } else { sizes } {
        let home = tempfile::tempdir().unwrap();
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let (memory, _) = Memory::open(&home.path().join("memory"), &config).unwrap();
        for number in 0..conversations {
            turn(&memory, number).await;
        }
        let (mut recalls, mut searches) = (Vec::new(), Vec::new());
        for number in 0..ASKED {
            let id = turn(&memory, conversations + number).await;
            let query = RecallQuery {
                text: format!("{QUESTION} {number}"),
                conversation: format!("bench-{}", conversations + number).parse().unwrap(),
                present: vec![id.user_message_id()],
                limit: 32,
            };
            let begun = Instant::now();
            let recalled = memory.recall(query).await.unwrap();
            recalls.push(begun.elapsed());
            assert!(!recalled.is_empty());
            let query = SearchQuery {
                query: QUESTION.to_owned(),
                limit: 10,
                kind: MemoryType::All,
                ..SearchQuery::default()
            };
            let begun = Instant::now();
            memory.search(query).await.unwrap();
            searches.push(begun.elapsed());
        }
        for (name, times) in [("recall", &mut recalls), ("search, 10 hits", &mut searches)] {
            let (p50, p99) = (percentile(times, 50), percentile(times, 99));
            println!("{conversations} conversations: {name}: p50 {p50:.1?} p99 {p99:.1?}");
        }
        memory.close().await;
    }
}
