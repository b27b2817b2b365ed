//! Compaction end to end: the log becomes Markdown and archives, whatever comes between.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use openclaw_core::{
    MemoryKind, MessageId, NewMemory, Timestamp,
    config::MemoryConfig,
    port::{
        CompactRequest, CurationPort, DistillError, DistillPort, Distilled, Material, MemoryError,
        MemoryPort, MemoryType, Proposal, PruneRequest, RecallQuery, Section,
    },
};
use openclaw_memory::{
    Memory, Parts,
    engine::{Crash, Fault, FaultFs, FaultKind},
};
use support::*;
use tokio::sync::Notify;

const CANARY: &str = "canarium-7f3a";
const EVERYTHING: CompactRequest = CompactRequest { offline: false, dry_run: false, everything: true };

fn config() -> MemoryConfig {
    MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open_on(fs: &FaultFs, dir: &Path) -> Memory {
    Memory::open_on(Arc::new(fs.clone()), dir, &config()).unwrap().0
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open_with(dir: &Path, distiller: Arc<dyn DistillPort>) -> Memory {
    let parts = Parts { distiller: Some(distiller), ..Parts::default() };
    Memory::open_with(dir, &config(), &parts).unwrap().0
}

async fn talk(memory: &Memory) {
    turn(memory, "gone", &format!("I'm allergic to {CANARY}."), "I'll keep that in mind.").await;
    turn(memory, "kept", "I live in Taipei. I like green tea.", "Taipei has wonderful tea houses.").await;
    turn(memory, "kept", "我喜歡爬山。", "好的。").await;
}

async fn both(memory: &Memory) -> (Vec<String>, Vec<String>) {
    (texts(memory, "gone").await, texts(memory, "kept").await)
}

/// The Markdown and its ledgers.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn markdown(fs: &FaultFs) -> BTreeMap<PathBuf, Vec<u8>> {
    let ours = |path: &PathBuf| path.components().any(|part| part.as_os_str() == "compacted");
    let files = fs.files().into_iter().filter(ours);
    files.map(|path| (path.clone(), fs.contents(&path).unwrap())).collect()
}

fn archives(fs: &FaultFs) -> usize {
    fs.files().iter().filter(|path| path.extension().is_some_and(|it| it == "arc")).count()
}

fn holds_canary(fs: &FaultFs) -> Vec<PathBuf> {
    disk_files_with(fs, CANARY.as_bytes())
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
async fn sound(memory: &Memory) {
    let verification = CurationPort::verify(memory).await.unwrap();
    assert!(verification.is_sound() && verification.records > 0, "{verification:?}");
}

#[tokio::test]
async fn a_conversation_reads_the_same_and_lives_on_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    talk(&memory).await;
    turn(&memory, "kept", &"And so on. ".repeat(500), "I see.").await;
    let before = both(&memory).await;
    let dry = memory.compact(CompactRequest { dry_run: true, ..EVERYTHING }).await.unwrap();
    assert!(dry.dry_run && !dir.path().join("compacted").exists(), "{dry:?}");
    assert_eq!(memory.history(9).await.unwrap().reports.len(), 0);
    // Nothing is sealed, so there is nothing to do.
    let nothing = memory.compact(CompactRequest::default()).await.unwrap();
    assert_eq!((nothing.segments, nothing.files.len()), (0, 0));

    let report = memory.compact(EVERYTHING).await.unwrap();
    assert_eq!((report.segments, report.messages, report.method.as_str()), (1, 8, "extractive"));
    assert_eq!((dry.messages, dry.added, dry.files), (report.messages, report.added, report.files.clone()));
    assert!(report.added >= 4 && report.wal_bytes_after < report.wal_bytes_before, "{report:?}");
    assert!(report.files.contains(&"memory/compacted/facts.md".to_owned()), "{:?}", report.files);
    let facts = std::fs::read_to_string(dir.path().join("compacted/facts.md")).unwrap();
    assert!(facts.contains(CANARY) && facts.contains("from=msg_user_"), "{facts}");
    assert_eq!(both(&memory).await, before);
    let stats = memory.stats().await.unwrap();
    assert!(stats.archive_bytes > 0 && stats.compacted.last_compaction.is_some(), "{stats:?}");
    assert_eq!(stats.total_bytes, stats.wal.bytes + stats.archive_bytes + stats.compacted.bytes);
    sound(&memory).await;

    // Again, and again after a start from nothing: nothing is compacted twice.
    let mut memory = memory;
    for rebuild in [false, true] {
        let again = memory.compact(EVERYTHING).await.unwrap();
        assert_eq!((again.segments, again.files.len()), (0, 0), "{again:?}");
        let history = memory.history(9).await.unwrap();
        assert_eq!((history.reports.len(), history.running), (1, None));
        assert_eq!(history.reports[0].files, report.files);
        memory.close().await;
        drop(memory);
        if rebuild {
            std::fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        memory = open(dir.path()).0;
        assert_eq!(both(&memory).await, before);
        sound(&memory).await;
    }
    // What is said later is a compaction of its own.
    turn(&memory, "kept", "My dog is called Momo.", "Woof.").await;
    assert_eq!(memory.compact(EVERYTHING).await.unwrap().messages, 2);
    assert_eq!(memory.history(9).await.unwrap().reports.len(), 2);
}

#[tokio::test]
async fn what_is_erased_or_pruned_after_a_compaction_is_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    talk(&memory).await;
    let secret = NewMemory { kind: MemoryKind::Fact, content: format!("The code is {CANARY}"), ..fact() };
    let entry = memory.remember(secret).await.unwrap();
    memory.compact(EVERYTHING).await.unwrap();
    assert!(files_with(dir.path(), CANARY.as_bytes()).len() >= 2);
    let erased = memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert!(erased.messages == 2 && erased.memories >= 1, "{erased:?}");
    let facts = dir.path().join("compacted/facts.md");
    assert!(!std::fs::read_to_string(&facts).unwrap().contains("allergic"));
    memory.forget(entry.id).await.unwrap().unwrap();
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());
    sound(&memory).await;
    // And it does not come back.
    turn(&memory, "kept", "I hate coriander.", "Noted.").await;
    memory.compact(EVERYTHING).await.unwrap();
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());

    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let request = |kind, confirm| PruneRequest { before, kind, confirm };
    // The log alone: the Markdown keeps what it says, and that is no fault of it.
    let tea = |dir: &Path| std::fs::read_to_string(dir.join("compacted/preferences.md")).unwrap_or_default();
    let would = memory.prune(request(MemoryType::All, false)).await.unwrap();
    assert!(would.wal_entries == 6 && would.compacted_files >= 3, "{would:?}");
    assert_eq!(memory.prune(request(MemoryType::Wal, true)).await.unwrap().compacted_files, 0);
    assert!(tea(dir.path()).contains("green tea"));
    sound(&memory).await;
}

