//! The index is derived: lose it, break it, or let it lag, and the answers stay the same.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{config::MemoryConfig, port::MemoryPort};
use openclaw_memory::Memory;
use support::*;

async fn answers(memory: &Memory) -> String {
    let page = memory.conversations(page(100)).await.unwrap();
    let mut all = format!("{page:?}");
    for item in &page.conversations {
        let view = memory.conversation(&item.id, Default::default()).await.unwrap().unwrap();
        all += &format!("{view:?}");
        for message in &view.messages {
            if let Ok(run) = openclaw_core::RunId::parse_any(message.id.as_str()) {
                all += &format!("{:?}", memory.run(run).await.unwrap());
            }
        }
    }
    let stats = memory.stats().await.unwrap().wal;
    all + &format!("{:?} {:?} {:?}", memory.totals(), stats, memory.pending_runs().await.unwrap())
}

/// Leaves a memory of `turns` turns in seven conversations, one of them erased, and of a pending run that called a tool.
/// Returns what it answers.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
async fn filled(dir: &std::path::Path, turns: usize) -> String {
    let (memory, _) = open(dir);
    for n in 0..turns {
        turn(&memory, &format!("c{}", n % 7), &format!("question {n}"), "answer").await;
    }
    let id = openclaw_core::RunId::generate();
    memory.accept_run(new_run(id, None, "pending")).await.unwrap();
    memory.append_steps(id, vec![call("1")]).await.unwrap();
    memory.erase_conversation(&conv("c3")).await.unwrap().unwrap();
    memory.close().await;
    answers(&memory).await
}

#[tokio::test]
async fn a_lost_or_broken_index_is_rebuilt_with_the_same_answers() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path(), 150).await;
    let index = dir.path().join("index/index.redb");
    let whole = std::fs::read(&index).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let older = {
        let mut bytes = whole.clone();
        let at = bytes.windows(16).position(|window| window == b"openclaw-index-4").unwrap();
        bytes[at + 15] = b'1';
        bytes
    };
    for broken in [None, Some(Vec::new()), Some(vec![7; 8192]), Some(half), Some(older)] {
        std::fs::remove_file(&index).unwrap();
        if let Some(bytes) = broken {
            std::fs::write(&index, bytes).unwrap();
        }
        let (memory, report) = open(dir.path());
        assert!(report.rebuilt);
        assert_eq!(answers(&memory).await, before);
        memory.close().await;
    }
    let (memory, report) = open(dir.path());
    assert!(!report.rebuilt && report.replayed == 0, "{report:?}");
    assert_eq!(answers(&memory).await, before);
}

#[tokio::test]
async fn an_index_with_a_bad_page_is_rebuilt_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let before = filled(dir.path(), 60).await;
    let index = dir.path().join("index/index.redb");
    let whole = std::fs::read(&index).unwrap();
    let mut rebuilt = 0;
    let pages = whole.len() / 4096;
    for number in (0..pages).step_by((pages / 24).max(1)) {
        let mut bytes = whole.clone();
        bytes[number * 4096..(number + 1) * 4096].fill(0xee);
        std::fs::write(&index, bytes).unwrap();
        // A page that a start does not read may show later, but then it is condemned, and one more start is enough.
        for _ in 0..2 {
            let (memory, report) = open(dir.path());
            rebuilt += u32::from(report.rebuilt);
            let _ = memory.stats().await;
            for n in 0..7 {
                let _ = memory.conversation(&conv(&format!("c{n}")), Default::default()).await;
            }
            let _ = memory.conversations(page(100)).await;
            drop(memory);
        }
    }
    assert!(rebuilt > 0, "{pages} pages");
    let (memory, _) = open(dir.path());
    assert_eq!(memory.pending_runs().await.unwrap().len(), 1);
    assert_eq!(memory.conversations(page(100)).await.unwrap().total, 7);
    drop(memory);
    std::fs::remove_file(&index).unwrap();
    assert_eq!(answers(&open(dir.path()).0).await, before);
}

#[cfg(unix)]
#[tokio::test]
async fn an_index_that_can_not_be_opened_is_no_reason_to_delete_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    turn(&memory, "c", "question", "answer").await;
    memory.close().await;
    drop(memory);
    let index = dir.path().join("index/index.redb");
    std::fs::set_permissions(&index, std::fs::Permissions::from_mode(0o0)).unwrap();
    // Who may do everything may read it all the same.
    if std::fs::File::open(&index).is_ok() {
        return;
    }
    let refused = Memory::open(dir.path(), &MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() });
    assert!(refused.is_err());
    assert!(index.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_during_load_change_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let config = MemoryConfig { checkpoint_mb: 1, min_free_mb: 0, ..MemoryConfig::default() };
    let (memory, _) = Memory::open(dir.path(), &config).unwrap();
    let long = "words and more words ".repeat(100);
    let writer = async |writer: usize| {
        for n in 0..60 {
            turn(&memory, &format!("w{writer}-{}", n / 30), &format!("{n} {long}"), &long).await;
            let total = memory.conversations(page(1)).await.unwrap().total;
            assert!((1..=16).contains(&total), "{total}");
        }
    };
    futures_util::future::join_all((0..8).map(writer)).await;
    for writer in 0..8 {
        for part in 0..2 {
            assert_eq!(texts(&memory, &format!("w{writer}-{part}")).await.len(), 60);
        }
    }
    assert_eq!(memory.stats().await.unwrap().wal.entries, 960);
    drop(memory);
    let (memory, report) = open(dir.path());
    assert!(report.replayed < 960, "{report:?}");
    assert_eq!(memory.conversations(page(1)).await.unwrap().total, 16);
    assert_eq!(memory.stats().await.unwrap().wal.entries, 960);
}
