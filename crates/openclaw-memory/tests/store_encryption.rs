//! Encryption at rest: everything works as without, nothing that was said lies on the disk, and what was erased can't be read
//! from copies either.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{
    ForeignMessage, MemoryId, MemoryKind, NewMemory, Role, RunId, Secret, Timestamp,
    config::MemoryConfig,
    port::{ContextCut, ContextNote, CurationPort, EntryFilter, MemoryPort, MemoryType, PruneRequest},
};
use openclaw_memory::{
    Memory, OpenError, OpenReport, Parts, Unlock, VaultError,
    engine::{Crash, Fault, FaultFs, FaultKind, Fs},
    repair_with, verify, verify_with,
};
use support::*;

const CANARY: &str = "canary-8d20";

fn config() -> MemoryConfig {
    MemoryConfig { segment_mb: 1, min_free_mb: 0, ..MemoryConfig::default() }
}

/// A memory and its key file, side by side.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn memory(&self) -> PathBuf {
        self.0.path().join("memory")
    }

    fn unlock(&self) -> Unlock {
        Unlock::KeyFile(self.0.path().join("memory.key"))
    }

    fn open(&self) -> (Memory, OpenReport) {
        open_dir(&self.memory(), Some(self.unlock())).unwrap()
    }
}

fn parts(unlock: Option<Unlock>) -> Parts {
    Parts { unlock, ..Parts::default() }
}

fn open_dir(dir: &Path, unlock: Option<Unlock>) -> Result<(Memory, OpenReport), OpenError> {
    Memory::open_with(dir, &config(), &parts(unlock))
}

fn fact(content: &str, conversation: Option<&str>) -> NewMemory {
    NewMemory {
        kind: MemoryKind::Fact,
        content: content.into(),
        importance: 0.5,
        tags: vec![CANARY.into()],
        expires_at: None,
        conversation: conversation.map(conv),
        sources: Vec::new(),
        supersedes: None,
    }
}

fn said(conversation: &str, content: &str) -> ForeignMessage {
    ForeignMessage {
        conversation: conv(conversation),
        channel: "api".into(),
        role: Role::User,
        content: content.into(),
        timestamp: Timestamp::from_unix_millis(1_774_000_000_000),
        id: None,
    }
}