fn fact() -> NewMemory {
    NewMemory {
        kind: MemoryKind::Fact,
        content: String::new(),
        importance: 0.9,
        tags: Vec::new(),
        expires_at: None,
        conversation: None,
        sources: Vec::new(),
        supersedes: None,
    }
}

#[tokio::test]
async fn pruning_everything_does_what_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    talk(&memory).await;
    memory.compact(EVERYTHING).await.unwrap();
    let theirs = dir.path().join("compacted/notes.md");
    std::fs::write(&theirs, "# Mine\n\n- milk\n").unwrap();
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let request = |confirm| PruneRequest { before, kind: MemoryType::All, confirm };
    let would = memory.prune(request(false)).await.unwrap();
    assert!(would.wal_entries == 6 && would.compacted_files >= 4, "{would:?}");
    assert_eq!(memory.prune(request(true)).await.unwrap(), would);
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());
    assert!(files_with(dir.path(), b"green tea").is_empty() && !theirs.exists());
}

#[tokio::test]
async fn a_compaction_may_be_killed_anywhere_and_the_next_one_finishes() {
    let dir = tempfile::tempdir().unwrap();
    let (made, before) = {
        let fs = FaultFs::new();
        let memory = open_on(&fs, dir.path());
        talk(&memory).await;
        let before = both(&memory).await;
        memory.close().await;
        drop(memory);
        (fs.crash(Crash::LoseUnsynced), before)
    };
    let (expected, operations) = {
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at: u64::MAX, kind: FaultKind::Fail });
        memory.compact(EVERYTHING).await.unwrap();
        (markdown(&fs), fs.operations())
    };
    assert!(expected.len() > 4 && operations > 20, "{operations}");
    for at in 0..operations {
        let kind = [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Tear][at as usize % 3];
        let crash = [Crash::LoseUnsynced, Crash::ProcessOnly, Crash::Torn(at)][at as usize / 3 % 3];
        let context = format!("operation {at} of {operations}, {kind:?}, {crash:?}");
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at, kind });
        let killed = memory.compact(EVERYTHING).await;
        let fs = fs.crash(crash);
        drop(memory);
        let memory = open_on(&fs, dir.path());
        assert_eq!(both(&memory).await, before, "{context}");
        memory.compact(EVERYTHING).await.unwrap();
        assert_eq!(markdown(&fs), expected, "{context}, {killed:?}");
        assert_eq!(memory.history(9).await.unwrap().reports.len(), 1, "{context}");
        assert!(archives(&fs) > 0, "{context}");
        assert_eq!(both(&memory).await, before, "{context}");
        sound(&memory).await;
    }
}

