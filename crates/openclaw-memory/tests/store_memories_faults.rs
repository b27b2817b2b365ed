//! Remembering, importing and forgetting over a file system that fails, fills up and crashes.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    ForeignMessage, MemoryId, MemoryKind, NewMemory, Role, RunId, Timestamp,
    config::MemoryConfig,
    port::{
        ContextCut, ContextNote, CurationPort, EntryFilter, MemoryError, MemoryPort, MemoryType, PruneRequest,
    },
};
use openclaw_memory::{
    Memory,
    engine::{Crash, Fault, FaultFs, FaultKind, Fs as _},
};
use support::*;

const CANARY: &str = "canary-c04e";

fn open_on(fs: &FaultFs, dir: &Path) -> Memory {
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    Memory::open_on(Arc::new(fs.clone()), dir, &config).unwrap().0
}

fn new(content: &str, conversation: Option<&str>, supersedes: Option<MemoryId>) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Task,
        content: content.into(),
        importance: 0.5,
        tags: vec!["tag".into()],
        expires_at: None,
        conversation: conversation.map(conv),
        sources: Vec::new(),
        supersedes,
    }
}

fn said(conversation: &str, content: &str, id: &str) -> ForeignMessage {
    ForeignMessage {
        conversation: conv(conversation),
        channel: "api".into(),
        role: Role::User,
        content: content.into(),
        timestamp: Timestamp::from_unix_millis(1_774_000_000_000),
        id: Some(id.parse().unwrap()),
    }
}

fn note(reason: &str) -> ContextNote {
    let cuts = vec![ContextCut { id: "soul.md".into(), reason: reason.into(), tokens: 1 }];
    ContextNote { cuts, ..ContextNote::default() }
}

fn holds(fs: &FaultFs, needle: &str) -> bool {
    !disk_files_with(fs, needle.as_bytes()).is_empty()
}

/// What was acknowledged.
#[derive(Debug, Default)]
struct Done {
    remembered: Vec<MemoryId>,
    completed: bool,
    imported: bool,
    noted: Option<RunId>,
    superseded: bool,
}

/// Does one thing after another until the first failure.
async fn work(memory: &Memory) -> (Done, Result<(), MemoryError>) {
    let mut done = Done::default();
    let result = async {
        let first = memory.remember(new("first", None, None)).await?.id;
        done.remembered.push(first);
        memory.complete(first).await?;
        done.completed = true;
        memory.import((0..5).map(|n| said("c", "imported", &format!("m{n}"))).collect()).await?;
        done.imported = true;
        let run = RunId::generate();
        memory.accept_run(new_run(run, Some("c"), "question")).await?;
        memory.note_context(run, note("noted")).await?;
        memory.end_run(run, reply("answer")).await?;
        done.noted = Some(run);
        let second = memory.remember(new("second", Some("c"), Some(first))).await?.id;
        done.remembered.push(second);
        done.superseded = true;
        Ok(())
    };
    let result = result.await;
    (done, result)
}

async fn check(memory: &Memory, done: &Done, what: &str) {
    for id in &done.remembered {
        let entry = memory.entry(*id).await.unwrap();
        assert!(entry.is_some(), "{id} is lost: {what}");
        let entry = entry.unwrap();
        assert!(entry.completed_at.is_some() || !done.completed || *id != done.remembered[0], "{what}");
    }
    if done.superseded {
        let first = memory.entry(done.remembered[0]).await.unwrap().unwrap();
        assert_eq!(first.superseded_by, Some(done.remembered[1]), "{what}");
    }
    let imported = texts(memory, "c").await.iter().filter(|text| *text == "imported").count();
    assert!(imported == 5 || imported < 5 && !done.imported, "{what} {imported}");
    if let Some(run) = done.noted {
        assert_eq!(memory.context_note(run).await.unwrap(), Some(note("noted")), "{what}");
    }
    // The same again completes it and doubles nothing.
    memory.import((0..5).map(|n| said("c", "imported", &format!("m{n}"))).collect()).await.unwrap();
    let imported = texts(memory, "c").await.iter().filter(|text| *text == "imported").count();
    assert_eq!(imported, 5, "{what}");
    let live = memory.entries(EntryFilter { limit: 10, ..Default::default() }).await.unwrap();
    assert!(live.total <= 1, "{what}");
}

