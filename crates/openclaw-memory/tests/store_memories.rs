//! Remembering and forgetting on purpose.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    ForeignMessage, MemoryEntry, MemoryId, MemoryKind, MessageWindow, NewMemory, Role, RunId, Timestamp,
    config::{MemoryConfig, RetentionConfig},
    limits,
    port::{
        Collected, ContextCut, ContextMemory, ContextNote, CurationPort, EntryFilter, ExportCursor,
        MemoryError, MemoryPort, MemoryType, PruneRequest, RecallQuery, SearchQuery,
    },
};
use openclaw_memory::Memory;
use support::*;

const CANARY: &str = "canary-93b1c7";
const MARCH: i64 = 1_774_000_000_000;

fn fact(content: &str) -> NewMemory {
    remembered(MemoryKind::Fact, content)
}

fn said(conversation: &str, at_ms: i64, content: &str, id: Option<&str>) -> ForeignMessage {
    ForeignMessage {
        conversation: conv(conversation),
        channel: "telegram".into(),
        role: Role::User,
        content: content.into(),
        timestamp: Timestamp::from_unix_millis(at_ms),
        id: id.map(|id| id.parse().unwrap()),
    }
}

async fn contents(memory: &Memory, filter: EntryFilter) -> Vec<String> {
    let page = memory.entries(EntryFilter { limit: 100, ..filter }).await.unwrap();
    page.entries.into_iter().map(|entry| entry.content).collect()
}

#[tokio::test]
async fn entries_are_listed_by_kind_tag_and_conversation_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let run = turn(&memory, "talk", "hello", "noted").await;
    memory.import(vec![said("elsewhere", MARCH, "hello", Some("telegram:5"))]).await.unwrap();
    for n in 0..9 {
        let new = NewMemory {
            kind: if n % 3 == 0 { MemoryKind::Task } else { MemoryKind::Fact },
            tags: if n % 2 == 0 { vec!["집".into(), "even".into()] } else { Vec::new() },
            conversation: (n > 6).then(|| conv("late")),
            sources: vec!["telegram:5".parse().unwrap(), run.reply_id()],
            ..fact(&format!("entry {n}"))
        };
        let entry = memory.remember(new.clone()).await.unwrap();
        assert_eq!((entry.tags, entry.sources, entry.kind), (new.tags, new.sources, new.kind));
        if n == 5 {
            assert!(memory.checkpoint_now());
        }
    }
    for restarted in [false, true] {
        let tag = EntryFilter { tag: Some("집".into()), ..Default::default() };
        assert_eq!(contents(&memory, tag).await, ["entry 8", "entry 6", "entry 4", "entry 2", "entry 0"]);
        let kind = EntryFilter { kind: Some(MemoryKind::Task), ..Default::default() };
        assert_eq!(contents(&memory, kind).await, ["entry 6", "entry 3", "entry 0"]);
        let late = EntryFilter { conversation: Some(conv("late")), ..Default::default() };
        assert_eq!(contents(&memory, late).await, ["entry 8", "entry 7"]);
        let page = EntryFilter { limit: 2, offset: 3, ..Default::default() };
        let page = memory.entries(page).await.unwrap();
        assert_eq!((page.total, page.entries.len(), page.entries[0].content.as_str()), (9, 2, "entry 5"));
        if !restarted {
            memory.close().await;
        }
    }
}

