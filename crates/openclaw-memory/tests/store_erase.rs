//! Erasing and pruning: nothing is left, and nothing else is touched.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    Attachment, AttachmentSource, RunId, Timestamp,
    port::{MemoryError, MemoryPort, MemoryType, PruneRequest, Pruned},
};
use support::*;

const CANARY: &str = "canary-7f3a91";

#[tokio::test]
async fn an_erased_conversation_leaves_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    turn(&memory, "keep", "stay here", "yes").await;
    for n in 0..70 {
        turn(&memory, "gone", &format!("{CANARY} question {n}"), &format!("{CANARY} answer {n}")).await;
    }
    memory.close().await;
    drop(memory);
    // Part of it below a checkpoint, part above, part pending.
    let (memory, _) = open(dir.path());
    let id = RunId::generate();
    let mut run = new_run(id, Some("gone"), "with a file");
    run.metadata.user_name = Some(CANARY.into());
    let data = AttachmentSource::Data(CANARY.as_bytes().to_vec().into());
    run.metadata.attachments =
        vec![Attachment { name: "a.txt".into(), mime_type: "text/plain".into(), source: data }];
    memory.accept_run(run).await.unwrap();
    memory.append_steps(id, vec![call(CANARY), result("1", CANARY)]).await.unwrap();
    assert!(!files_with(dir.path(), CANARY.as_bytes()).is_empty());

    let erased = memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert_eq!(erased.messages, 143);
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
    assert_eq!(memory.erase_conversation(&conv("gone")).await.unwrap(), None);
    assert!(memory.search(query(CANARY)).await.unwrap().hits.is_empty());
    assert!(memory.recent(&conv("gone"), 10, 1000).await.unwrap().is_empty());
    assert!(memory.pending_runs().await.unwrap().is_empty());
    // What comes late finds no run and stores nothing.
    assert!(matches!(memory.end_run(id, reply(CANARY)).await, Err(MemoryError::UnknownRun(_))));
    assert!(matches!(memory.append_steps(id, vec![call(CANARY)]).await, Err(MemoryError::UnknownRun(_))));
    assert_eq!(memory.run(id).await.unwrap(), None);

    turn(&memory, "gone", "a new beginning", "good").await;
    assert_eq!(texts(&memory, "gone").await, ["a new beginning", "good"]);
    assert_eq!(texts(&memory, "keep").await, ["stay here", "yes"]);
    drop(memory);
    let (memory, _) = open(dir.path());
    assert_eq!(texts(&memory, "gone").await, ["a new beginning", "good"]);
    assert_eq!(memory.stats().await.unwrap().wal.entries, 4);
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
    drop(memory);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (memory, report) = open(dir.path());
    assert!(report.rebuilt);
    assert_eq!(texts(&memory, "gone").await, ["a new beginning", "good"]);
    assert_eq!(memory.conversations(page(10)).await.unwrap().total, 2);
    assert_eq!(memory.stats().await.unwrap().wal.entries, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_back_when_runs_race_with_the_erasure() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    for _ in 0..10 {
        let mut runs = Vec::new();
        for _ in 0..8 {
            let id = RunId::generate();
            memory.accept_run(new_run(id, Some("gone"), CANARY)).await.unwrap();
            runs.push(id);
        }
        let ends = futures_util::future::join_all(runs.iter().map(|id| memory.end_run(*id, reply(CANARY))));
        let gone = conv("gone");
        let (ends, erased) = futures_util::future::join(ends, memory.erase_conversation(&gone)).await;
        erased.unwrap().unwrap();
        for end in ends {
            assert!(matches!(end, Ok(()) | Err(MemoryError::UnknownRun(_))), "{end:?}");
        }
        assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
        assert!(memory.pending_runs().await.unwrap().is_empty());
        assert_eq!(memory.stats().await.unwrap().wal.entries, 0);
    }
}

#[tokio::test]
async fn pruning_removes_what_is_older_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let now = Timestamp::now().unix_millis() as u64;
    let old = now - 3_600_000;
    // The messages are an hour old, the replies of this moment.
    for n in 0..3 {
        turn_as(&memory, run_at(old + n), "old", &format!("{CANARY} {n}"), "reply").await;
        turn_as(&memory, run_at(old + n), "mixed", &format!("{CANARY} {n}"), "reply").await;
    }
    memory.close().await;
    drop(memory);
    let (memory, _) = open(dir.path());
    let before = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000);
    let pending = run_at(before.unix_millis() as u64 + 1);
    memory.accept_run(new_run(pending, Some("mixed"), "still here")).await.unwrap();
    let request = |confirm| PruneRequest { before, kind: MemoryType::All, confirm };
    let would = memory.prune(request(false)).await.unwrap();
    assert_eq!((would.wal_entries, would.compacted_files), (12, 0));
    assert_eq!(would.bytes, 6 * (CANARY.len() as u64 + 2 + 5));
    assert_eq!(texts(&memory, "old").await.len(), 6);
    let early = PruneRequest { before: Timestamp::from_unix_millis(old as i64), ..request(true) };
    assert_eq!(memory.prune(early).await.unwrap(), Pruned::default());

    assert_eq!(memory.prune(request(true)).await.unwrap(), would);
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
    assert_eq!(memory.prune(request(true)).await.unwrap(), Pruned::default());
    drop(memory);
    for remove_index in [false, true] {
        if remove_index {
            std::fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        let (memory, _) = open(dir.path());
        assert_eq!(texts(&memory, "mixed").await, ["still here"]);
        assert_eq!(memory.conversations(page(10)).await.unwrap().total, 1);
        let stats = memory.stats().await.unwrap();
        assert_eq!((stats.wal.entries, stats.wal.oldest), (1, Some(pending.accepted_at())));
        assert_eq!(memory.pending_runs().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn markdown_is_counted_found_and_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let file = dir.path().join("compacted/facts.md");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "# Facts\n\n- 사용자 likes green tea\n").unwrap();
    let stats = memory.stats().await.unwrap();
    assert_eq!((stats.compacted.files, stats.compacted.bytes), (1, std::fs::metadata(&file).unwrap().len()));
    let hits = memory.search(query("tea")).await.unwrap().hits;
    assert_eq!((hits.len(), hits[0].kind), (1, MemoryType::Compacted));
    assert!(hits[0].source.as_deref().unwrap().ends_with("compacted/facts.md"));
    let request = PruneRequest {
        before: Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 60_000),
        kind: MemoryType::Wal,
        confirm: true,
    };
    assert_eq!(memory.prune(request).await.unwrap().compacted_files, 0);
    let request = PruneRequest { kind: MemoryType::Compacted, ..request };
    assert_eq!(memory.prune(request).await.unwrap().compacted_files, 1);
    assert!(!file.exists());
}
