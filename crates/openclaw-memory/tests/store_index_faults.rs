//! The index over a disk that fails at every single point: nothing acknowledged is lost, and what can be mended while running
//! is mended.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc, time::Duration};

use openclaw_core::{
    RunId,
    config::MemoryConfig,
    port::{MemoryPort, StoreHealth},
};
use openclaw_memory::{
    Memory,
    engine::{Crash, Fault, FaultFs, FaultKind},
};
use support::*;

/// Turns before the checkpoint.
const TURNS: usize = 3;

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open(fs: &FaultFs, dir: &Path) -> Memory {
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    Memory::open_on(Arc::new(fs.clone()), dir, &config).unwrap().0
}

/// A memory with something for a checkpoint to write, some of it over what an earlier one wrote.
async fn prepared(fs: &FaultFs, dir: &Path) -> (Memory, RunId) {
    let memory = open(fs, dir);
    turn(&memory, "old", "question 0", "answer").await;
    memory.close().await;
    drop(memory);
    let memory = open(fs, dir);
    for n in 1..=TURNS {
        turn(&memory, "old", &format!("question {n}"), "answer").await;
    }
    let pending = RunId::generate();
    #[expect(clippy::unwrap_used, reason = "a helper of tests")]
    memory.accept_run(new_run(pending, Some("new"), "is waiting")).await.unwrap();
    (memory, pending)
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
async fn assert_whole(memory: &Memory, pending: RunId, when: &str) {
    assert_eq!(texts(memory, "old").await.len(), 2 * (TURNS + 1), "{when}");
    assert_eq!(texts(memory, "new").await, ["is waiting"], "{when}");
    assert_eq!(memory.conversations(page(10)).await.unwrap().total, 2, "{when}");
    assert_eq!(memory.pending_runs().await.unwrap().len(), 1, "{when}");
    assert!(memory.run(pending).await.unwrap().is_some(), "{when}");
}

/// How many operations closing takes: the log's end and the checkpoint.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
async fn points() -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let (memory, _) = prepared(&fs, dir.path()).await;
    // Far away, and so only for its counter.
    fs.inject(Fault { at: u64::MAX, kind: FaultKind::Fail });
    memory.close().await;
    let points = fs.operations();
    assert!(points > 10, "{points}");
    points
}

#[tokio::test]
async fn a_checkpoint_that_breaks_off_anywhere_loses_nothing() {
    for at in 0..points().await {
        for (kind, crash) in [
            (FaultKind::CrashBefore, Crash::LoseUnsynced),
            (FaultKind::CrashBefore, Crash::Torn(at)),
            (FaultKind::CrashAfter, Crash::Torn(at + 1000)),
            (FaultKind::CrashAfter, Crash::ProcessOnly),
            (FaultKind::Tear, Crash::LoseUnsynced),
            (FaultKind::Tear, Crash::ProcessOnly),
            (FaultKind::Fail, Crash::Torn(at + 2000)),
            (FaultKind::Full, Crash::LoseUnsynced),
            (FaultKind::Lie, Crash::LoseUnsynced),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let (memory, pending) = prepared(&fs, dir.path()).await;
            fs.inject(Fault { at, kind });
            memory.close().await;
            let after = fs.crash(crash);
            drop(memory);
            let when = format!("{kind:?} at {at}, then {crash:?}");
            let memory = open(&after, dir.path());
            assert_whole(&memory, pending, &when).await;
            // It works, and closes, and opens.
            turn(&memory, "after", "works", "yes").await;
            memory.close().await;
            drop(memory);
            let memory = open(&after, dir.path());
            assert_eq!(texts(&memory, "after").await, ["works", "yes"], "{when}");
        }
    }
}

#[tokio::test]
async fn an_index_that_failed_once_is_opened_again_while_running() {
    let mut failed = 0;
    for at in 0..points().await {
        for kind in [FaultKind::Fail, FaultKind::Tear, FaultKind::Full] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let (memory, pending) = prepared(&fs, dir.path()).await;
            fs.inject(Fault { at, kind });
            let done = memory.checkpoint_now();
            if fs.operations() <= at {
                // A checkpoint alone takes fewer than closing does.
                continue;
            }
            let when = format!("{kind:?} at {at}");
            // The upkeep's thread may have mended it already.
            if let StoreHealth::ReadOnly { reason } = memory.health() {
                assert!(reason.contains("index.redb") && reason.contains("again"), "{when}: {reason}");
            }
            if !done {
                failed += 1;
                assert!(memory.checkpoint_now(), "{when}");
            }
            assert_eq!(memory.health(), StoreHealth::Writable, "{when}");
            assert_whole(&memory, pending, &when).await;
            turn(&memory, "after", "works", "yes").await;
            assert_eq!(texts(&memory, "after").await, ["works", "yes"], "{when}");
        }
    }
    assert!(failed > 5, "{failed}");
}

#[tokio::test]
async fn the_upkeep_mends_the_index_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let (memory, pending) = prepared(&fs, dir.path()).await;
    fs.inject(Fault { at: 1, kind: FaultKind::Fail });
    assert!(!memory.checkpoint_now());
    let mended = async {
        while memory.health() != StoreHealth::Writable {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), mended).await.unwrap();
    assert_whole(&memory, pending, "mended").await;
}

#[tokio::test]
async fn an_index_that_can_not_be_opened_is_no_reason_to_remove_it() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let (memory, pending) = prepared(&fs, dir.path()).await;
    memory.close().await;
    drop(memory);
    let index = dir.path().join("index/index.redb");
    let before = fs.contents(&index).unwrap();
    fs.set_out_of_files(true);
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    assert!(Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).is_err());
    assert!(fs.contents(&index).unwrap() == before);
    fs.set_out_of_files(false);
    assert_whole(&open(&fs, dir.path()), pending, "opened again").await;
}