#[tokio::test]
async fn what_is_known_is_not_stored_twice_and_what_breaks_a_rule_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let first = memory.remember(fact("喜歡綠茶")).await.unwrap();
    assert_eq!(memory.remember(fact(" 喜歡綠茶\n")).await.unwrap(), first);
    let other =
        memory.remember(NewMemory { kind: MemoryKind::Preference, ..fact("喜歡綠茶") }).await.unwrap();
    assert_ne!(other.id, first.id);
    // What is over counts no more.
    let over = Some(Timestamp::from_unix_millis(MARCH));
    let expired = memory.remember(NewMemory { expires_at: over, ..fact("was true") }).await.unwrap();
    assert_ne!(memory.remember(fact("was true")).await.unwrap().id, expired.id);
    assert!(memory.forget(first.id).await.unwrap().is_some());
    assert_ne!(memory.remember(fact("喜歡綠茶")).await.unwrap().id, first.id);
    for (bad, field) in [
        (fact("  "), "content"),
        (fact(&"x".repeat(limits::MEMORY_BYTES + 1)), "content"),
        (NewMemory { importance: f32::NAN, ..fact("x") }, "importance"),
        (NewMemory { importance: 1.5, ..fact("x") }, "importance"),
        (NewMemory { tags: vec!["t".into(); limits::MEMORY_TAGS + 1], ..fact("x") }, "tags"),
        (NewMemory { tags: vec![String::new()], ..fact("x") }, "tags"),
        (NewMemory { tags: vec!["t\0".into()], ..fact("x") }, "tags"),
        (NewMemory { sources: vec!["telegram:5".parse().unwrap()], ..fact("x") }, "sources"),
        (NewMemory { sources: vec![RunId::generate().reply_id()], ..fact("x") }, "sources"),
    ] {
        let refused = memory.remember(bad).await;
        assert!(matches!(refused, Err(MemoryError::Invalid { field: found, .. }) if found == field));
    }
    let unknown = NewMemory { supersedes: Some(MemoryId::generate()), ..fact("new") };
    assert!(matches!(memory.remember(unknown).await, Err(MemoryError::UnknownMemory(_))));
    assert_eq!(memory.stats().await.unwrap().wal.entries, 4);
}

#[tokio::test]
async fn a_chain_stays_whole_when_any_of_it_goes() {
    for (gone, expected) in [
        // Which one goes, and who has whose place then: by number, in order of time.
        (vec![0], vec![(1, Some(2)), (2, Some(3)), (3, None)]),
        (vec![1], vec![(0, Some(2)), (2, Some(3)), (3, None)]),
        (vec![1, 2], vec![(0, Some(3)), (3, None)]),
        (vec![3], vec![(0, Some(1)), (1, Some(2)), (2, None)]),
        (vec![1, 3], vec![(0, Some(2)), (2, None)]),
        (vec![2, 3, 1], vec![(0, None)]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut memory, _) = open(dir.path());
        let mut chain: Vec<MemoryEntry> = Vec::new();
        for n in 0..4 {
            let new = NewMemory {
                // Each takes the place of the first: that is the place of the last one.
                supersedes: chain.first().map(|first| first.id),
                ..fact(&format!("lives in place {n}"))
            };
            chain.push(memory.remember(new).await.unwrap());
        }
        for n in &gone {
            let forgotten = memory.forget(chain[*n].id).await.unwrap().unwrap();
            assert_eq!(forgotten.content, format!("lives in place {n}"));
            assert_eq!(memory.forget(chain[*n].id).await.unwrap(), None);
        }
        for round in 0..3 {
            let all = EntryFilter { all: true, limit: 100, ..Default::default() };
            let mut found = memory.entries(all).await.unwrap().entries;
            found.reverse();
            let number = |id: MemoryId| chain.iter().position(|entry| entry.id == id).unwrap();
            let links: Vec<_> =
                found.iter().map(|entry| (number(entry.id), entry.superseded_by.map(number))).collect();
            assert_eq!(links, expected, "{gone:?} {round}");
            let live = contents(&memory, EntryFilter::default()).await;
            assert_eq!(live, [format!("lives in place {}", expected.last().unwrap().0)]);
            memory.close().await;
            drop(memory);
            if round == 1 {
                std::fs::remove_dir_all(dir.path().join("index")).unwrap();
            }
            memory = open(dir.path()).0;
        }
        for n in gone {
            let text = format!("lives in place {n}");
            assert!(files_with(dir.path(), text.as_bytes()).is_empty());
        }
    }
}

