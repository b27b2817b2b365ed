//! Conversations in archived segments: the same word by word, erasable without a trace, verifiable while in use.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    ForeignMessage, Role, Timestamp,
    config::MemoryConfig,
    limits::STORED_MESSAGE_BYTES,
    port::{CompactRequest, CurationPort, MemoryPort, MemoryType, PruneRequest},
};
use openclaw_memory::{
    Memory, ProblemKind, VerifyReport,
    engine::{Crash, Fault, FaultFs, FaultKind, Fs},
    repair, verify,
};
use support::*;

const CANARY: &str = "canary-51cd";

const KINDS: [FaultKind; 5] =
    [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Fail, FaultKind::Tear, FaultKind::Full];

fn config() -> MemoryConfig {
    MemoryConfig { segment_mb: 1, min_free_mb: 0, ..MemoryConfig::default() }
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn open_on(fs: &FaultFs, dir: &Path) -> Memory {
    Memory::open_on(Arc::new(fs.clone()), dir, &config()).unwrap().0
}

/// Some hundred KB that don't compress to nothing, different each time.
fn long(n: usize) -> String {
    (0..40_000).map(|at| format!("{:x} ", at * 2_654_435_761_usize * (n + 1) % 1_000_003)).collect()
}

/// Several segments: conversations `keep-N` and `gone` side by side.
async fn fill(memory: &Memory, rounds: usize) {
    for n in 0..rounds {
        turn(memory, "gone", &format!("{CANARY} {n}"), &format!("{CANARY} {}", long(n))).await;
        turn(memory, &format!("keep-{}", n % 3), &format!("question {n}"), &long(100 + n)).await;
    }
}

async fn everything(memory: &Memory) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for n in 0..3 {
        all.push(texts(memory, &format!("keep-{n}")).await);
    }
    all
}

fn archived(fs: &FaultFs) -> usize {
    fs.files().iter().filter(|path| path.extension().is_some_and(|it| it == "arc")).count()
}

fn holds_canary(fs: &FaultFs) -> bool {
    !disk_files_with(fs, CANARY.as_bytes()).is_empty()
}

fn sound(report: &VerifyReport) {
    assert!(report.is_sound() && report.index_checked, "{report:?}");
}

#[tokio::test]
async fn a_conversation_reads_the_same_before_and_after() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = Memory::open(dir.path(), &config()).unwrap();
    fill(&memory, 8).await;
    let before = (everything(&memory).await, texts(&memory, "gone").await);
    let bytes = memory.log_bytes();
    assert_eq!(bytes.archive, 0);
    assert!(memory.archive_now().unwrap() >= 2);
    let after = memory.log_bytes();
    assert!(after.wal < bytes.wal && after.archive > 0, "{after:?}");
    assert!(after.wal + after.archive < bytes.wal * 3 / 4, "{bytes:?} {after:?}");
    assert_eq!((everything(&memory).await, texts(&memory, "gone").await), before);
    sound(&memory.verify(&mut |_| {}).unwrap());
    assert!(!memory.search(query("question 1")).await.unwrap().hits.is_empty());
    memory.close().await;
    drop(memory);
    // From a checkpoint, and with an index built from nothing but archives and what came after.
    for rebuild in [false, true] {
        if rebuild {
            std::fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        let (memory, report) = Memory::open(dir.path(), &config()).unwrap();
        assert_eq!((report.rebuilt, report.damaged.len(), report.missing), (rebuild, 0, 0));
        assert_eq!((everything(&memory).await, texts(&memory, "gone").await), before);
        memory.close().await;
        drop(memory);
        let mut last = None;
        sound(&verify(dir.path(), &mut |progress| last = Some(progress)).unwrap());
    }
}

