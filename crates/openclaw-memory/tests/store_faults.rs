//! The store over a file system that fails, fills up and crashes.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    RunId, RunState,
    config::MemoryConfig,
    port::{MemoryError, MemoryPort, StoreHealth},
};
use openclaw_memory::{
    Memory,
    engine::{Crash, Fault, FaultFs, FaultKind},
};
use support::*;

fn config() -> MemoryConfig {
    MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open_on(fs: &FaultFs, dir: &Path) -> Memory {
    Memory::open_on(Arc::new(fs.clone()), dir, &config()).unwrap().0
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let memory = open_on(&fs, dir.path());
    turn(&memory, "c", "before", "yes").await;
    fs.set_capacity(Some(0));
    let refused = async {
        for _ in 0..20_000 {
            let run = new_run(RunId::generate(), Some("d"), &"x".repeat(64 << 10));
            if let Err(error) = memory.accept_run(run).await {
                return Some(error);
            }
        }
        None
    };
    let error = refused.await.unwrap();
    assert!(matches!(error, MemoryError::Unwritable { .. }), "{error}");
    assert!(matches!(memory.health(), StoreHealth::ReadOnly { .. }));
    assert_eq!(texts(&memory, "c").await, ["before", "yes"]);
    assert_eq!(memory.search(query("before")).await.unwrap().total, 1);
}

/// Does one thing after another until the first failure; tells what was acknowledged.
async fn work(memory: &Memory) -> Vec<(RunId, bool)> {
    let mut acknowledged = Vec::new();
    for n in 0..3 {
        let id = RunId::generate();
        if memory.accept_run(new_run(id, Some("keep"), &format!("question {n}"))).await.is_err() {
            return acknowledged;
        }
        acknowledged.push((id, false));
        if memory.end_run(id, reply("answer")).await.is_err() {
            return acknowledged;
        }
        acknowledged.pop();
        acknowledged.push((id, true));
    }
    acknowledged
}

#[tokio::test]
async fn whatever_is_acknowledged_survives_a_crash_at_any_point() {
    let probe = FaultFs::new();
    let dir = tempfile::tempdir().unwrap();
    let memory = open_on(&probe, dir.path());
    let before = probe.operations();
    assert_eq!(work(&memory).await.len(), 3);
    let points = probe.operations() - before;
    drop(memory);
    assert!(points > 5, "{points}");
    for at in 0..points {
        for (kind, crash) in [
            (FaultKind::CrashBefore, Crash::LoseUnsynced),
            (FaultKind::CrashAfter, Crash::Torn(at)),
            (FaultKind::Tear, Crash::LoseUnsynced),
            (FaultKind::Fail, Crash::ProcessOnly),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            fs.inject(Fault { at, kind });
            let acknowledged = work(&memory).await;
            let after = fs.crash(crash);
            drop(memory);
            let memory = open_on(&after, dir.path());
            for (id, ended) in acknowledged {
                let record = memory.run(id).await.unwrap();
                let record = record.unwrap_or_else(|| panic!("{id} is lost: {at} {kind:?} {crash:?}"));
                if ended {
                    assert!(matches!(record.state, RunState::Ended { .. }), "{at} {kind:?} {crash:?}");
                }
            }
            // Nothing is doubled, and the store works.
            let total = memory.conversations(page(10)).await.unwrap().total;
            assert!(total <= 1);
            turn(&memory, "after", "works", "yes").await;
        }
    }
}

#[tokio::test]
async fn an_interrupted_erasure_is_finished_at_the_next_start() {
    const CANARY: &str = "canary-51d2";
    let mut finished = 0;
    for at in 0..40 {
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            turn(&memory, "keep", "stays", "yes").await;
            turn(&memory, "gone", CANARY, CANARY).await;
            memory.accept_run(new_run(RunId::generate(), Some("gone"), CANARY)).await.unwrap();
            fs.inject(Fault { at, kind: FaultKind::CrashBefore });
            let erased = memory.erase_conversation(&conv("gone")).await;
            finished += u32::from(erased.is_ok());
            let after = fs.crash(crash);
            drop(memory);
            let memory = open_on(&after, dir.path());
            assert_eq!(texts(&memory, "keep").await, ["stays", "yes"]);
            let left = texts(&memory, "gone").await;
            // Either nothing happened, or all of it; an acknowledged erasure happened.
            assert!(left.is_empty() || left.len() == 3 && erased.is_err(), "{at} {crash:?} {left:?}");
            if left.is_empty() {
                assert!(memory.pending_runs().await.unwrap().is_empty());
                for file in after.files() {
                    let bytes = after.contents(&file).unwrap();
                    let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
                    assert!(!found, "{at} {crash:?} {}", file.display());
                }
            }
        }
    }
    assert!(finished > 0);
}