#[tokio::test]
async fn a_known_entry_takes_the_place_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let old = memory.remember(fact("lives in London")).await.unwrap();
    let new = memory.remember(fact("lives in Paris")).await.unwrap();
    let again = NewMemory { supersedes: Some(old.id), ..fact("lives in Paris") };
    assert_eq!(memory.remember(again).await.unwrap().id, new.id);
    assert_eq!(memory.entry(old.id).await.unwrap().unwrap().superseded_by, Some(new.id));
    // Saying it of itself changes nothing.
    let same = NewMemory { supersedes: Some(new.id), ..fact("lives in Paris") };
    assert_eq!(memory.remember(same).await.unwrap(), new);
    assert_eq!(memory.entry(new.id).await.unwrap().unwrap().superseded_by, None);
    memory.forget(new.id).await.unwrap().unwrap();
    drop(memory);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (memory, _) = open(dir.path());
    assert_eq!(memory.entry(old.id).await.unwrap().unwrap().superseded_by, None);
}

#[tokio::test]
async fn an_erased_conversation_takes_along_what_was_made_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let run = turn(&memory, "gone", &format!("I am {CANARY}"), "noted").await;
    let imported = (0..70).map(|n| said("gone", MARCH + n, &format!("{CANARY} {n}"), None)).collect();
    memory.import(imported).await.unwrap();
    let kept = memory.remember(fact("unrelated")).await.unwrap();
    let named = NewMemory { conversation: Some(conv("gone")), tags: vec![CANARY.into()], ..fact("named") };
    memory.remember(named).await.unwrap();
    // Of that conversation by its source alone, and in another entry's place.
    let derived =
        NewMemory { sources: vec![run.user_message_id()], supersedes: Some(kept.id), ..fact(CANARY) };
    let derived = memory.remember(derived).await.unwrap();
    assert_eq!(derived.conversation, Some(conv("gone")));
    let next = RunId::generate();
    memory.accept_run(new_run(next, Some("gone"), CANARY)).await.unwrap();
    let cuts = vec![ContextCut { id: CANARY.into(), reason: CANARY.into(), tokens: 7 }];
    memory.note_context(next, ContextNote { cuts, ..ContextNote::default() }).await.unwrap();
    memory.end_run(next, reply(CANARY)).await.unwrap();
    assert!(memory.checkpoint_now());
    assert_eq!(memory.search(query(CANARY)).await.unwrap().total, 75);

    let erased = memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert_eq!((erased.messages, erased.memories), (74, 2));
    for restarted in [false, true] {
        assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
        assert_eq!(memory.search(query(CANARY)).await.unwrap().total, 0);
        assert_eq!(contents(&memory, EntryFilter::default()).await, ["unrelated"]);
        assert_eq!(memory.entry(derived.id).await.unwrap(), None);
        assert_eq!(memory.context_note(next).await.unwrap(), None);
        assert_eq!(memory.export(None, 100).await.unwrap().messages, []);
        assert_eq!(memory.stats().await.unwrap().wal.entries, 1);
        if !restarted {
            memory.close().await;
        }
    }
    drop(memory);
    let (memory, _) = open(dir.path());
    // Remembered of a conversation that has no messages.
    memory.remember(NewMemory { conversation: Some(conv("gone")), ..fact(CANARY) }).await.unwrap();
    let erased = memory.erase_conversation(&conv("gone")).await.unwrap().unwrap();
    assert_eq!((erased.messages, erased.memories), (0, 1));
    assert_eq!(files_with(dir.path(), CANARY.as_bytes()), Vec::<std::path::PathBuf>::new());
    assert_eq!(memory.erase_conversation(&conv("gone")).await.unwrap(), None);
}

#[tokio::test]
async fn pruning_takes_what_was_remembered_and_imported_before() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let messages = vec![said("c", MARCH, CANARY, None), said("c", MARCH + 5000, "stays", None)];
    memory.import(messages).await.unwrap();
    memory.remember(fact("kept")).await.unwrap();
    let request = |before, confirm| PruneRequest {
        before: Timestamp::from_unix_millis(before),
        kind: MemoryType::Wal,
        confirm,
    };
    let would = memory.prune(request(MARCH + 1000, false)).await.unwrap();
    assert_eq!((would.wal_entries, would.bytes), (1, CANARY.len() as u64));
    assert_eq!(memory.prune(request(MARCH + 1000, true)).await.unwrap(), would);
    assert!(files_with(dir.path(), CANARY.as_bytes()).is_empty());
    assert_eq!(texts(&memory, "c").await, ["stays"]);
    let stats = memory.stats().await.unwrap().wal;
    assert_eq!((stats.entries, stats.oldest.map(Timestamp::unix_millis)), (2, Some(MARCH + 5000)));
    let later = Timestamp::now().unix_millis() + 60_000;
    assert_eq!(memory.prune(request(later, true)).await.unwrap().wal_entries, 2);
    assert!(files_with(dir.path(), b"kept").is_empty());
    assert_eq!(memory.stats().await.unwrap().wal.entries, 0);
}