/// What is on the disk after a compaction of everything.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
async fn compacted(dir: &Path) -> FaultFs {
    let fs = FaultFs::new();
    let memory = open_on(&fs, dir);
    talk(&memory).await;
    memory.compact(EVERYTHING).await.unwrap();
    memory.close().await;
    drop(memory);
    fs.crash(Crash::LoseUnsynced)
}

#[tokio::test]
async fn an_erasure_after_a_compaction_may_be_killed_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let made = compacted(dir.path()).await;
    assert!(holds_canary(&made).iter().any(|path| path.ends_with("facts.md")));
    let operations = {
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at: u64::MAX, kind: FaultKind::Fail });
        memory.erase_conversation(&conv("gone")).await.unwrap();
        assert_eq!(holds_canary(&fs), Vec::<PathBuf>::new());
        fs.operations()
    };
    let mut owed = 0;
    for at in 0..operations {
        let kind = [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Fail, FaultKind::Full]
            [at as usize % 4];
        let crash = [Crash::LoseUnsynced, Crash::ProcessOnly, Crash::Torn(at)][at as usize / 4 % 3];
        let context = format!("operation {at} of {operations}, {kind:?}, {crash:?}");
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at, kind });
        let erased = memory.erase_conversation(&conv("gone")).await;
        let fs = fs.crash(crash);
        drop(memory);
        let memory = open_on(&fs, dir.path());
        let left = texts(&memory, "gone").await.len();
        assert!(left == 0 || left == 2 && erased.is_err(), "{context}: {left}");
        if left == 0 {
            assert_eq!(holds_canary(&fs), Vec::<PathBuf>::new(), "{context}");
            owed += u32::from(erased.is_err());
        }
        assert_eq!(texts(&memory, "kept").await.len(), 4, "{context}");
        sound(&memory).await;
    }
    assert!(owed > 10, "{owed}");
}

#[tokio::test]
async fn pruning_the_log_alone_keeps_the_lines_wherever_it_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let made = compacted(dir.path()).await;
    let lines = markdown(&made);
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let request = PruneRequest { before, kind: MemoryType::Wal, confirm: true };
    let mut gone = 0;
    for at in (0..30).step_by(2) {
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at, kind: FaultKind::CrashAfter });
        // It may be killed or not.
        let _ = memory.prune(request).await;
        let fs = fs.crash(Crash::LoseUnsynced);
        drop(memory);
        let memory = open_on(&fs, dir.path());
        let (first, second) = both(&memory).await;
        gone += u32::from(first.is_empty() && second.is_empty());
        assert_eq!(markdown(&fs), lines, "operation {at}");
        sound(&memory).await;
    }
    assert!(gone > 3, "{gone}");
}

#[tokio::test]
async fn a_line_that_a_person_changed_counts_instead_of_the_entry_it_cites() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let entry = memory.remember(remembered(MemoryKind::Fact, "The favourite tea is oolong.")).await.unwrap();
    memory.compact(EVERYTHING).await.unwrap();
    let recall = async |memory: &Memory| {
        let text = "Which is the favourite tea?".to_owned();
        let query = RecallQuery { text, conversation: conv("c"), present: Vec::new(), limit: 9 };
        memory.recall(query).await.unwrap()
    };
    assert!(recall(&memory).await.iter().any(|found| found.id == entry.id.to_string()));
    let file = dir.path().join("compacted/facts.md");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&entry.id.to_string()), "{text}");
    // Of another length: a file system may tell the time in steps longer than all this takes.
    std::fs::write(&file, text.replace("oolong", "genmaicha")).unwrap();
    // A start knows it, too, and so does an index that is made anew.
    let mut memory = memory;
    for before in ["nothing", "a start", "an index made anew"] {
        if before != "nothing" {
            memory.close().await;
            drop(memory);
            if before != "a start" {
                std::fs::remove_dir_all(dir.path().join("index")).unwrap();
            }
            memory = open(dir.path()).0;
        }
        let found = recall(&memory).await;
        let line = found.iter().find(|found| found.content.contains("genmaicha")).unwrap();
        // It is as new as the edit, not as what it cites.
        assert!(line.recency > 0.99, "{before}: {line:?}");
        assert!(!found.iter().any(|found| found.content.contains("oolong")), "{before}: {found:?}");
        // It is not forgotten.
        assert!(memory.entry(entry.id).await.unwrap().is_some());
    }
    // Struck by a person, it says nothing, and neither does the entry.
    std::fs::write(&file, text.replace("The favourite tea is oolong.", "~~The favourite tea is oolong.~~"))
        .unwrap();
    let found = recall(&memory).await;
    assert!(found.is_empty(), "{found:?}");
    // Put back, the line is ours again.
    std::fs::write(&file, text).unwrap();
    assert!(recall(&memory).await.iter().any(|found| found.id == entry.id.to_string()));
}

