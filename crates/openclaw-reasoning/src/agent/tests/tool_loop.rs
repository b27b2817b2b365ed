//! Tools in a turn.

use std::collections::BTreeSet;

use openclaw_core::{ContentBlock, ErrorCode, Role, ToolResult};
use openclaw_testkit::{MemoryOp, ToolBehaviour};
use tokio::time::Instant;

use super::*;
use crate::runs::limits;

fn after(ms: u64, text: &str) -> ToolBehaviour {
    ToolBehaviour::Answer(text.into(), Duration::from_millis(ms))
}

/// Calls tools in the first step and answers in the second.
fn two_steps(request: &ModelRequest) -> Vec<Beat> {
    if request.messages.last().unwrap().role == Role::Tool {
        return vec![Say("It is "), Say("sunny."), Usage(20, 4), Done(StopReason::EndTurn)];
    }
    vec![
        Say("Let me look."),
        Call("1", "slow"),
        Call("2", "quick"),
        Call("3", "made-up"),
        Usage(10, 6),
        Done(StopReason::ToolUse),
    ]
}

fn tools() -> FakeTools {
    FakeTools::new().with("slow", after(1000, "sun")).with("quick", after(10, "warm"))
}

#[tokio::test(start_paused = true)]
async fn calls_run_in_parallel_and_the_answer_follows() {
    let rig = Rig::over(Arc::default(), tools(), two_steps);
    let begun = Instant::now();
    let run = rig.submit(Some("c"), "weather?").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!((rig.tools.most_at_once(), rig.tools.calls().len()), (2, 2), "a made-up tool is not called");
    let reply = reply_of(&told);
    assert_eq!(reply.content, "It is sunny.", "the text of the last step alone");
    assert_eq!(reply.skills_used, ["slow", "quick"]);
    assert_eq!(reply.usage, TokenUsage { input: 30, output: 10 }, "all model calls together");

    let results = rig.requests()[1].messages.last().unwrap().content.clone();
    let result = |id: &str, name: &str, content: &str, is_error| {
        ContentBlock::ToolResult(ToolResult {
            call_id: id.into(),
            name: name.into(),
            content: content.into(),
            is_error,
        })
    };
    assert_eq!(results[..2], [result("1", "slow", "sun", false), result("2", "quick", "warm", false)]);
    assert!(matches!(&results[2], ContentBlock::ToolResult(result) if result.is_error));

    let record = rig.memory.run(run.id).await.unwrap().unwrap();
    assert_eq!(record.steps.len(), 7, "a text, three calls, three results");
    let retold = rig.retold(run.id, None).await;
    let kinds = |events: &[Arc<RunEvent>]| {
        let other = |event: &&Arc<RunEvent>| !matches!(event.kind, RunEventKind::Token(_));
        events.iter().filter(other).cloned().collect::<Vec<_>>()
    };
    assert_eq!((text_of(&retold), kinds(&retold)), (text_of(&told), kinds(&told)));
    // Wherever a live reader stopped, the record goes on from there.
    for (seen, event) in told.iter().enumerate() {
        let rest = rig.retold(run.id, Some(event.id)).await;
        assert_eq!(text_of(&rest), text_of(&told[seen + 1..]));
        assert_eq!(kinds(&rest), kinds(&told[seen + 1..]));
    }

    // The next turn sees the whole of it.
    collect(rig.submit(Some("c"), "thanks").await.unwrap().events).await;
    let roles: Vec<Role> = rig.requests()[2].messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant, Role::User]);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_or_hangs_is_told_to_the_model() {
    let tools = FakeTools::new()
        .with("slow", ToolBehaviour::Hang)
        .with("quick", ToolBehaviour::Fail("no luck".into()));
    let rig = Rig::over(Arc::default(), tools, two_steps);
    let begun = Instant::now();
    let told = collect(rig.submit(None, "weather?").await.unwrap().events).await;
    assert_eq!(begun.elapsed(), limits::CALL_TIME);
    assert_eq!(reply_of(&told).content, "It is sunny.");
    let failed =
        |event: &&Arc<RunEvent>| matches!(event.kind, RunEventKind::SkillResult { is_error: true, .. });
    assert_eq!(told.iter().filter(failed).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn endless_tool_use_fails_visibly() {
    let tools = FakeTools::new().with("quick", after(0, "again"));
    let rig = Rig::over(Arc::default(), tools, |request| {
        let page = serde_json::json!({ "page": request.messages.len() });
        vec![Say("Again. "), CallWith("1", "quick", page), Done(StopReason::ToolUse)]
    });
    let run = rig.submit(None, "loop").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(failure_of(&told).details["reason"], "max_steps");
    assert_eq!((rig.requests().len(), rig.tools.calls().len()), (8, 7));
    let retold = rig.retold(run.id, None).await;
    assert_eq!((retold.len(), text_of(&retold)), (told.len(), text_of(&told)));
}

#[tokio::test(start_paused = true)]
async fn the_same_call_three_times_in_a_row_ends_the_run() {
    let tools = FakeTools::new().with("quick", after(0, "again"));
    let rig = Rig::over(Arc::default(), tools, |_| {
        // In parallel with itself: that counts once.
        let city = || serde_json::json!({ "city": "Oslo" });
        vec![
            Say("Again. "),
            CallWith("1", "quick", city()),
            CallWith("2", "quick", city()),
            Done(StopReason::ToolUse),
        ]
    });
    let run = rig.submit(None, "loop").await.unwrap();
    let told = collect(run.events).await;
    let failure = failure_of(&told);
    assert_eq!(failure.code, ErrorCode::ServiceUnavailable);
    assert_eq!(
        (&failure.details["reason"], &failure.details["tool"]),
        (&"repeated_call".into(), &"quick".into())
    );
    assert!(failure.message.contains("`quick` 3 times in a row"), "{failure}");
    assert_eq!((rig.requests().len(), rig.tools.calls().len()), (3, 4), "the third is not made");
    let retold = rig.retold(run.id, None).await;
    assert_eq!((text_of(&retold), retold.last()), (text_of(&told), told.last()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_repeated_beside_others_is_refused_alone() {
    let tools = FakeTools::new().with("slow", after(0, "page")).with("quick", after(0, "again"));
    let rig = Rig::over(Arc::default(), tools, |request| {
        let step = request.messages.len() / 2;
        if step == 4 {
            return answer("Enough.");
        }
        let page = serde_json::json!({ "page": step });
        vec![Call("1", "quick"), CallWith("2", "slow", page), Done(StopReason::ToolUse)]
    });
    let told = collect(rig.submit(None, "read").await.unwrap().events).await;
    assert_eq!(reply_of(&told).content, "Enough.");
    let count = |name: &str| rig.tools.calls().iter().filter(|call| call.name == name).count();
    assert_eq!((count("slow"), count("quick")), (4, 2));
    let last = rig.requests()[3].messages.last().unwrap().content.clone();
    let ContentBlock::ToolResult(refused) = &last[0] else { panic!("{last:?}") };
    assert!(refused.is_error && refused.content.starts_with("Not called"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_skill_is_named_once_however_many_of_its_tools_are_used() {
    let tools = FakeTools::new()
        .with("files.read", after(0, "a"))
        .with("files.list", after(0, "b"))
        .with("skill_read", after(0, "First, open it."));
    let rig = Rig::over(Arc::default(), tools, |request| match request.messages.len() {
        1 => vec![
            Call("1", "files.list"),
            Call("2", "files.read"),
            CallWith("3", "skill_read", serde_json::json!({ "skill": "pdf" })),
            Done(StopReason::ToolUse),
        ],
        _ => answer("ok"),
    });
    let told = collect(rig.submit(None, "read").await.unwrap().events).await;
    assert_eq!(reply_of(&told).skills_used, ["files", "pdf"], "whose instructions are read is used, too");
    let tool = |event: &Arc<RunEvent>| match &event.kind {
        RunEventKind::SkillCall { tool, .. } => Some(tool.clone()),
        _ => None,
    };
    assert_eq!(told.iter().filter_map(tool).collect::<Vec<_>>(), ["files.list", "files.read", "skill_read"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_result_is_cut_and_marked() {
    let long = "天".repeat(limits::TOOL_RESULT_BYTES);
    let rig = Rig::over(Arc::default(), FakeTools::new().with("slow", after(0, &long)), |request| {
        match request.messages.len() {
            1 => vec![Call("1", "slow"), Done(StopReason::ToolUse)],
            _ => answer("ok"),
        }
    });
    let run = rig.submit(None, "read").await.unwrap();
    collect(run.events).await;
    let record = rig.memory.run(run.id).await.unwrap().unwrap();
    let ContentBlock::ToolResult(kept) = &record.steps[1] else { panic!("{record:?}") };
    assert!(kept.content.len() <= limits::TOOL_RESULT_BYTES + 64);
    assert!(kept.content.ends_with(&format!("\n[cut off: {} bytes in all]", long.len())));
    // What the model is shown fits its window of 8192 tokens, and says so once more.
    let shown = rig.requests()[1].messages.last().unwrap().content.clone();
    let ContentBlock::ToolResult(shown) = &shown[0] else { panic!("{shown:?}") };
    assert!(shown.content.len() < 8192 * 6 && shown.content.contains("left out here; memory_read"));
}

#[tokio::test(start_paused = true)]
async fn cancelling_stops_a_tool_and_keeps_what_came_before() {
    let tools = FakeTools::new().with("slow", ToolBehaviour::Hang).with("quick", after(10, "warm"));
    let rig = Rig::over(Arc::default(), tools, two_steps);
    let run = rig.submit(Some("c"), "weather?").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.tools.running(), 1);
    let begun = Instant::now();
    let before = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert_eq!(before.state, RunState::Pending { called_tools: true });
    assert_eq!((begun.elapsed(), rig.tools.running()), (Duration::ZERO, 0), "at once");
    let told = collect(run.events).await;
    assert_eq!(rig.retold(run.id, None).await, told);
    // A model refuses calls without results: only those that have one are shown to it again.
    collect(rig.submit(Some("c"), "and now?").await.unwrap().events).await;
    let request = rig.requests().swap_remove(1);
    let blocks: Vec<_> = request.messages.iter().flat_map(|message| &message.content).collect();
    let calls: BTreeSet<_> = blocks
        .iter()
        .filter_map(|block| match block {
            ContentBlock::ToolCall(call) => Some(call.id.as_str()),
            _ => None,
        })
        .collect();
    let results: BTreeSet<_> = blocks
        .iter()
        .filter_map(|block| match block {
            ContentBlock::ToolResult(result) => Some(result.call_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(calls, results);
    assert!(calls.is_superset(&BTreeSet::from(["2", "3"])), "{request:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_can_not_be_recorded_is_not_made() {
    let rig = Rig::over(Arc::default(), tools(), two_steps);
    rig.memory.fail(MemoryOp::Append, true);
    let run = rig.submit(None, "weather?").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(failure_of(&told).code, ErrorCode::ServiceUnavailable);
    assert!(rig.tools.calls().is_empty());
    assert!(!told.iter().any(|event| matches!(event.kind, RunEventKind::SkillCall { .. })));
}