#[tokio::test]
async fn an_import_keeps_ids_and_times_and_is_done_once() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let minute = |n: i64| MARCH + n * 60_000;
    // Out of order, in two calls, with a checkpoint between.
    let first = vec![
        said("old", minute(5), "sixth", Some("f")),
        said("old", minute(1), "second", Some("b")),
        said("old", minute(2), "third", None),
        said("old", minute(2), "third", None),
    ];
    let counts = memory.import(first.clone()).await.unwrap();
    assert_eq!((counts.imported, counts.skipped), (3, 1));
    assert!(memory.checkpoint_now());
    let second = vec![
        said("old", minute(3), "fourth", Some("d")),
        said("old", minute(0), "first", Some("a")),
        said("old", minute(4), "fifth", Some("e")),
        // Taken in already, whatever else is said of it.
        said("old", minute(9), "not this", Some("b")),
    ];
    assert_eq!(memory.import(second).await.unwrap().imported, 3);
    let counts = memory.import(first).await.unwrap();
    assert_eq!((counts.imported, counts.skipped), (0, 4));
    let id = run_at(minute(60) as u64);
    turn_as(&memory, id, "old", "and on it goes", "here").await;
    for round in 0..3 {
        let whole = MessageWindow::default();
        let view = memory.conversation(&conv("old"), whole).await.unwrap().unwrap();
        let said: Vec<_> = view.messages.iter().map(|message| message.text()).collect();
        let all = ["first", "second", "third", "fourth", "fifth", "sixth", "and on it goes", "here"];
        assert_eq!(said, all, "{round}");
        assert_eq!(view.messages[1].id.as_str(), "b");
        assert!(view.messages[2].id.as_str().starts_with("msg_imp_"));
        let summary = &view.summary;
        assert_eq!((summary.message_count, summary.channel.as_str()), (8, "telegram"));
        assert_eq!((summary.created_at.unix_millis(), summary.summary.as_str()), (minute(0), "first"));
        let window = MessageWindow { limit: Some(2), before: Some("d".parse().unwrap()) };
        let view = memory.conversation(&conv("old"), window).await.unwrap().unwrap();
        assert_eq!(view.messages.iter().map(|it| it.text()).collect::<Vec<_>>(), ["second", "third"]);
        let hit = memory.search(query("fourth")).await.unwrap().hits.remove(0);
        assert_eq!((hit.id.as_str(), hit.timestamp.unix_millis()), ("d", minute(3)));
        assert_eq!((hit.channel.as_deref(), hit.role), (Some("telegram"), Some(Role::User)));
        match round {
            0 => assert!(memory.checkpoint_now()),
            _ => memory.close().await,
        }
    }
    drop(memory);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (memory, _) = open(dir.path());
    assert_eq!(texts(&memory, "old").await[2], "third");
    // What was erased may come again.
    memory.erase_conversation(&conv("old")).await.unwrap().unwrap();
    let again = vec![said("old", minute(1), "second", Some("b"))];
    assert_eq!(memory.import(again.clone()).await.unwrap().imported, 1);
    assert!(memory.checkpoint_now());
    assert_eq!(memory.import(again).await.unwrap().skipped, 1);
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere_and_changes_nothing_here() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    memory.import((0..25).map(|n| said("a", MARCH + n, &format!("line {n}"), None)).collect()).await.unwrap();
    for n in 0..5 {
        let id = RunId::generate();
        memory.accept_run(new_run(id, Some("b"), &format!("question {n}"))).await.unwrap();
        memory.append_steps(id, vec![call("1"), result("1", "sunny")]).await.unwrap();
        memory.append_steps(id, vec![call("2"), result("2", "rainy")]).await.unwrap();
        memory.end_run(id, reply("answer")).await.unwrap();
    }
    memory.remember(fact("no message")).await.unwrap();
    let read = async |memory: &Memory, limit: usize| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = memory.export(after, limit).await.unwrap();
            assert!(page.messages.len() <= limit);
            all.extend(page.messages);
            match page.next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    };
    let all = read(&memory, 7).await;
    // Of each turn the question, what the tools said, and the answer.
    assert_eq!(all.len(), 25 + 5 * 4);
    assert_eq!(read(&memory, 1).await, all);
    assert_eq!(memory.import(all.clone()).await.unwrap().skipped, 45);
    assert_eq!(memory.export(Some(ExportCursor(openclaw_core::Lsn(9000))), 5).await.unwrap().messages, []);
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, _) = open(elsewhere.path());
    assert_eq!(other.import(all.clone()).await.unwrap().imported, 45);
    assert_eq!(read(&other, 1000).await, all);
    let summary =
        |view: openclaw_core::ConversationView| (view.summary.created_at, view.summary.last_message_at);
    for name in ["a", "b"] {
        let whole = MessageWindow::default();
        let here = memory.conversation(&conv(name), whole.clone()).await.unwrap().unwrap();
        let there = other.conversation(&conv(name), whole).await.unwrap().unwrap();
        assert_eq!(summary(here), summary(there));
    }
}