#[tokio::test]
async fn whatever_is_acknowledged_survives_a_crash_at_any_point() {
    let probe = FaultFs::new();
    let dir = tempfile::tempdir().unwrap();
    let memory = open_on(&probe, dir.path());
    let before = probe.operations();
    work(&memory).await.1.unwrap();
    let points = probe.operations() - before;
    drop(memory);
    assert!(points > 8, "{points}");
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
            let (done, _) = work(&memory).await;
            let after = fs.crash(crash);
            drop(memory);
            let what = format!("{at} {kind:?} {crash:?}");
            let memory = open_on(&after, dir.path());
            check(&memory, &done, &what).await;
            memory.close().await;
            drop(memory);
            // And without the index.
            after.remove(&dir.path().join("index/index.redb")).unwrap();
            check(&open_on(&after, dir.path()), &done, &what).await;
        }
    }
}

/// An entry in the middle of a chain, and others that stay.
async fn chain(memory: &Memory) -> [MemoryId; 3] {
    let first = memory.remember(new("stays, the first", None, None)).await.unwrap().id;
    let middle = memory.remember(new(CANARY, Some("gone"), Some(first))).await.unwrap().id;
    let last = memory.remember(new("stays, the last", None, Some(first))).await.unwrap().id;
    [first, middle, last]
}

async fn is_whole(memory: &Memory, [first, middle, last]: [MemoryId; 3], what: &str) -> bool {
    let gone = memory.entry(middle).await.unwrap().is_none();
    let by = memory.entry(first).await.unwrap().unwrap().superseded_by;
    // The new link is written before the old one goes.
    assert!(by == Some(last) || by == Some(middle) && !gone, "{what} {by:?}");
    assert_eq!(memory.entry(last).await.unwrap().unwrap().superseded_by, None, "{what}");
    gone
}

#[tokio::test]
async fn an_interrupted_forgetting_is_finished_at_the_next_start() {
    let mut finished = 0;
    for at in 0..14 {
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            let ids = chain(&memory).await;
            assert!(memory.checkpoint_now());
            fs.inject(Fault { at, kind: FaultKind::CrashBefore });
            let forgotten = memory.forget(ids[1]).await;
            let after = fs.crash(crash);
            drop(memory);
            for rebuild in [false, true] {
                if rebuild {
                    after.remove(&dir.path().join("index/index.redb")).unwrap();
                }
                let what = format!("{at} {crash:?} {rebuild}");
                let memory = open_on(&after, dir.path());
                let gone = is_whole(&memory, ids, &what).await;
                assert!(gone || forgotten.is_err(), "{what}");
                assert_eq!(gone, !holds(&after, CANARY), "{what}");
                finished += u32::from(gone);
            }
        }
    }
    assert!(finished > 10, "{finished}");
}

#[tokio::test]
async fn an_interrupted_erasure_takes_memories_imports_and_notes_or_nothing() {
    let mut finished = 0;
    for at in 0..16 {
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            let ids = chain(&memory).await;
            memory.import(vec![said("gone", CANARY, "m1"), said("keep", "stays", "m2")]).await.unwrap();
            let run = RunId::generate();
            memory.accept_run(new_run(run, Some("gone"), "question")).await.unwrap();
            memory.note_context(run, note(CANARY)).await.unwrap();
            memory.end_run(run, reply("answer")).await.unwrap();
            fs.inject(Fault { at, kind: FaultKind::CrashBefore });
            let erased = memory.erase_conversation(&conv("gone")).await;
            let after = fs.crash(crash);
            drop(memory);
            for rebuild in [false, true] {
                if rebuild {
                    after.remove(&dir.path().join("index/index.redb")).unwrap();
                }
                let what = format!("{at} {crash:?} {rebuild}");
                let memory = open_on(&after, dir.path());
                let gone = is_whole(&memory, ids, &what).await;
                assert!(gone || erased.is_err(), "{what}");
                assert_eq!(texts(&memory, "gone").await.is_empty(), gone, "{what}");
                assert_eq!(memory.context_note(run).await.unwrap().is_none(), gone, "{what}");
                assert_eq!(gone, !holds(&after, CANARY), "{what}");
                assert_eq!(texts(&memory, "keep").await, ["stays"], "{what}");
                finished += u32::from(gone);
            }
        }
    }
    assert!(finished > 10, "{finished}");
}

