//! The store over a file system that fails, fills up and crashes.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    RunId, RunState, Timestamp,
    config::MemoryConfig,
    port::{MemoryError, MemoryPort, MemoryType, PruneRequest, StoreHealth},
};
use openclaw_memory::{
    Memory, OpenError,
    engine::{Crash, Fault, FaultFs, FaultKind, Fs as _},
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
    assert!(matches!(error, MemoryError::Full { .. }), "{error}");
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
                let found = disk_files_with(&after, CANARY.as_bytes());
                assert!(found.is_empty(), "{at} {crash:?} {found:?}");
            }
        }
    }
    assert!(finished > 0);
}

#[tokio::test]
async fn an_interrupted_pruning_takes_what_it_announced_and_no_more() {
    const CANARY: &str = "canary-8e10";
    let now = Timestamp::now().unix_millis();
    let old = u64::try_from(now).unwrap() - 3_600_000;
    let mut pruned = 0;
    for at in 0..10 {
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            for n in 0..3 {
                turn_as(&memory, run_at(old + n), "mixed", CANARY, CANARY).await;
            }
            // Not of this pruning, although they are from before its time: they end after it, or not at all.
            let ahead = u64::try_from(now).unwrap() + 120_000;
            turn_as(&memory, run_at(ahead), "mixed", "newer", "yes").await;
            let pending = run_at(old + 10);
            memory.accept_run(new_run(pending, Some("mixed"), "pending")).await.unwrap();
            fs.inject(Fault { at, kind: FaultKind::CrashBefore });
            let before = Timestamp::from_unix_millis(now + 60_000);
            let request = PruneRequest { before, kind: MemoryType::Wal, confirm: true };
            let done = memory.prune(request).await;
            let after = fs.crash(crash);
            drop(memory);
            // With the index, and without.
            for rebuild in [false, true] {
                if rebuild {
                    after.remove(&dir.path().join("index/index.redb")).unwrap();
                }
                let memory = open_on(&after, dir.path());
                let left = texts(&memory, "mixed").await;
                let kept: Vec<_> = left.iter().filter(|text| *text != CANARY).collect();
                assert_eq!(kept, ["newer", "yes", "pending"], "{at} {crash:?} {rebuild}");
                assert!(left.len() == 3 || left.len() == 9 && done.is_err(), "{at} {crash:?} {left:?}");
                assert_eq!(memory.pending_runs().await.unwrap().len(), 1);
                pruned += u32::from(left.len() == 3);
            }
        }
    }
    assert!(pruned > 0);
}

#[tokio::test]
async fn a_nearly_full_disk_still_lets_delete() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let config = MemoryConfig { min_free_mb: 16, ..MemoryConfig::default() };
    let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
    turn(&memory, "gone", "a secret", "yes").await;
    turn(&memory, "old", "another", "yes").await;
    fs.set_capacity(Some(4 << 20));
    let run = new_run(RunId::generate(), Some("gone"), "more");
    assert!(matches!(memory.accept_run(run).await, Err(MemoryError::Full { .. })));
    assert_eq!(memory.erase_conversation(&conv("gone")).await.unwrap().unwrap().messages, 2);
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let request = PruneRequest { before, kind: MemoryType::Wal, confirm: true };
    assert_eq!(memory.prune(request).await.unwrap().wal_entries, 2);
    assert_eq!(disk_files_with(&fs, b"a secret"), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn too_many_open_files_pass() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let config = MemoryConfig { segment_mb: 1, min_free_mb: 0, ..MemoryConfig::default() };
    let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
    let long = "x".repeat(300 << 10);
    let mut stored = Vec::new();
    fs.set_out_of_files(true);
    let refused = loop {
        let id = RunId::generate();
        match memory.accept_run(new_run(id, Some("rush"), &long)).await {
            Ok(_) => stored.push(id),
            Err(error) => break error,
        }
        assert!(stored.len() < 20, "no segment was ever full");
    };
    assert!(refused.to_string().contains("ulimit -n"), "{refused}");
    assert!(matches!(memory.health(), StoreHealth::ReadOnly { .. }));
    fs.set_out_of_files(false);
    turn(&memory, "after", "works", "yes").await;
    assert_eq!(memory.health(), StoreHealth::Writable);
    let after = fs.crash(Crash::LoseUnsynced);
    drop(memory);
    let memory = open_on(&after, dir.path());
    for id in stored {
        assert!(memory.run(id).await.unwrap().is_some());
    }
    assert_eq!(texts(&memory, "after").await, ["works", "yes"]);
}

#[tokio::test]
async fn segments_that_an_erasure_emptied_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let config = MemoryConfig { segment_mb: 1, min_free_mb: 0, ..MemoryConfig::default() };
    let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
    let long = "x".repeat(300 << 10);
    for _ in 0..8 {
        turn(&memory, "gone", &long, "yes").await;
    }
    turn(&memory, "keep", "stays", "yes").await;
    let segments = || fs.files().iter().filter(|path| path.extension().is_some_and(|it| it == "wal")).count();
    assert!(segments() > 2, "{}", segments());
    memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    memory.close().await;
    assert_eq!(segments(), 1);
    assert_eq!(texts(&memory, "keep").await, ["stays", "yes"]);
    assert_eq!(memory.stats().await.unwrap().wal.entries, 2);
}

#[tokio::test]
async fn a_start_goes_on_while_the_disk_refuses_an_owed_erasure() {
    const CANARY: &str = "canary-2b77";
    let holds = |fs: &FaultFs| !disk_files_with(fs, CANARY.as_bytes()).is_empty();
    let mut owed = 0;
    for at in 0..16 {
        let dir = tempfile::tempdir().unwrap();
        let fs = FaultFs::new();
        let memory = open_on(&fs, dir.path());
        turn(&memory, "gone", CANARY, CANARY).await;
        // The intent is a write and a sync.
        fs.inject(Fault { at: 2, kind: FaultKind::CrashBefore });
        memory.erase_conversation(&conv("gone")).await.unwrap_err();
        let after = fs.crash(Crash::ProcessOnly);
        drop(memory);
        assert!(holds(&after));
        after.inject(Fault { at, kind: FaultKind::Fail });
        let memory = match Memory::open_on(Arc::new(after.clone()), dir.path(), &config()) {
            Ok((memory, _)) => memory,
            Err(error) => {
                assert!(matches!(error, OpenError::Log(_) | OpenError::Index { .. }), "{at} {error}");
                continue;
            }
        };
        owed += u32::from(holds(&after));
        assert_eq!(texts(&memory, "gone").await, Vec::<String>::new());
        if memory.health() == StoreHealth::Writable {
            memory.close().await;
            assert!(!holds(&after), "{at}");
        }
    }
    assert!(owed > 0);
}
