//! Listing and reading conversations.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    ConversationFilter, ForeignMessage, Message, MessageWindow, Role, RunId, RunOutcome, Timestamp,
    port::{CurationPort, MemoryPort},
};
use openclaw_memory::Memory;
use support::*;

const START: u64 = 1_774_000_000_000;

async fn ids(memory: &Memory, filter: ConversationFilter) -> (Vec<String>, usize) {
    let page = memory.conversations(filter).await.unwrap();
    (page.conversations.iter().map(|item| item.id.to_string()).collect(), page.total)
}

/// Fills with c0 … c29, each a minute after the one before, every third on telegram, and touches c5 last.
async fn fill(memory: &Memory, from: u64, to: u64) {
    for n in from..to {
        let id = run_at(START + n * 60_000);
        let mut run = new_run(id, Some(&format!("c{n}")), &format!("question {n}\nand more"));
        run.channel = if n % 3 == 0 { "telegram" } else { "api" }.into();
        memory.accept_run(run).await.unwrap();
        memory.end_run(id, RunOutcome::Cancelled).await.unwrap();
    }
}

async fn check_lists(memory: &Memory) {
    let (first, total) = ids(memory, page(3)).await;
    assert_eq!((first, total), (vec!["c5".to_owned(), "c29".to_owned(), "c28".to_owned()], 30));
    let telegram =
        ConversationFilter { channel: Some("telegram".into()), limit: 2, offset: 1, ..Default::default() };
    assert_eq!(ids(memory, telegram).await, (vec!["c24".to_owned(), "c21".to_owned()], 10));
    let at = |n: u64| Some(Timestamp::from_unix_millis((START + n * 60_000) as i64));
    let between = ConversationFilter { since: at(4), until: at(8), limit: 2, ..Default::default() };
    assert_eq!(ids(memory, between.clone()).await, (vec!["c8".to_owned(), "c7".to_owned()], 4));
    let narrow = ConversationFilter { channel: Some("telegram".into()), ..between };
    assert_eq!(ids(memory, narrow).await, (vec!["c6".to_owned()], 1));
    let past = ConversationFilter { offset: 29, limit: 5, ..Default::default() };
    assert_eq!(ids(memory, past).await, (vec!["c0".to_owned()], 30));
    let none = ConversationFilter { since: at(9), until: at(8), limit: 5, ..Default::default() };
    assert_eq!(ids(memory, none).await, (vec![], 0));
    let item = memory.conversations(page(1)).await.unwrap().conversations.remove(0);
    assert_eq!((item.channel.as_str(), item.message_count, item.summary.as_str()), ("api", 2, "question 5"));
    assert_eq!((Some(item.created_at), Some(item.last_message_at)), (at(5), at(40)));
}

#[tokio::test]
async fn lists_are_the_same_from_memory_from_disk_and_from_both() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    fill(&memory, 0, 17).await;
    memory.close().await;
    drop(memory);
    // Half on the disk, half in memory.
    let (memory, _) = open(dir.path());
    fill(&memory, 17, 30).await;
    let touch = run_at(START + 40 * 60_000);
    memory.accept_run(new_run(touch, Some("c5"), "again")).await.unwrap();
    check_lists(&memory).await;
    memory.close().await;
    check_lists(&memory).await;
    drop(memory);
    let (memory, report) = open(dir.path());
    assert_eq!(report.replayed, 0);
    check_lists(&memory).await;
    drop(memory);
    // All from the log.
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (memory, report) = open(dir.path());
    assert!(report.rebuilt);
    check_lists(&memory).await;
}

#[tokio::test]
async fn windows_cut_where_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let mut runs = Vec::new();
    // More than one chunk of the index.
    for n in 0..100 {
        runs.push(turn(&memory, "c", &format!("q{n}"), &format!("a{n}")).await);
    }
    for restarted in [false, true] {
        let read = async |window: MessageWindow| {
            let view = memory.conversation(&conv("c"), window).await.unwrap().unwrap();
            assert_eq!(view.summary.message_count, 200);
            view.messages.iter().map(Message::text).collect::<Vec<_>>()
        };
        let all = read(MessageWindow::default()).await;
        assert_eq!((all.len(), all[0].as_str(), all[199].as_str()), (200, "q0", "a99"));
        let window = MessageWindow { limit: Some(3), before: Some(runs[50].reply_id()) };
        assert_eq!(read(window).await, ["q49", "a49", "q50"]);
        let window = MessageWindow { limit: Some(3), before: Some(runs[0].user_message_id()) };
        assert_eq!(read(window).await, [""; 0]);
        assert_eq!(read(MessageWindow { limit: Some(1), before: None }).await, ["a99"]);
        let stranger = MessageWindow { limit: None, before: Some(RunId::generate().reply_id()) };
        assert!(memory.conversation(&conv("c"), stranger).await.is_err());
        if !restarted {
            memory.close().await;
        }
    }
    assert_eq!(memory.conversation(&conv("other"), MessageWindow::default()).await.unwrap(), None);
}