#[tokio::test]
async fn an_interrupted_pruning_of_imports_and_memories_is_finished() {
    let mut pruned = 0;
    for at in 0..14 {
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            let dir = tempfile::tempdir().unwrap();
            let fs = FaultFs::new();
            let memory = open_on(&fs, dir.path());
            memory.import(vec![said("c", CANARY, "m1")]).await.unwrap();
            let pending = RunId::generate();
            memory.accept_run(new_run(pending, Some("c"), "stays")).await.unwrap();
            memory.remember(new("a memory", None, None)).await.unwrap();
            fs.inject(Fault { at, kind: FaultKind::CrashBefore });
            let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
            let request = PruneRequest { before, kind: MemoryType::Wal, confirm: true };
            let done = memory.prune(request).await;
            let after = fs.crash(crash);
            drop(memory);
            for rebuild in [false, true] {
                if rebuild {
                    after.remove(&dir.path().join("index/index.redb")).unwrap();
                }
                let what = format!("{at} {crash:?} {rebuild}");
                let memory = open_on(&after, dir.path());
                let left = texts(&memory, "c").await;
                assert!(left == ["stays"] || left == [CANARY, "stays"] && done.is_err(), "{what} {left:?}");
                assert_eq!(left.len() == 1, !holds(&after, CANARY), "{what}");
                let memories = memory.entries(EntryFilter { limit: 5, ..Default::default() }).await.unwrap();
                assert!(memories.total == 0 || done.is_err(), "{what}");
                assert_eq!(memories.total == 0, !holds(&after, "a memory"), "{what}");
                pruned += u32::from(left.len() == 1 && memories.total == 0);
            }
        }
    }
    assert!(pruned > 5, "{pruned}");
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_to_remember_and_still_forgets() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let config = MemoryConfig { min_free_mb: 16, ..MemoryConfig::default() };
    let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
    let ids = chain(&memory).await;
    fs.set_capacity(Some(4 << 20));
    let refused = memory.remember(new("more", None, None)).await;
    assert!(matches!(refused, Err(MemoryError::Full { .. })), "{refused:?}");
    assert!(memory.import(vec![said("c", "more", "m1")]).await.is_err());
    assert!(memory.forget(ids[1]).await.unwrap().is_some());
    assert!(is_whole(&memory, ids, "full").await);
    assert!(!holds(&fs, CANARY));
}

#[tokio::test]
async fn a_note_costs_no_sync_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let memory = open_on(&fs, dir.path());
    turn(&memory, "c", "warm", "up").await;
    let turn = async |noted: bool| {
        let before = fs.operations();
        let run = RunId::generate();
        memory.accept_run(new_run(run, Some("c"), "question")).await.unwrap();
        if noted {
            memory.note_context(run, note("noted")).await.unwrap();
        }
        memory.end_run(run, reply("answer")).await.unwrap();
        fs.operations() - before
    };
    let plain = turn(false).await;
    assert_eq!(turn(true).await, plain);
    // An import is one batch, however many messages it brings.
    let before = fs.operations();
    memory.import((0..50).map(|n| said("d", "imported", &format!("d{n}"))).collect()).await.unwrap();
    assert!(fs.operations() - before <= plain, "{}", fs.operations() - before);
}