#[tokio::test]
async fn a_long_message_is_found_shown_compacted_and_archived_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = Memory::open(dir.path(), &config()).unwrap();
    // The longest takes the same way, in four times the time.
    const LONG: usize = STORED_MESSAGE_BYTES / 4;
    let mut contents = [format!("{} zebra9 ", long(1)), "長い文 ".to_owned()].concat();
    contents = contents.repeat(LONG / contents.len());
    contents.push_str(&"x".repeat(LONG - contents.len() - 7));
    contents.push_str(" okapi7");
    let message = |id: &str, content: &str| ForeignMessage {
        conversation: conv("c"),
        channel: "api".to_owned(),
        role: Role::Assistant,
        content: content.to_owned(),
        timestamp: Timestamp::from_unix_millis(1),
        id: Some(id.parse().unwrap()),
    };
    let both = vec![message("m1", &contents), message("m2", "and a short one")];
    assert_eq!(memory.import(both.clone()).await.unwrap().imported, 2);
    for archived in [false, true] {
        if archived {
            let all = CompactRequest { everything: true, ..CompactRequest::default() };
            assert_eq!(memory.compact(all).await.unwrap().messages, 2);
            memory.archive_now().unwrap();
        }
        let hits = memory.search(query("okapi7")).await.unwrap().hits;
        let first = &hits[0];
        assert!(
            first.id == "m1" && first.content.contains("okapi7") && first.content.len() < 2000,
            "{hits:.3000?}"
        );
        assert!(texts(&memory, "c").await == [contents.as_str(), "and a short one"]);
        // A prompt takes what fits, and leaves the rest of the conversation.
        let recent = memory.recent(&conv("c"), 10, 1_000_000).await.unwrap();
        assert_eq!(recent.iter().map(|message| message.text()).collect::<Vec<_>>(), ["and a short one"]);
        assert!(memory.export(None, 10).await.unwrap().messages[0] == both[0]);
        sound(&memory.verify(&mut |_| {}).unwrap());
    }
}

#[tokio::test]
async fn erasing_and_pruning_reach_into_archives() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = Memory::open(dir.path(), &config()).unwrap();
    fill(&memory, 6).await;
    memory.archive_now().unwrap();
    let before = everything(&memory).await;
    assert_eq!(memory.erase_conversation(&conv("gone")).await.unwrap().unwrap().messages, 12);
    sound(&memory.verify(&mut |_| {}).unwrap());
    memory.archive_now().unwrap();
    let report = memory.verify(&mut |_| {}).unwrap();
    sound(&report);
    assert_eq!((report.erased, report.messages), (12, 12));
    assert_eq!(everything(&memory).await, before);
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let request = PruneRequest { before, kind: MemoryType::Wal, confirm: true };
    assert_eq!(memory.prune(request).await.unwrap().wal_entries, 12);
    assert_eq!(memory.log_bytes().archive, 0, "archives that hold nothing are dropped");
    sound(&memory.verify(&mut |_| {}).unwrap());
    memory.close().await;
    drop(memory);
    sound(&verify(dir.path(), &mut |_| {}).unwrap());
}

#[tokio::test]
async fn an_erasure_in_archives_may_be_interrupted_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let made = {
        let fs = FaultFs::new();
        let memory = open_on(&fs, dir.path());
        fill(&memory, 3).await;
        assert!(memory.archive_now().unwrap() > 0);
        memory.close().await;
        drop(memory);
        fs.crash(Crash::LoseUnsynced)
    };
    let kept = everything(&open_on(&made.crash(Crash::LoseUnsynced), dir.path())).await;
    let (mut finished, mut owed) = (0, 0);
    // The intent and the space kept ahead for it come first.
    for at in 15..44 {
        let kind = KINDS[at as usize % KINDS.len()];
        let fs = made.crash(Crash::LoseUnsynced);
        let memory = open_on(&fs, dir.path());
        fs.inject(Fault { at, kind });
        let erased = memory.erase_conversation(&conv("gone")).await;
        let crash = [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)][at as usize % 3];
        let after = fs.crash(crash);
        drop(memory);
        finished += u32::from(erased.is_ok());
        let context = format!("operation {at}, {kind:?}, {crash:?}");
        let memory = open_on(&after, dir.path());
        assert_eq!(everything(&memory).await, kept, "{context}");
        let left = texts(&memory, "gone").await.len();
        assert!(left == 0 || left == 6 && erased.is_err(), "{context}: {left}");
        owed += u32::from(left == 0 && erased.is_err());
        sound(&memory.verify(&mut |_| {}).unwrap());
        if left == 0 {
            assert!(!holds_canary(&after), "{context}");
        }
    }
    assert!(finished > 3 && owed > 3, "{finished} {owed}");
}