#[tokio::test]
async fn what_has_outlived_its_kind_goes() {
    let dir = tempfile::tempdir().unwrap();
    let retention = RetentionConfig { conversation_days: 30, task_days: 0, ephemeral_hours: 0 };
    let config = MemoryConfig { min_free_mb: 0, retention, ..MemoryConfig::default() };
    let (memory, _) = Memory::open(dir.path(), &config).unwrap();
    memory.import(vec![said("old", MARCH - 400 * 86_400_000, CANARY, None)]).await.unwrap();
    turn(&memory, "new", "question", "answer").await;
    let of_kind = |kind, content: &str| NewMemory { kind, ..fact(content) };
    let task = memory.remember(of_kind(MemoryKind::Task, CANARY)).await.unwrap();
    memory.remember(of_kind(MemoryKind::Task, "still to do")).await.unwrap();
    memory.remember(of_kind(MemoryKind::Ephemeral, CANARY)).await.unwrap();
    memory.remember(of_kind(MemoryKind::Conversation, "about tea")).await.unwrap();
    let over = Some(Timestamp::from_unix_millis(MARCH));
    memory.remember(NewMemory { expires_at: over, ..fact(CANARY) }).await.unwrap();
    memory.remember(NewMemory { conversation: Some(conv("old")), ..fact(CANARY) }).await.unwrap();
    assert_eq!(memory.complete(MemoryId::generate()).await.unwrap(), None);
    let done = memory.complete(task.id).await.unwrap().unwrap();
    assert!(done.completed_at.is_some());
    assert_eq!(memory.complete(task.id).await.unwrap(), Some(done));
    let collected = memory.collect_garbage().await.unwrap();
    assert_eq!((collected.expired_entries, collected.expired_conversations), (4, 1));
    assert!(collected.bytes > 5 * CANARY.len() as u64);
    assert!(files_with(dir.path(), CANARY.as_bytes()).is_empty());
    assert_eq!(
        contents(&memory, EntryFilter { all: true, ..Default::default() }).await,
        ["about tea", "still to do"]
    );
    assert_eq!(memory.conversations(page(10)).await.unwrap().total, 1);
    assert_eq!(memory.collect_garbage().await.unwrap(), Collected::default());
}

