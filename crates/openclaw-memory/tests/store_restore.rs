//! What is remembered on purpose leaves with the export, and comes back under its ids as it was.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{path::Path, sync::Arc};

use openclaw_core::{
    ForeignMemory, ForeignMessage, ForeignNote, MemoryEntry, MemoryId, MemoryKind, NewMemory, Role,
    Timestamp,
    config::MemoryConfig,
    port::{CurationPort, EntryFilter, Imported, MemoryError, MemoryPort},
};
use openclaw_memory::{
    Memory, Parts, Unlock,
    engine::{RealFs, ReplayFrom, Wal, WalOptions},
};
use proptest::prelude::*;
use support::*;

fn fact(content: &str) -> NewMemory {
    remembered(MemoryKind::Fact, content)
}

async fn exported(memory: &Memory, limit: usize) -> Vec<ForeignMemory> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = memory.export(after, limit).await.unwrap();
        assert!(page.messages.len() + page.memories.len() <= limit);
        all.extend(page.memories);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn entries(memory: &Memory) -> Vec<MemoryEntry> {
    let everything = EntryFilter { all: true, limit: 1000, ..Default::default() };
    memory.entries(everything).await.unwrap().entries
}

async fn restored(memory: &Memory, lines: &[ForeignMemory], at_once: usize) -> Imported {
    let mut done = Imported::default();
    for part in lines.chunks(at_once) {
        let Imported { imported, skipped } = memory.restore(part.to_vec()).await.unwrap();
        done.imported += imported;
        done.skipped += skipped;
    }
    done
}

/// Every kind, tags, an expiry, a conversation, sources, a task that is done, and places taken in every way.
async fn fill(memory: &Memory) {
    let run = turn(memory, "talk", "I like oolong", "noted").await;
    let of_talk = NewMemory {
        importance: 0.9,
        tags: vec!["차".into(), "tea".into()],
        conversation: Some(conv("talk")),
        sources: vec![run.user_message_id()],
        ..remembered(MemoryKind::Preference, "likes oolong")
    };
    memory.remember(of_talk).await.unwrap();
    let over = Some(Timestamp::from_unix_millis(1_774_000_000_000));
    memory
        .remember(NewMemory { expires_at: over, ..remembered(MemoryKind::Ephemeral, "over") })
        .await
        .unwrap();
    let task = memory.remember(remembered(MemoryKind::Task, "water the plants")).await.unwrap();
    memory.complete(task.id).await.unwrap().unwrap();
    // A chain by the entries' own records, a link that skips one that is gone, and one to an older entry.
    let [mut first, mut middle] = [None; 2];
    for content in ["lives in Seoul", "lives in Busan", "lives in Daegu"] {
        let before = middle;
        let entry = memory.remember(NewMemory { supersedes: middle, ..fact(content) }).await.unwrap();
        (first, middle) = (before, Some(entry.id));
    }
    memory.forget(first.unwrap()).await.unwrap().unwrap();
    let known = memory.remember(fact("has a cat")).await.unwrap();
    let wrong = memory.remember(fact("has a dog")).await.unwrap();
    let again = memory.remember(NewMemory { supersedes: Some(wrong.id), ..fact("has a cat") }).await.unwrap();
    assert_eq!(again, known);
    // What it said holds again.
    memory.remember(fact("has a dog")).await.unwrap();
}

#[tokio::test]
async fn what_was_exported_comes_back_as_it_was_whatever_the_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    fill(&memory).await;
    let here = entries(&memory).await;
    assert_eq!(here.len(), 8);
    assert_eq!(here.iter().filter(|entry| entry.superseded_by.is_some()).count(), 2, "{here:?}");
    let lines = exported(&memory, 3).await;
    assert_eq!(exported(&memory, 100).await, lines);
    assert_eq!(restored(&memory, &lines, 100).await, Imported { imported: 0, skipped: lines.len() as u64 });
    assert_eq!(exported(&memory, 100).await, lines, "nothing was written");

    for at_once in [1, 2, 5, 100] {
        let elsewhere = tempfile::tempdir().unwrap();
        let (other, _) = open(elsewhere.path());
        let done = restored(&other, &lines, at_once).await;
        assert!(done.imported >= 8, "{done:?}");
        assert_eq!(entries(&other).await, here, "{at_once} at once");
        assert_eq!(restored(&other, &lines, at_once).await.imported, 0);
        // The log tells the same, and they are found.
        drop(other);
        std::fs::remove_dir_all(elsewhere.path().join("index")).unwrap();
        let (other, report) = open(elsewhere.path());
        assert!(report.rebuilt);
        assert_eq!(entries(&other).await, here, "{at_once} at once, rebuilt");
        let found = other.search(query("oolong")).await.unwrap().hits;
        assert_eq!(found[0].id, here.last().unwrap().id.to_string());
    }
}