fn note() -> ContextNote {
    let cuts = vec![ContextCut { id: "soul.md".into(), reason: CANARY.into(), tokens: 1 }];
    ContextNote { cuts, ..ContextNote::default() }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn remembered(memory: &Memory) -> Vec<String> {
    let filter = EntryFilter { limit: 10, ..EntryFilter::default() };
    let mut all: Vec<_> =
        memory.entries(filter).await.unwrap().entries.into_iter().map(|entry| entry.content).collect();
    all.sort();
    all
}

#[tokio::test]
async fn everything_works_and_nothing_that_was_said_lies_on_the_disk() {
    let home = Home::new();
    let (memory, _) = home.open();
    let long: String = (0..60_000).map(|n| format!("{:x} ", n * 2_654_435_761_usize % 1_000_003)).collect();
    let run = RunId::generate();
    let mut new = new_run(run, Some("talk"), &format!("{CANARY} question"));
    new.metadata.user_name = Some(CANARY.into());
    new.idempotency_key = Some("key".into());
    memory.accept_run(new.clone()).await.unwrap();
    memory.append_steps(run, vec![call("1"), result("1", CANARY)]).await.unwrap();
    memory.note_context(run, note()).await.unwrap();
    memory.end_run(run, reply(&format!("{CANARY} answer"))).await.unwrap();
    for n in 0..4 {
        turn(&memory, "long", &format!("{CANARY} {n}"), &long).await;
    }
    let kept = memory.remember(fact(&format!("{CANARY} fact"), None)).await.unwrap().id;
    memory.remember(fact(&format!("{CANARY} of the talk"), Some("talk"))).await.unwrap();
    let import = vec![said("other", &format!("{CANARY} imported")), said("talk", "too")];
    assert_eq!(memory.import(import.clone()).await.unwrap().imported, 2);
    let pending = RunId::generate();
    memory.accept_run(new_run(pending, Some("talk"), "pending")).await.unwrap();
    assert_eq!(files_with(home.0.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());

    let mut memory = memory;
    for round in 0..4 {
        assert!(memory.search(query(CANARY)).await.unwrap().total > 5, "{round}");
        let talk = texts(&memory, "talk").await;
        assert_eq!((talk.len(), talk.last().map(String::as_str)), (6, Some("pending")), "{talk:?}");
        assert_eq!(texts(&memory, "long").await.len(), 8);
        assert_eq!(texts(&memory, "other").await, [format!("{CANARY} imported")]);
        assert_eq!(remembered(&memory).await.len(), 2 - usize::from(round == 3));
        assert_eq!(memory.context_note(run).await.unwrap(), Some(note()));
        assert_eq!(memory.pending_runs().await.unwrap()[0].0.text, "pending");
        assert_eq!(memory.import(import.clone()).await.unwrap().skipped, 2);
        let found = memory.find_key(&new).await.unwrap();
        assert_eq!(found, Some(openclaw_core::port::Accepted::Duplicate(run)));
        assert_eq!(memory.export(None, 100).await.unwrap().messages.len(), 14);
        let report = memory.verify(&mut |_| {}).unwrap();
        assert!(report.is_sound() && report.locked == 0, "{report:?}");
        if round == 0 {
            assert!(memory.archive_now().unwrap() > 0);
        }
        if round == 2 {
            memory.forget(kept).await.unwrap().unwrap();
        }
        memory.close().await;
        drop(memory);
        let unlock = home.unlock();
        let report = verify_with(&home.memory(), Some(&unlock), &mut |_| {}).unwrap();
        assert!(report.is_sound() && report.index_checked && report.messages == 15, "{report:?}");
        let locked = verify(&home.memory(), &mut |_| {}).unwrap();
        assert!(locked.is_sound() && locked.locked >= 15 && !locked.index_checked, "{locked:?}");
        let repaired = repair_with(&home.memory(), Some(&unlock), &mut |_| {}).unwrap();
        assert!(repaired.lost.is_empty() && repaired.rewritten.is_empty());
        if round == 1 {
            fs::remove_dir_all(home.memory().join("index")).unwrap();
        }
        assert_eq!(files_with(home.0.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());
        memory = home.open().0;
    }
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let prune = PruneRequest { before, kind: MemoryType::All, confirm: true };
    assert!(memory.prune(prune).await.unwrap().wal_entries > 10);
    assert_eq!(texts(&memory, "talk").await, ["pending"]);
    memory.end_run(pending, reply("done")).await.unwrap();
    drop(memory);
    let (memory, report) = home.open();
    assert!(report.damaged.is_empty() && report.missing == 0, "{report:?}");
    assert_eq!(texts(&memory, "talk").await, ["pending", "done"]);
}

#[tokio::test]
async fn without_its_key_it_is_not_opened() {
    let home = Home::new();
    let (memory, _) = home.open();
    turn(&memory, "talk", "question", "answer").await;
    memory.close().await;
    drop(memory);
    let dir = home.memory();
    let mistake = |opened: Result<(Memory, OpenReport), OpenError>| match opened {
        Err(OpenError::Encryption(error)) if error.is_mistake() => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(mistake(open_dir(&dir, None)), VaultError::Locked { .. }));
    let other = Unlock::KeyFile(home.0.path().join("other.key"));
    fs::write(home.0.path().join("other.key"), "7".repeat(64)).unwrap();
    assert!(matches!(mistake(open_dir(&dir, Some(other.clone()))), VaultError::WrongKey { .. }));
    let passphrase = Unlock::Passphrase(Secret::new("battery staple"));
    assert!(matches!(mistake(open_dir(&dir, Some(passphrase.clone()))), VaultError::WrongKey { .. }));
    assert!(verify_with(&dir, Some(&other), &mut |_| {}).is_err());
    // With the keyring gone there is no new one, with and without the index.
    let keyring = fs::read(dir.join("keyring")).unwrap();
    fs::remove_file(dir.join("keyring")).unwrap();
    assert!(matches!(mistake(open_dir(&dir, Some(home.unlock()))), VaultError::KeyringMissing { .. }));
    fs::remove_dir_all(dir.join("index")).unwrap();
    for unlock in [None, Some(home.unlock()), Some(passphrase)] {
        assert!(matches!(mistake(open_dir(&dir, unlock)), VaultError::KeyringMissing { .. }));
    }
    assert!(!dir.join("keyring").exists());
    fs::write(dir.join("keyring"), keyring).unwrap();
    fs::rename(home.0.path().join("memory.key"), home.0.path().join("away")).unwrap();
    assert!(matches!(mistake(open_dir(&dir, Some(home.unlock()))), VaultError::KeyFileMissing { .. }));
    fs::rename(home.0.path().join("away"), home.0.path().join("memory.key")).unwrap();
    assert_eq!(texts(&home.open().0, "talk").await, ["question", "answer"]);
}

#[tokio::test]
async fn what_was_written_before_stays_readable() {
    let home = Home::new();
    let (memory, _) = open_dir(&home.memory(), None).unwrap();
    turn(&memory, "talk", "in clear", "still in clear").await;
    drop(memory);
    let (memory, _) = home.open();
    turn(&memory, "talk", &format!("{CANARY} question"), CANARY).await;
    drop(memory);
    let (memory, _) = home.open();
    assert_eq!(texts(&memory, "talk").await.len(), 4);
    let hits = memory.search(query("clear")).await.unwrap().hits;
    assert_eq!(hits.iter().filter(|hit| hit.content.contains("clear")).count(), 2);
    assert_eq!(files_with(home.0.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());
    assert!(memory.erase_conversation(&conv("talk")).await.unwrap().is_some());
    assert_eq!(files_with(home.0.path(), b"in clear"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_copy_from_before_an_erasure_can_not_be_read_with_the_keyring_after_it() {
    let home = Home::new();
    let (memory, _) = home.open();
    for n in 0..3 {
        turn(&memory, "gone", &format!("{CANARY} {n}"), CANARY).await;
        turn(&memory, "keep", &format!("question {n}"), "answer").await;
    }
    memory.remember(fact(CANARY, Some("gone"))).await.unwrap();
    memory.remember(fact("stays", None)).await.unwrap();
    let run = RunId::generate();
    memory.accept_run(new_run(run, Some("gone"), CANARY)).await.unwrap();
    let copy = home.0.path().join("copy");
    copy_dir(&home.memory().join("wal"), &copy.join("wal"));

    let erased = memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert_eq!((erased.messages, erased.memories), (7, 1));
    turn(&memory, "gone", "anew", "again").await;
    drop(memory);
    let (memory, _) = home.open();
    assert_eq!(texts(&memory, "gone").await, ["anew", "again"]);
    drop(memory);

    fs::copy(home.memory().join("keyring"), copy.join("keyring")).unwrap();
    let (memory, _) = open_dir(&copy, Some(home.unlock())).unwrap();
    assert_eq!(texts(&memory, "gone").await, Vec::<String>::new());
    // It has the word as a tag.
    let found = memory.search(query(CANARY)).await.unwrap().hits;
    assert_eq!(found.iter().map(|hit| hit.content.as_str()).collect::<Vec<_>>(), ["stays"]);
    assert_eq!(remembered(&memory).await, ["stays"]);
    assert_eq!(texts(&memory, "keep").await.len(), 6);
    assert!(memory.pending_runs().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_a_conversation_is_erased_has_a_key() {
    let home = Home::new();
    let (memory, _) = home.open();
    let memory = Arc::new(memory);
    for round in 0..15 {
        let gone = conv("gone");
        let turns = (0..6).map(|n| {
            let memory = Arc::clone(&memory);
            async move {
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                let id = RunId::generate();
                memory.accept_run(new_run(id, Some("gone"), "question")).await.unwrap();
                drop(memory.end_run(id, reply("answer")).await);
            }
        });
        let turns = futures_util::future::join_all(turns);
        futures_util::future::join(turns, memory.erase_conversation(&gone)).await.1.unwrap();
        if round % 5 == 4 {
            memory.remember(fact("of it", Some("gone"))).await.unwrap();
            turn(&memory, "gone", "another", "one").await;
        }
    }
    let count = memory.conversations(page(5)).await.unwrap().conversations[0].message_count;
    drop(memory);
    fs::remove_dir_all(home.memory().join("index")).unwrap();
    let (memory, report) = home.open();
    assert!(report.damaged.is_empty());
    // Whatever is there can be read.
    assert_eq!(texts(&memory, "gone").await.len() as u64, count);
    assert_eq!(memory.conversations(page(5)).await.unwrap().conversations[0].message_count, count);
}

fn open_on(disk: &FaultFs, home: &Home) -> Result<Memory, OpenError> {
    let disk: Arc<dyn Fs> = Arc::new(disk.clone());
    Ok(Memory::open_parts(&disk, &home.memory(), &config(), &parts(Some(home.unlock())))?.0)
}

/// A disk that holds the segments of one and all else of another.
fn with_segments_of(old: &FaultFs, new: &FaultFs, home: &Home) -> FaultFs {
    let disk = FaultFs::new();
    for path in old.files().iter().filter(|path| path.starts_with(home.memory().join("wal"))) {
        put(&disk, path, &old.contents(path).unwrap());
    }
    let keyring = home.memory().join("keyring");
    put(&disk, &keyring, &new.contents(&keyring).unwrap());
    disk
}

fn put(disk: &FaultFs, path: &Path, bytes: &[u8]) {
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    let file = disk.create(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(path.parent().unwrap()).unwrap();
}

fn holds(disk: &FaultFs, needle: &str) -> bool {
    !disk_files_with(disk, needle.as_bytes()).is_empty()
}

#[tokio::test]
async fn an_erasure_that_a_crash_interrupts_destroys_the_key_or_nothing() {
    let home = Home::new();
    let before = FaultFs::new();
    let memory = open_on(&before, &home).unwrap();
    turn(&memory, "keep", "question", "answer").await;
    turn(&memory, "gone", CANARY, CANARY).await;
    memory.close().await;
    drop(memory);
    let memory = open_on(&before, &home).unwrap();
    turn(&memory, "gone", CANARY, CANARY).await;
    memory.remember(fact(CANARY, Some("gone"))).await.unwrap();
    drop(memory);
    let disk = before.crash(Crash::ProcessOnly);
    let memory = open_on(&disk, &home).unwrap();
    let start = disk.operations();
    memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    let operations = disk.operations() - start;
    drop(memory);
    assert!(operations > 5, "{operations}");
    for at in 0..=operations {
        for (kind, crash) in [
            (FaultKind::CrashBefore, Crash::LoseUnsynced),
            (FaultKind::CrashAfter, Crash::Torn(at)),
            (FaultKind::Fail, Crash::ProcessOnly),
            (FaultKind::Tear, Crash::LoseUnsynced),
        ] {
            let context = format!("operation {at}, {kind:?}, {crash:?}");
            let disk = before.crash(Crash::ProcessOnly);
            let memory = open_on(&disk, &home).unwrap();
            disk.inject(Fault { at, kind });
            let erased = memory.erase_conversation(&conv("gone")).await;
            let id = RunId::generate();
            let anew = memory.accept_run(new_run(id, Some("gone"), "anew")).await.is_ok();
            drop(memory);
            let disk = disk.crash(crash);
            let memory = open_on(&disk, &home).unwrap();
            let gone = texts(&memory, "gone").await;
            let old = gone.iter().filter(|text| *text == CANARY).count();
            assert!(old == 0 || (old == 4 && erased.is_err()), "{context}: {gone:?}");
            assert!(!anew || gone.last().is_some_and(|text| text == "anew"), "{context}: {gone:?}");
            assert_eq!(texts(&memory, "keep").await, ["question", "answer"], "{context}");
            assert_eq!(remembered(&memory).await.len(), usize::from(old > 0), "{context}");
            assert!(!holds(&disk, CANARY), "{context}");
            drop(memory);
            if old == 0 {
                let spliced = with_segments_of(&before, &disk, &home);
                let memory = open_on(&spliced, &home).unwrap();
                assert_eq!(texts(&memory, "gone").await, Vec::<String>::new(), "{context}");
                assert!(remembered(&memory).await.is_empty(), "{context}");
                assert_eq!(texts(&memory, "keep").await.len(), 2, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_crash_while_a_conversation_begins_costs_no_acknowledged_record() {
    let home = Home::new();
    let empty = FaultFs::new();
    drop(open_on(&empty, &home).unwrap());
    for at in 0..12 {
        for kind in [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Fail, FaultKind::Full] {
            let context = format!("operation {at}, {kind:?}");
            let disk = empty.crash(Crash::ProcessOnly);
            let memory = open_on(&disk, &home).unwrap();
            disk.inject(Fault { at, kind });
            let mut acknowledged: Vec<(String, MemoryId)> = Vec::new();
            let mut said = Vec::new();
            for n in 0..3 {
                let id = RunId::generate();
                let name = format!("talk-{n}");
                if memory.accept_run(new_run(id, Some(&name), "question")).await.is_ok() {
                    said.push(name.clone());
                }
                if let Ok(entry) = memory.remember(fact(&format!("{CANARY} {n}"), Some(&name))).await {
                    acknowledged.push((entry.content, entry.id));
                }
            }
            drop(memory);
            let disk = disk.crash(Crash::LoseUnsynced);
            let memory = open_on(&disk, &home).unwrap();
            for name in said {
                assert_eq!(texts(&memory, &name).await, ["question"], "{context}");
            }
            for (content, id) in acknowledged {
                let entry = memory.entry(id).await.unwrap();
                assert_eq!(entry.map(|entry| entry.content), Some(content), "{context}");
            }
            turn(&memory, "talk-0", "later", "fine").await;
            assert!(!holds(&disk, CANARY), "{context}");
        }
    }
}