#[tokio::test]
async fn recall_weighs_and_leaves_out_what_the_prompt_has() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let run = turn(&memory, "c", "my favourite tea is oolong", "oolong tea it is, noted").await;
    let old = memory.remember(fact("favourite tea: green tea")).await.unwrap();
    let new = NewMemory {
        importance: 0.9,
        supersedes: Some(old.id),
        sources: vec![run.user_message_id()],
        ..fact("favourite tea: oolong tea")
    };
    let new = memory.remember(new).await.unwrap();
    memory.import(vec![said("c", MARCH - 200 * 86_400_000, "tea", None)]).await.unwrap();
    let recall = async |present: Vec<openclaw_core::MessageId>, limit| {
        let query = RecallQuery { text: "favourite tea".into(), conversation: conv("c"), present, limit };
        memory.recall(query).await.unwrap()
    };
    let all = recall(Vec::new(), 10).await;
    let ids: Vec<_> = all.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids.len(), 4, "{all:?}");
    assert!(ids.contains(&new.id.to_string().as_str()) && !ids.contains(&old.id.to_string().as_str()));
    assert!(all.windows(2).all(|pair| pair[0].relevance >= pair[1].relevance));
    let entry = all.iter().find(|found| found.id == new.id.to_string()).unwrap();
    assert_eq!((entry.kind, entry.role), (MemoryKind::Fact, None));
    assert!(entry.importance > 0.89 && entry.recency > 0.99);
    let short = all.iter().find(|found| found.id.starts_with("msg_imp_")).unwrap();
    assert!(short.recency < 0.1 && short.importance < 0.3 && short.kind == MemoryKind::Conversation);
    // The question is there: it goes, and what was made of it alone.
    let rest = recall(vec![run.user_message_id()], 10).await;
    assert_eq!(rest.len(), 2);
    assert!(rest.iter().any(|found| found.id == run.reply_id().as_str()));
    assert_eq!(recall(Vec::new(), 1).await.len(), 1);
    assert_eq!(recall(Vec::new(), 0).await.len(), 0);
}

#[tokio::test]
async fn notes_come_back_as_the_last_one_was() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let id = RunId::generate();
    memory.accept_run(new_run(id, Some("c"), "q")).await.unwrap();
    let note = ContextNote {
        window: 200_000,
        tokens: [1200, 34_000, 7, 0],
        recent: 12,
        memories: vec![ContextMemory { id: "telegram:9".into(), score: 0.5, factors: [1.0, 0.0, 1.0, 0.0] }],
        cuts: vec![ContextCut { id: "soul.md".into(), reason: "over its share".into(), tokens: 900 }],
    };
    memory.note_context(id, ContextNote::default()).await.unwrap();
    memory.append_steps(id, vec![call("1")]).await.unwrap();
    assert_eq!(memory.context_note(id).await.unwrap(), Some(ContextNote::default()));
    memory.note_context(id, note.clone()).await.unwrap();
    memory.end_run(id, reply("a")).await.unwrap();
    assert_eq!(memory.context_note(id).await.unwrap(), Some(note.clone()));
    // They are no part of the conversation, nor of what the run did.
    assert_eq!(texts(&memory, "c").await, ["q", "", "a"]);
    assert_eq!(memory.run(id).await.unwrap().unwrap().steps.len(), 1);
    let stranger = RunId::generate();
    assert!(matches!(memory.note_context(stranger, note).await, Err(MemoryError::UnknownRun(_))));
    assert_eq!(memory.context_note(stranger).await.unwrap(), None);
    // Closing writes one that nothing followed.
    let open_run = RunId::generate();
    memory.accept_run(new_run(open_run, Some("c"), "q")).await.unwrap();
    memory.note_context(open_run, ContextNote { window: 1, ..ContextNote::default() }).await.unwrap();
    memory.close().await;
    assert_eq!(memory.context_note(open_run).await.unwrap().unwrap().window, 1);
}