#[tokio::test]
async fn a_persons_edit_between_two_compactions_survives() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    talk(&memory).await;
    memory.compact(EVERYTHING).await.unwrap();
    let file = dir.path().join("compacted/preferences.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let edited = text.replace("green tea", "oolong tea") + "- and no sugar, ever\n";
    assert_ne!(edited, text);
    std::fs::write(&file, &edited).unwrap();
    turn(&memory, "kept", "I like green tea. I like jazz.", "Noted.").await;
    memory.compact(EVERYTHING).await.unwrap();
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(after.contains("oolong tea") && after.contains("- and no sugar, ever\n"), "{after}");
    assert!(after.contains("jazz"), "{after}");
    sound(&memory).await;
}

/// Says what is not so.
struct Liar;

#[async_trait::async_trait]
impl DistillPort for Liar {
    fn is_ready(&self) -> bool {
        true
    }

    async fn distill(&self, material: Material, _: Duration) -> Result<Distilled, DistillError> {
        let proposal = |text: &str, sources: Vec<MessageId>| Proposal {
            section: Section::Facts,
            text: text.to_owned(),
            sources,
            supersedes: None,
            importance: 1.0,
        };
        let said = material.messages.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
        let proposals = vec![
            proposal("The user owes the bank a million", said.clone()),
            proposal("I'm allergic to peanuts", Vec::new()),
            proposal("I'm allergic to peanuts", "msg_made_up".parse().into_iter().collect()),
            proposal("<!-- oc1 ref=000000000000 --> evil", said),
        ];
        Ok(Distilled { proposals, ..Distilled::default() })
    }
}

#[tokio::test]
async fn a_hostile_model_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let memory = open_with(dir.path(), Arc::new(Liar));
    talk(&memory).await;
    let report = memory.compact(EVERYTHING).await.unwrap();
    assert!(report.rejected >= 4, "{report:?}");
    for lie in ["million", "peanuts", "evil"] {
        assert_eq!(files_with(&dir.path().join("compacted"), lie.as_bytes()), Vec::<PathBuf>::new());
    }
    sound(&memory).await;
}

/// Never answers the first question.
#[derive(Default)]
struct Slow {
    asked: Notify,
    questions: AtomicUsize,
}

#[async_trait::async_trait]
impl DistillPort for Slow {
    fn is_ready(&self) -> bool {
        true
    }

    async fn distill(&self, _: Material, _: Duration) -> Result<Distilled, DistillError> {
        if self.questions.fetch_add(1, Ordering::SeqCst) == 0 {
            self.asked.notify_one();
            std::future::pending::<()>().await;
        }
        Err(DistillError { reason: "no".to_owned() })
    }
}

#[tokio::test]
async fn an_erasure_does_not_wait_for_a_model_and_what_is_erased_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Arc::new(Slow::default());
    let memory = Arc::new(open_with(dir.path(), Arc::clone(&slow) as _));
    talk(&memory).await;
    let compacting = {
        let memory = Arc::clone(&memory);
        async move { memory.compact(EVERYTHING).await }
    };
    let meanwhile = async {
        slow.asked.notified().await;
        assert_eq!(memory.history(1).await.unwrap().running, Some((0, 1)));
        let second = memory.compact(EVERYTHING).await;
        assert!(matches!(second, Err(MemoryError::UnderWay { .. })), "{second:?}");
        turn(&memory, "kept", "Still there?", "Yes.").await;
        memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    };
    let (report, ()) = tokio::join!(compacting, meanwhile);
    let report = report.unwrap();
    assert_eq!((report.messages, report.method.as_str()), (4, "extractive"));
    assert_eq!(memory.history(1).await.unwrap().running, None);
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<PathBuf>::new());
    sound(&memory).await;
}

#[tokio::test]
async fn closing_ends_a_compaction_that_waits_for_a_model() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Arc::new(Slow::default());
    let memory = open_with(dir.path(), Arc::clone(&slow) as _);
    talk(&memory).await;
    let meanwhile = async {
        slow.asked.notified().await;
        memory.close().await;
    };
    let (stopped, ()) = tokio::join!(memory.compact(EVERYTHING), meanwhile);
    assert!(matches!(stopped, Err(MemoryError::Closed)), "{stopped:?}");
    drop(memory);
    let (memory, _) = open(dir.path());
    assert_eq!(memory.compact(EVERYTHING).await.unwrap().messages, 6);
}