#[tokio::test]
async fn erasing_takes_the_copies_that_a_repair_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = Memory::open(dir.path(), &config()).unwrap();
    turn(&memory, "gone", CANARY, "yes").await;
    turn(&memory, "gone", "more", "yes").await;
    memory.close().await;
    drop(memory);
    let segment = dir.path().join("wal/00000000000000000001.wal");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(CANARY.len()).position(|window| window == CANARY.as_bytes()).unwrap();
    // Lost to the log, and still readable in the copy.
    bytes[at - 8] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let repaired = repair(dir.path(), &mut |_| {}).unwrap();
    assert_eq!(repaired.lost_count(), 1);
    assert_eq!(repaired.lost_records[0].conversation, Some(conv("gone")));
    assert!(repaired.set_aside.iter().all(|path| path.exists()));
    assert!(!files_with(dir.path(), CANARY.as_bytes()).is_empty());
    let (memory, report) = Memory::open(dir.path(), &config()).unwrap();
    assert!(report.damaged.is_empty() && report.rebuilt);
    assert_eq!(texts(&memory, "gone").await, ["more", "yes"]);
    memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_verifies_while_it_is_written_archived_and_erased() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let memory = Arc::new(open_on(&fs, dir.path()));
    fill(&memory, 3).await;
    let verifying = {
        let memory = Arc::clone(&memory);
        tokio::task::spawn_blocking(move || {
            (0..6).map(|_| memory.verify(&mut |_| {}).unwrap()).collect::<Vec<_>>()
        })
    };
    for n in 0..4 {
        fill(&memory, 1).await;
        turn(&memory, "gone", CANARY, "yes").await;
        memory.archive_now().unwrap();
        memory.erase_conversation(&conv("gone")).await.unwrap();
        turn(&memory, &format!("more-{n}"), "and", "so on").await;
    }
    for report in verifying.await.unwrap() {
        assert!(report.is_sound(), "{report:?}");
    }
    sound(&memory.verify(&mut |_| {}).unwrap());
    assert!(archived(&fs) > 0);
    // And it does find what is wrong.
    let victim = fs.files().into_iter().find(|path| path.extension().is_some_and(|it| it == "arc")).unwrap();
    fs.tamper(&victim, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    })
    .unwrap();
    let report = memory.verify(&mut |_| {}).unwrap();
    assert!(
        report.problems.iter().any(|it| it.kind == ProblemKind::Archive && it.path == victim),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_start_reads_no_more_of_archives_than_their_heads() {
    let dir = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let memory = open_on(&fs, dir.path());
    fill(&memory, 6).await;
    // The search index has all of it, so that it reads nothing after the start either.
    memory.search(query("anything")).await.unwrap();
    memory.archive_now().unwrap();
    memory.close().await;
    drop(memory);
    let counting = Arc::new(Reads { inner: fs.clone(), bytes: Arc::default() });
    let (memory, report) =
        Memory::open_on(Arc::clone(&counting) as Arc<dyn Fs>, dir.path(), &config()).unwrap();
    assert!(!report.rebuilt && archived(&fs) > 1);
    let read = counting.bytes.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read, 64 * archived(&fs) as u64);
    drop(memory);
}

/// Counts the bytes that are read from archives.
#[derive(Debug)]
struct Reads {
    inner: FaultFs,
    bytes: Arc<std::sync::atomic::AtomicU64>,
}

#[derive(Debug)]
struct Read {
    inner: Arc<dyn openclaw_memory::engine::FsFile>,
    bytes: Arc<std::sync::atomic::AtomicU64>,
}

impl Fs for Reads {
    fn open(&self, path: &Path) -> std::io::Result<Arc<dyn openclaw_memory::engine::FsFile>> {
        let inner = self.inner.open(path)?;
        if path.extension().is_some_and(|it| it == "arc") {
            return Ok(Arc::new(Read { inner, bytes: Arc::clone(&self.bytes) }));
        }
        Ok(inner)
    }

    fn create(&self, path: &Path) -> std::io::Result<Arc<dyn openclaw_memory::engine::FsFile>> {
        self.inner.create(path)
    }

    fn create_dir_all(&self, path: &Path) -> std::io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        self.inner.remove(path)
    }

    fn list(&self, dir: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
        self.inner.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> std::io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn available_space(&self, path: &Path) -> std::io::Result<u64> {
        self.inner.available_space(path)
    }
}

impl openclaw_memory::engine::FsFile for Read {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let read = self.inner.read_at(buf, offset)?;
        self.bytes.fetch_add(read as u64, std::sync::atomic::Ordering::SeqCst);
        Ok(read)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> std::io::Result<()> {
        self.inner.write_all_at(data, offset)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.inner.sync_data()
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.inner.set_len(len)
    }

    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
}
