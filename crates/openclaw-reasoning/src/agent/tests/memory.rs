//! What the memory adds to a turn, and what the turn adds to the memory.

use openclaw_core::{
    ContentBlock, MemoryKind, Role, Timestamp,
    port::{CurationPort as _, EntryFilter, Recalled},
};
use openclaw_testkit::{MemoryOp, ToolBehaviour};
use serde_json::json;
use tokio::time::Instant;

use super::*;

fn recalled(id: &str, content: &str) -> Recalled {
    Recalled {
        id: id.to_owned(),
        content: content.to_owned(),
        kind: MemoryKind::Fact,
        timestamp: Timestamp::from_unix_millis(0),
        role: None,
        relevance: 0.9,
        importance: 0.5,
        recency: 0.5,
        frequency: 0.0,
    }
}

#[tokio::test(start_paused = true)]
async fn memories_stand_before_the_message_and_are_noted() {
    let rig = rig(|_| answer("Oslo."));
    rig.memory
        .recalls(vec![recalled("mem_1", "The user lives in Oslo"), recalled("mem_2", "Where is home?")]);
    let run = rig.submit(Some("c"), "Where is home?").await.unwrap();
    collect(run.events).await;
    let request = &rig.requests()[0];
    let text = request.recalled.as_deref().unwrap();
    assert!(text.contains("\n[mem_1 1970-01-01 fact] The user lives in Oslo\n</memory>"), "{text}");
    assert!(!text.contains("mem_2"), "what the message says itself: {text}");
    let note = rig.memory.context_note(run.id).await.unwrap().unwrap();
    assert_eq!((note.window, note.recent, note.memories.len()), (8192, 1, 1));
    assert_eq!((note.memories[0].id.as_str(), note.memories[0].factors), ("mem_1", [0.9, 0.5, 0.5, 0.0]));
    assert!((note.memories[0].score - 0.61).abs() < 1e-6);
    assert_eq!(note.cuts[0].id, "mem_2");
    assert!(note.tokens.iter().all(|tokens| *tokens > 0), "{note:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_later_is_not_recalled() {
    let rig = rig(|_| answer("hi"));
    rig.memory.recalls(vec![
        recalled("msg_user_00000000000000000000000000", "The user lives in Oslo"),
        recalled("msg_user_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "The user has moved to Rome"),
    ]);
    collect(rig.submit(Some("c"), "hello").await.unwrap().events).await;
    let text = rig.requests()[0].recalled.clone().unwrap();
    assert!(text.contains("Oslo") && !text.contains("Rome"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn nothing_recalled_and_nothing_cut_is_not_noted() {
    let rig = rig(|_| answer("hi"));
    let run = rig.submit(Some("c"), "hello").await.unwrap();
    collect(run.events).await;
    assert_eq!(rig.memory.context_note(run.id).await.unwrap(), None);
    assert_eq!(rig.requests()[0].recalled, None);
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_is_slow_or_fails_costs_little() {
    let rig = rig(|_| answer("hi"));
    rig.memory.recalls(vec![recalled("mem_1", "The user lives in Oslo")]);
    rig.memory.slow_recalls(Some(Duration::from_millis(100)));
    let run = rig.submit(Some("c"), "Where is home?").await.unwrap();
    collect(run.events).await;
    assert!(rig.requests()[0].recalled.is_some(), "so long is waited");

    rig.memory.slow_recalls(Some(Duration::from_secs(60)));
    let begun = Instant::now();
    let run = rig.submit(Some("c"), "And now?").await.unwrap();
    assert_eq!(reply_of(&collect(run.events).await).content, "hi");
    assert_eq!(begun.elapsed(), Duration::from_millis(150));
    let cuts = rig.memory.context_note(run.id).await.unwrap().unwrap().cuts;
    assert_eq!((cuts.len(), cuts[0].id.as_str()), (1, "recall"));
    assert_eq!(cuts[0].reason, "the memory did not answer within 150 ms");

    rig.memory.slow_recalls(None);
    rig.memory.fail(MemoryOp::Recall, true);
    let run = rig.submit(Some("c"), "And then?").await.unwrap();
    assert_eq!(reply_of(&collect(run.events).await).content, "hi");
    let cuts = rig.memory.context_note(run.id).await.unwrap().unwrap().cuts;
    assert_eq!((cuts[0].id.as_str(), cuts[0].reason.as_str()), ("recall", "the memory could not be asked"));
    assert!(rig.requests()[1..].iter().all(|request| request.recalled.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_one_turn_says_is_the_head_of_the_next() {
    let rig = rig(|_| answer("I see."));
    rig.memory.recalls(vec![recalled("mem_1", "The user lives in Oslo")]);
    for text in ["one", "two", "three"] {
        collect(rig.submit(Some("c"), text).await.unwrap().events).await;
    }
    let requests = rig.requests();
    for pair in requests.windows(2) {
        assert_eq!(pair[1].messages[..pair[0].messages.len()], pair[0].messages);
        assert_eq!((&pair[1].system, &pair[1].tools), (&pair[0].system, &pair[0].tools));
    }
}

#[tokio::test(start_paused = true)]
async fn the_model_remembers_and_forgets_by_tools_that_are_no_skills() {
    let tools = FakeTools::new()
        .with("quick", ToolBehaviour::Echo)
        .with("memory_store", ToolBehaviour::Fail("a skill that took the name".into()));
    let rig = Rig::over(Arc::default(), tools, |request| match request.messages.len() {
        1 => vec![
            CallWith("1", "memory_store", json!({ "content": "Likes tea", "kind": "preference" })),
            CallWith("2", "quick", json!({})),
            Done(StopReason::ToolUse),
        ],
        _ => answer("Noted."),
    });
    let run = rig.submit(Some("c"), "I like tea").await.unwrap();
    let told = collect(run.events).await;
    let offered: Vec<String> = rig.requests()[0].tools.iter().map(|tool| tool.name.clone()).collect();
    assert_eq!(offered, ["memory_search", "memory_read", "memory_store", "memory_forget", "quick"]);
    assert_eq!(rig.tools.calls().len(), 1, "of two tools with one name the memory's is called");
    assert_eq!(reply_of(&told).skills_used, ["quick"]);
    let made: Vec<_> = told
        .iter()
        .filter_map(|event| match &event.kind {
            RunEventKind::SkillCall { tool, .. } => Some(tool.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(made, ["memory_store", "quick"]);
    let filter = EntryFilter { limit: 9, ..EntryFilter::default() };
    let entry = rig.curation.entries(filter).await.unwrap().entries.remove(0);
    assert_eq!((entry.content.as_str(), entry.kind), ("Likes tea", MemoryKind::Preference));
    assert_eq!(entry.conversation, Some(conversation("c")));
    assert_eq!(entry.sources, [run.id.user_message_id()]);
    let results = rig.requests()[1].messages.last().unwrap().clone();
    assert_eq!(results.role, Role::Tool);
    let ContentBlock::ToolResult(stored) = &results.content[0] else { panic!("{results:?}") };
    assert_eq!(stored.content, format!("Remembered as {} (preference).", entry.id));
}