#[tokio::test]
async fn recent_keeps_to_its_limits_and_brings_the_pending_question() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    for n in 0..80 {
        let id = RunId::generate();
        memory.accept_run(new_run(id, Some("c"), &format!("q{n:04}"))).await.unwrap();
        memory.end_run(id, RunOutcome::Cancelled).await.unwrap();
    }
    memory.accept_run(new_run(RunId::generate(), Some("c"), "now")).await.unwrap();
    let recent = async |memory: &Memory, messages, bytes| {
        let recent = memory.recent(&conv("c"), messages, bytes).await.unwrap();
        recent.iter().map(|message| message.text()).collect::<Vec<_>>()
    };
    for round in 0..2 {
        assert_eq!(recent(&memory, 3, 1000).await, ["q0078", "q0079", "now"], "{round}");
        assert_eq!(recent(&memory, 100, 12).await, ["q0079", "now"]);
        assert_eq!(recent(&memory, 100, 100_000).await.len(), 81);
        assert_eq!(recent(&memory, 0, 1000).await, [""; 0]);
        memory.close().await;
    }
    drop(memory);
    let (memory, _) = open(dir.path());
    assert_eq!(recent(&memory, 3, 1000).await, ["q0078", "q0079", "now"]);
    assert!(memory.recent(&conv("unknown"), 10, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_is_found_by_its_id_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let whole = MessageWindow::default();
    for n in 0..3 {
        let id = RunId::generate();
        memory.accept_run(new_run(id, Some("talk"), &format!("question {n}"))).await.unwrap();
        memory.append_steps(id, vec![call("1"), result("1", "sunny")]).await.unwrap();
        memory.append_steps(id, vec![call("2"), result("2", "rainy")]).await.unwrap();
        memory.end_run(id, reply(&format!("answer {n}"))).await.unwrap();
    }
    let imported = |id: Option<&str>, content: &str| ForeignMessage {
        conversation: conv("talk"),
        channel: "api".into(),
        role: Role::User,
        content: content.into(),
        timestamp: Timestamp::from_unix_millis(1_774_000_000_000),
        id: id.map(|id| id.parse().unwrap()),
    };
    memory
        .import(vec![imported(Some("m1"), "said elsewhere"), imported(None, "without a name")])
        .await
        .unwrap();
    let pending = RunId::generate();
    memory.accept_run(new_run(pending, Some("talk"), "and then?")).await.unwrap();
    memory.append_steps(pending, vec![call("3"), result("3", "windy")]).await.unwrap();
    let view = memory.conversation(&conv("talk"), whole).await.unwrap().unwrap();
    assert_eq!(view.messages.len(), 3 * 6 + 2 + 3);
    // From the cache, and from the disk.
    for message in &view.messages {
        let found = memory.message(&message.id, None).await.unwrap();
        assert_eq!(found.as_deref(), Some(message), "{}", message.id);
    }
    drop(memory);
    let (memory, _) = open(dir.path());
    for message in &view.messages {
        let found = memory.message(&message.id, None).await.unwrap();
        assert_eq!(found.as_deref(), Some(message), "{}", message.id);
    }
    let unknown = [RunId::generate().reply_id(), pending.reply_id(), "m2".parse().unwrap()];
    for id in &unknown {
        assert_eq!(memory.message(id, Some(&conv("talk"))).await.unwrap(), None, "{id}");
    }
    memory.erase_conversation(&conv("talk")).await.unwrap().unwrap();
    for message in &view.messages {
        assert_eq!(memory.message(&message.id, None).await.unwrap(), None, "{}", message.id);
    }
}

#[tokio::test]
async fn what_a_client_added_is_kept_and_no_prompt_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let id = RunId::generate();
    let mut run = new_run(id, Some("talk"), "question");
    run.metadata.user_name = Some("Ada".into());
    run.metadata.extra.insert("thread".into(), serde_json::json!({"n": [1, null]}));
    let said = run.metadata.clone();
    memory.accept_run(run).await.unwrap();
    memory.append_steps(id, vec![call("1"), result("1", "sunny")]).await.unwrap();
    memory.end_run(id, reply("answer")).await.unwrap();
    let check = async |memory: &Memory| {
        // Whoever reads first fills the cache for the others.
        for _ in 0..2 {
            let recent = memory.recent(&conv("talk"), 10, 1_000_000).await.unwrap();
            assert_eq!(recent.len(), 4);
            assert_eq!(recent[0].metadata.user_name, said.user_name);
            assert!(recent[0].metadata.extra.is_empty(), "{:?}", recent[0].metadata);
            let view = memory.conversation(&conv("talk"), MessageWindow::default()).await.unwrap().unwrap();
            assert_eq!(view.messages[0].metadata, said);
            for (whole, recent) in view.messages.iter().zip(&recent).skip(1) {
                assert_eq!(whole, &**recent);
            }
            let question = memory.message(&id.user_message_id(), None).await.unwrap().unwrap();
            assert_eq!(question.metadata, said);
        }
    };
    check(&memory).await;
    memory.close().await;
    drop(memory);
    let (memory, _) = open(dir.path());
    check(&memory).await;
}