#[tokio::test]
async fn what_became_of_an_entry_since_is_taken_and_nothing_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let task = memory.remember(remembered(MemoryKind::Task, "call home")).await.unwrap();
    let old = memory.remember(fact("drinks tea")).await.unwrap();
    let before = exported(&memory, 9).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, _) = open(elsewhere.path());
    assert_eq!(restored(&other, &before, 9).await.imported, 2);

    memory.complete(task.id).await.unwrap();
    memory.remember(NewMemory { supersedes: Some(old.id), ..fact("drinks coffee") }).await.unwrap();
    let after = exported(&memory, 9).await;
    assert_eq!(restored(&other, &after, 9).await, Imported { imported: 2, skipped: 1 });
    assert_eq!(entries(&other).await, entries(&memory).await);
    // An export of before is nothing new.
    assert_eq!(restored(&other, &before, 9).await, Imported { imported: 0, skipped: 2 });
    assert_eq!(entries(&other).await, entries(&memory).await);

    // What was forgotten may come again, and stays through a start that meets the forgetting.
    other.forget(task.id).await.unwrap().unwrap();
    assert_eq!(restored(&other, &after, 9).await, Imported { imported: 1, skipped: 2 });
    drop(other);
    let (other, _) = open(elsewhere.path());
    assert_eq!(entries(&other).await, entries(&memory).await);
}

#[tokio::test]
async fn an_encrypted_memory_takes_and_gives_the_same() {
    let home = tempfile::tempdir().unwrap();
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    let parts = Parts { unlock: Some(Unlock::KeyFile(home.path().join("key"))), ..Parts::default() };
    let sealed = Memory::open_with(&home.path().join("memory"), &config, &parts).unwrap().0;
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    fill(&memory).await;
    let lines = exported(&memory, 100).await;
    restored(&sealed, &lines, 100).await;
    assert_eq!(entries(&sealed).await, entries(&memory).await);
    assert_eq!(files_with(&home.path().join("memory"), b"oolong"), Vec::<std::path::PathBuf>::new());
    assert_eq!(sealed.erase_conversation(&conv("talk")).await.unwrap().unwrap().memories, 1);
}

#[tokio::test]
async fn what_no_entry_can_be_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    fill(&memory).await;
    let good = exported(&memory, 1).await.remove(0);
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, _) = open(elsewhere.path());
    let mut bad = good.clone();
    bad.entry.content = " ".into();
    let refused = other.restore(vec![good, bad]).await;
    assert!(matches!(refused, Err(MemoryError::Invalid { field: "content", .. })), "{refused:?}");
    assert_eq!(entries(&other).await, []);
}

/// Entries of which some say that others have, or had, their place.
fn tangle() -> impl Strategy<Value = Vec<ForeignMemory>> {
    let id = |n: u8| MemoryId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, n]);
    let line = (0..6_u8, prop::option::of(0..6_u8), prop::option::of(0..6_u8), prop::bool::ANY);
    let line = line.prop_map(move |(n, by, earlier, done)| ForeignMemory {
        entry: MemoryEntry {
            id: id(n),
            kind: MemoryKind::Task,
            content: format!("content {n}"),
            importance: 0.5,
            tags: Vec::new(),
            expires_at: None,
            completed_at: done.then(|| Timestamp::from_unix_millis(1_774_000_000_000)),
            conversation: None,
            sources: Vec::new(),
            superseded_by: by.map(id),
        },
        supersedes: earlier.map(id),
    });
    prop::collection::vec(line, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// However lines contradict each other: every chain has an end, doing it again changes nothing, and the index is what the log says.
    #[test]
    fn no_chain_leads_back_to_its_beginning(lines in tangle(), at_once in 1..6_usize) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let (memory, _) = open(dir.path());
            restored(&memory, &lines, at_once).await;
            let there = entries(&memory).await;
            let next = |id: MemoryId| there.iter().find(|entry| entry.id == id).and_then(|entry| entry.superseded_by);
            for entry in &there {
                let steps = std::iter::successors(Some(entry.id), |id| next(*id)).take(20).count();
                assert!(steps <= there.len(), "{there:?}");
            }
            restored(&memory, &lines, at_once).await;
            let there = entries(&memory).await;
            assert_eq!(restored(&memory, &lines, at_once).await.imported, 0);
            drop(memory);
            std::fs::remove_dir_all(dir.path().join("index")).unwrap();
            let (memory, _) = open(dir.path());
            assert_eq!(entries(&memory).await, there);
        });
    }
}

