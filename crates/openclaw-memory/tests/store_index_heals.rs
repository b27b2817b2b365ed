//! An index whose pages were changed under it: it is noticed, and built anew while the memory is in use.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    MessageWindow,
    config::MemoryConfig,
    port::{MemoryError, MemoryPort},
};
use openclaw_memory::{Memory, OpenReport, ProblemKind, engine::FaultFs};
use support::*;

const CONVERSATIONS: usize = 40;
const TURNS: usize = 4;

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open(fs: &FaultFs, dir: &Path) -> (Memory, OpenReport) {
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    Memory::open_on(Arc::new(fs.clone()), dir, &config).unwrap()
}

fn conversation(n: usize) -> String {
    format!("conversation-{n}")
}

/// A memory that was closed, its index holding everything.
async fn filled(dir: &Path) -> FaultFs {
    let fs = FaultFs::new();
    let (memory, _) = open(&fs, dir);
    for turn_of in 0..CONVERSATIONS * TURNS {
        turn(&memory, &conversation(turn_of % CONVERSATIONS), &format!("question {turn_of}"), "answer").await;
    }
    memory.close().await;
    fs
}

async fn is_whole(memory: &Memory) -> Result<bool, MemoryError> {
    let mut whole = memory.conversations(page(100)).await?.total >= CONVERSATIONS;
    for n in 0..CONVERSATIONS {
        let found = memory.conversation(&conv(&conversation(n)), MessageWindow::default()).await?;
        whole &= found.is_some_and(|found| found.messages.len() == 2 * TURNS);
    }
    Ok(whole)
}

/// Changes the beginning of every page, the engine's own first one aside.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn spoil(fs: &FaultFs, dir: &Path) {
    let change = |bytes: &mut Vec<u8>| {
        for page in bytes.chunks_mut(4096).skip(1) {
            for byte in page.iter_mut().take(40) {
                *byte ^= 0x24;
            }
        }
    };
    fs.tamper(&dir.join("index/index.redb"), change).unwrap();
}

#[tokio::test]
async fn one_changed_byte_anywhere_in_the_index_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let made = filled(dir.path()).await;
    let index = dir.path().join("index/index.redb");
    let len = made.contents(&index).unwrap().len();
    let mut found = 0;
    for at in (0..len).step_by(1499) {
        let fs = made.crash(openclaw_memory::engine::Crash::ProcessOnly);
        fs.tamper(&index, |bytes| bytes[at] ^= 0x24).unwrap();
        let (memory, report) = open(&fs, dir.path());
        // What the upkeep does by itself soon after the start.
        assert!(memory.checkpoint_now(), "byte {at}");
        assert!(is_whole(&memory).await.unwrap(), "byte {at}");
        let checked = memory.verify(&mut |_| {}).unwrap();
        assert!(checked.problems.is_empty() && checked.index_checked, "byte {at}: {:?}", checked.problems);
        turn(&memory, "after", "works", "yes").await;
        memory.close().await;
        drop(memory);
        let (memory, again) = open(&fs, dir.path());
        assert!(!again.rebuilt, "byte {at}: it was mended before");
        assert_eq!(texts(&memory, "after").await, ["works", "yes"], "byte {at}");
        assert!(is_whole(&memory).await.unwrap(), "byte {at}");
        found +=
            usize::from(report.rebuilt || fs.contents(&index).unwrap() != made.contents(&index).unwrap());
    }
    assert!(found > 5, "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_spoiled_in_use_is_built_anew_under_writers() {
    let dir = tempfile::tempdir().unwrap();
    let fs = filled(dir.path()).await;
    let (memory, _) = open(&fs, dir.path());
    let memory = Arc::new(memory);
    // Twice: what was built anew is an index like any other.
    for round in 0..2 {
        assert!(memory.checkpoint_now());
        spoil(&fs, dir.path());
        let writers: tokio::task::JoinSet<()> = (0..4)
            .map(|writer| {
                let memory = Arc::clone(&memory);
                async move {
                    for n in 0..25 {
                        turn(&memory, &format!("writer-{round}-{writer}"), &format!("{n}"), "yes").await;
                    }
                }
            })
            .collect();
        let checking = Arc::clone(&memory);
        let checked = tokio::task::spawn_blocking(move || {
            let report = checking.verify(&mut |_| {}).unwrap();
            // By the upkeep's thread or here.
            assert!(checking.checkpoint_now());
            report
        });
        let report = checked.await.unwrap();
        for problem in &report.problems {
            assert_eq!(problem.kind, ProblemKind::Index, "{problem:?}");
        }
        assert!(!report.problems.is_empty());
        writers.join_all().await;
        for earlier in 0..=round {
            for writer in 0..4 {
                let said = texts(&memory, &format!("writer-{earlier}-{writer}")).await;
                let expected: Vec<String> = (0..25).flat_map(|n| [n.to_string(), "yes".to_owned()]).collect();
                assert_eq!(said, expected);
            }
        }
        assert!(!dir.path().join("index/index.redb.new").exists());
        let report = memory.verify(&mut |_| {}).unwrap();
        assert!(report.problems.is_empty() && report.index_checked, "{:?}", report.problems);
    }
    memory.close().await;
    drop(memory);
    let (memory, report) = open(&fs, dir.path());
    assert!(!report.rebuilt);
    assert_eq!(memory.conversations(page(1)).await.unwrap().total, CONVERSATIONS + 8);
}