#[tokio::test]
async fn the_past_reads_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let minute = |n: i64| MARCH + n * 60_000;
    let messages =
        (0..6).map(|n| said("long", minute(n), &format!("tea {n}"), Some(&format!("m{n}")))).collect();
    memory.import(messages).await.unwrap();
    memory.import(vec![said("late", minute(4), "tea late", None)]).await.unwrap();
    memory.import(vec![said("early", minute(1), "tea early", None)]).await.unwrap();
    let old = memory.remember(fact("lives in London")).await.unwrap();
    let then = memory.view_at(Timestamp::from_unix_millis(minute(3)));
    let page = then.conversations(page(10)).await.unwrap();
    let listed: Vec<_> = page
        .conversations
        .iter()
        .map(|item| (item.id.as_str(), item.message_count, item.last_message_at.unix_millis()))
        .collect();
    assert_eq!((page.total, listed), (2, vec![("long", 4, minute(3)), ("early", 1, minute(1))]));
    let window = MessageWindow { limit: Some(2), before: Some("m3".parse().unwrap()) };
    let view = then.conversation(&conv("long"), window).await.unwrap().unwrap();
    assert_eq!(view.messages.iter().map(|it| it.text()).collect::<Vec<_>>(), ["tea 1", "tea 2"]);
    assert_eq!(view.summary.message_count, 4);
    assert_eq!(then.conversation(&conv("late"), MessageWindow::default()).await.unwrap(), None);
    let unseen = MessageWindow { limit: None, before: Some("m4".parse().unwrap()) };
    assert!(then.conversation(&conv("long"), unseen).await.is_err());
    assert_eq!(then.search(query("tea")).await.unwrap().total, 5);
    assert_eq!(then.entries(EntryFilter { limit: 5, ..Default::default() }).await.unwrap().total, 0);

    // Ids are of this moment: a millisecond is the least that lies between two.
    let new = loop {
        let new = NewMemory { supersedes: Some(old.id), ..fact("lives in Paris") };
        if Timestamp::now() > old.id.created_at() {
            break memory.remember(new).await.unwrap();
        }
    };
    let before = memory.view_at(old.id.created_at());
    let live = before.entries(EntryFilter { limit: 5, ..Default::default() }).await.unwrap().entries;
    assert_eq!(live, std::slice::from_ref(&old));
    assert_eq!(before.entry(old.id).await.unwrap(), Some(old.clone()));
    assert_eq!(before.entry(new.id).await.unwrap(), None);
    assert_eq!(
        memory.view_at(new.id.created_at()).entry(old.id).await.unwrap().unwrap().superseded_by,
        Some(new.id)
    );
}

#[tokio::test]
async fn the_same_id_in_another_conversation_is_another_message() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let both = || vec![said("one", MARCH, "apples", Some("m1")), said("two", MARCH, "pears", Some("m1"))];
    let counts = memory.import(both()).await.unwrap();
    assert_eq!((counts.imported, counts.skipped), (2, 0));
    let counts = memory.import(both()).await.unwrap();
    assert_eq!((counts.imported, counts.skipped), (0, 2));
    let query = SearchQuery { query: "apples pears".into(), limit: 10, ..SearchQuery::default() };
    let found = memory.search(query).await.unwrap();
    let mut said: Vec<_> = found.hits.iter().map(|hit| hit.content.as_str()).collect();
    said.sort_unstable();
    assert_eq!(said, ["apples", "pears"]);
    assert!(found.hits.iter().any(|hit| hit.id == "m1" && hit.content == "apples"));
}

#[tokio::test]
async fn what_is_over_is_no_answer_and_what_is_done_can_be_to_do_again() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let madrid = memory.remember(fact("the office is in Madrid")).await.unwrap();
    let lisbon = NewMemory { supersedes: Some(madrid.id), ..fact("the office is in Lisbon") };
    memory.remember(lisbon).await.unwrap();
    let query = SearchQuery { query: "office".into(), limit: 10, ..SearchQuery::default() };
    let hits = memory.search(query).await.unwrap().hits;
    let found: Vec<_> = hits.iter().map(|hit| hit.content.as_str()).collect();
    assert_eq!(found, ["the office is in Lisbon"]);

    let task = || NewMemory { kind: MemoryKind::Task, ..fact("call mom") };
    let first = memory.remember(task()).await.unwrap();
    assert_eq!(memory.remember(task()).await.unwrap().id, first.id);
    memory.complete(first.id).await.unwrap();
    let again = memory.remember(task()).await.unwrap();
    assert!(again.id != first.id && again.completed_at.is_none());
}