#[tokio::test]
async fn notes_are_remembered_from_when_they_were_noted_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let known = memory.remember(fact("known")).await.unwrap();
    let note = |content: &str, ms: Option<i64>| ForeignNote {
        memory: fact(content),
        noted_at: ms.map(Timestamp::from_unix_millis),
    };
    let notes = vec![
        note("one", Some(1_000)),
        note("two", Some(1_000)),
        note("three", Some(1_000)),
        note("known", Some(1_000)),
        note("before all", Some(-1)),
        note("of tomorrow", Some(i64::MAX)),
        note("of today", None),
    ];
    assert_eq!(memory.remember_all(notes.clone()).await.unwrap(), Imported { imported: 6, skipped: 1 });
    let listed = entries(&memory).await;
    let of = |content: &str| listed.iter().find(|entry| entry.content == content).unwrap();
    let time = |content: &str| of(content).id.created_at().unix_millis();
    assert_eq!((time("one"), time("two"), time("before all")), (1_000, 1_000, 0));
    assert!(of("one").id < of("two").id && of("two").id < of("three").id, "in the order of the file");
    assert!(time("of tomorrow") <= Timestamp::now().unix_millis() && of("known").id == known.id);
    assert_eq!(memory.remember_all(notes).await.unwrap(), Imported { imported: 0, skipped: 7 });
    assert_eq!(entries(&memory).await, listed);
}

/// Message texts and unreadable places of an export in pages of `limit` lines.
async fn messages(memory: &Memory, limit: usize) -> (Vec<String>, u64) {
    let (mut all, mut unreadable, mut after) = (Vec::new(), 0, None);
    loop {
        let page = memory.export(after, limit).await.unwrap();
        all.extend(
            page.messages.into_iter().map(|message| format!("{}: {}", message.channel, message.content)),
        );
        unreadable += page.unreadable;
        after = page.next;
        if after.is_none() {
            return (all, unreadable);
        }
    }
}

/// Alters one byte of the log's record that says this.
fn damage(dir: &Path, text: &str) {
    let holding = files_with(&dir.join("wal"), text.as_bytes());
    assert_eq!(holding.len(), 1, "{text}");
    let mut bytes = std::fs::read(&holding[0]).unwrap();
    let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(&holding[0], bytes).unwrap();
}

fn said(id: &str, content: &str) -> ForeignMessage {
    ForeignMessage {
        conversation: conv("elsewhere"),
        channel: "irc".to_owned(),
        role: Role::User,
        content: content.to_owned(),
        timestamp: Timestamp::from_unix_millis(7),
        id: Some(id.parse().unwrap()),
    }
}

/// A record that is whole and makes no sense.
async fn append_nonsense(dir: &Path) {
    let (fs, dir) = (Arc::new(RealFs), dir.join("wal"));
    let options = WalOptions { min_free_bytes: 0, ..WalOptions::default() };
    let opened = Wal::<()>::open(fs, &dir, options, ReplayFrom::Beginning, &mut |_| {}, Box::new(|_| {}));
    let (wal, _) = opened.unwrap();
    wal.append(vec![7], ()).await.unwrap();
    wal.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_counted_once_and_everything_else_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    turn(&memory, "talk", "a lost question", "its answer").await;
    memory.import(vec![said("m1", "first"), said("m2", "lost, too"), said("m3", "and lost")]).await.unwrap();
    memory.remember(fact("a lost fact")).await.unwrap();
    memory.remember(fact("a fact")).await.unwrap();
    memory.import(vec![said("m4", "last")]).await.unwrap();
    assert_eq!(messages(&memory, 2).await.1, 0);
    memory.close().await;
    drop(memory);
    for text in ["a lost question", "lost, too", "and lost", "a lost fact"] {
        damage(dir.path(), text);
    }
    append_nonsense(dir.path()).await;

    let (memory, _) = open(dir.path());
    // Neighbours are one place: the question; two messages and a fact; the nonsense.
    let left = ["api: its answer", "irc: first", "irc: last"].map(str::to_owned).to_vec();
    for limit in [1, 2, 100] {
        assert_eq!(messages(&memory, limit).await, (left.clone(), 3), "in pages of {limit}");
    }
    assert_eq!(exported(&memory, 100).await.len(), 1);
    // Repaired, the log is whole but for the nonsense. The index is made anew then, and an answer without its question has no place.
    memory.close().await;
    drop(memory);
    openclaw_memory::repair(dir.path(), &mut |_| {}).unwrap();
    let (memory, _) = open(dir.path());
    assert_eq!(messages(&memory, 2).await, (left[1..].to_vec(), 1));
}

#[tokio::test]
async fn a_missing_file_of_the_log_is_a_place_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let config = MemoryConfig { segment_mb: 1, min_free_mb: 0, ..MemoryConfig::default() };
    let (memory, _) = Memory::open(dir.path(), &config).unwrap();
    for text in ["a", "b", "c"] {
        memory.import(vec![said(text, &text.repeat(1_200_000))]).await.unwrap();
    }
    memory.close().await;
    drop(memory);
    let middle = files_with(&dir.path().join("wal"), "b".repeat(1_200_000).as_bytes());
    std::fs::remove_file(&middle[0]).unwrap();
    let (memory, report) = Memory::open(dir.path(), &config).unwrap();
    assert!(report.missing > 0, "{report:?}");
    for limit in [1, 100] {
        let (left, unreadable) = messages(&memory, limit).await;
        assert_eq!((left.len(), unreadable), (2, 1), "in pages of {limit}");
    }
}
