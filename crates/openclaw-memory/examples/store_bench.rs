//! Measures the store: `cargo run --release -p openclaw-memory --example store_bench -- [RECORDS] [DIRECTORY]`.
//!
//! Prints the time to open with no and with many records, resident memory, durable turns per second with 1 and 64 writers,
//! disk bytes over text bytes, and how long listing and searching take.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_core::{
    ConversationFilter, Metadata, NewRun, Reply, RunId, RunOutcome, TokenUsage,
    config::MemoryConfig,
    port::{MemoryPort as _, SearchQuery},
};
use openclaw_memory::Memory;
use tokio_util::task::TaskTracker;

const QUESTION: &str =
    "Which tea goes with rice, and how long should it steep in the pot? 明天서울的天氣如何?";
const ANSWER: &str = "Genmaicha goes well with rice: green tea with roasted grains. Steep it for two minutes at eighty \
    degrees, and pour it before it turns bitter. 很配米飯。";

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn disk_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap();
    let of = |entry: std::fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() { disk_bytes(&entry.path()) } else { metadata.len() }
    };
    entries.map(|entry| of(entry.unwrap())).sum()
}

async fn turn(memory: &Memory, conversation: usize, number: usize) -> u64 {
    let id = RunId::generate();
    let (text, answer) = (format!("{QUESTION} {number}"), format!("{ANSWER} {number}"));
    let bytes = (text.len() + answer.len()) as u64;
    let run = NewRun {
        id,
        conversation: format!("bench-{conversation}").parse().unwrap(),
        channel: "api".into(),
        text,
        metadata: Metadata::default(),
        idempotency_key: None,
    };
    memory.accept_run(run).await.unwrap();
    let reply = Reply {
        content: answer,
        skills_used: Vec::new(),
        usage: TokenUsage { input: 150, output: 32 },
        latency_ms: 900,
        model: "claude-opus-4-6".into(),
    };
    memory.end_run(id, RunOutcome::Completed(reply)).await.unwrap();
    bytes
}

/// Runs `turns` with so many writers; returns the time and the bytes of text.
async fn turns(memory: &Arc<Memory>, writers: usize, turns: usize, conversations: usize) -> (Duration, u64) {
    let tracker = TaskTracker::new();
    let started = Instant::now();
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let memory = Arc::clone(memory);
        tasks.push(tracker.spawn(async move {
            let mut bytes = 0;
            for number in (writer..turns).step_by(writers) {
                bytes += turn(&memory, number % conversations, number).await;
            }
            bytes
        }));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.unwrap();
    }
    (started.elapsed(), bytes)
}

fn open(dir: &Path) -> (Arc<Memory>, Duration) {
    let started = Instant::now();
    let (memory, report) = Memory::open(dir, &MemoryConfig::default()).unwrap();
    let took = started.elapsed();
    println!("  open: {took:?} (replayed {}, rebuilt {})", report.replayed, report.rebuilt);
    (Arc::new(memory), took)
}

async fn questions(memory: &Memory, rounds: u32) {
    let started = Instant::now();
    for offset in 0..rounds {
        let filter =
            ConversationFilter { limit: 20, offset: offset as usize, ..ConversationFilter::default() };
        memory.conversations(filter).await.unwrap();
    }
    println!("  list of 20: {:?}", started.elapsed() / rounds);
    for text in ["steep 米飯", "4711", "genmaicha"] {
        let query = SearchQuery { query: text.into(), limit: 10, ..SearchQuery::default() };
        let started = Instant::now();
        let total = memory.search(query).await.unwrap().total;
        println!("  search `{text}`: {:?}, {total} matches", started.elapsed());
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let records: usize = arguments.next().map_or(1_000_000, |count| count.parse().unwrap());
    let dir =
        arguments.next().map_or_else(|| std::env::temp_dir().join("openclaw-store-bench"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        println!("0 records");
        let (memory, _) = open(&dir);
        println!("  resident: {} KiB", resident_kib());
        for (writers, count) in [(1, 500), (8, 5_000), (64, 20_000)] {
            let (took, _) = turns(&memory, writers, count, 200).await;
            println!("  {writers} writers: {:.0} turns/s", count as f64 / took.as_secs_f64());
        }
        memory.close().await;
        drop(memory);
        std::fs::remove_dir_all(&dir).unwrap();

        let (memory, _) = open(&dir);
        let mut done = 0;
        let mut text = 0;
        for goal in [10_000, 100_000, records].into_iter().filter(|goal| *goal <= records) {
            let more = goal / 2 - done;
            let (took, bytes) = turns(&memory, 512, more, 5_000).await;
            (done, text) = (goal / 2, text + bytes);
            println!("{goal} records ({:.0} turns/s, 512 writers)", more as f64 / took.as_secs_f64());
            questions(&memory, 20).await;
            println!("  resident: {} KiB", resident_kib());
        }
        memory.close().await;
        let disk = disk_bytes(&dir);
        let (wal, index) = (disk_bytes(&dir.join("wal")), disk_bytes(&dir.join("index")));
        println!(
            "  disk per text: {:.2} (log {:.2}, index {:.2})",
            disk as f64 / text as f64,
            wal as f64 / text as f64,
            index as f64 / text as f64
        );
        drop(memory);
        let (memory, _) = open(&dir);
        println!("  turns go on:");
        for (writers, count) in [(1, 500), (8, 5_000), (64, 20_000)] {
            let (took, _) = turns(&memory, writers, count, 200).await;
            println!("  {writers} writers: {:.0} turns/s", count as f64 / took.as_secs_f64());
        }
        memory.close().await;
        drop(memory);
        std::fs::remove_dir_all(dir.join("index")).unwrap();
        println!("  with a rebuild:");
        open(&dir).0.close().await;
    });
    std::fs::remove_dir_all(&dir).unwrap();
}
