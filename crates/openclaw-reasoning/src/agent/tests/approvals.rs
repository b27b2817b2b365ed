//! Calls that a person has to allow.

use openclaw_core::{
    CallStage, ContentBlock, Role,
    limits::APPROVAL_TIME,
    port::{Approval, Decision},
};
use openclaw_testkit::ToolBehaviour;
use serde_json::json;
use tokio::time::Instant;

use super::*;

fn tools() -> FakeTools {
    FakeTools::new()
        .with("files.write", ToolBehaviour::Echo)
        .with("quick", ToolBehaviour::Answer("warm".into(), Duration::from_millis(10)))
        .guarded("files.write", "It changes files.")
}

/// Calls `tools` in the first step and answers in the second.
fn calling(tools: &'static [(&'static str, &'static str)]) -> impl Fn(&ModelRequest) -> Vec<Beat> {
    move |request| {
        if request.messages.last().unwrap().role == Role::Tool {
            return answer("Done.");
        }
        let calls = tools.iter().map(|(id, name)| Call(id, name));
        [Say("Let me see.")].into_iter().chain(calls).chain([Done(StopReason::ToolUse)]).collect()
    }
}

fn word(call_id: Option<&str>, approve: bool, reason: Option<&str>) -> Decision {
    Decision { call_id: call_id.map(str::to_owned), approve, reason: reason.map(str::to_owned) }
}

/// Lets time pass until something waits.
async fn waiting(rig: &Rig, run: RunId) -> Vec<Approval> {
    loop {
        let waiting = rig.agent.approvals(run).await;
        if !waiting.is_empty() {
            return waiting;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What the model was told of its calls, and whether each failed.
fn results(request: &ModelRequest) -> Vec<(String, bool)> {
    let last = request.messages.last().unwrap();
    let result = |block: &ContentBlock| match block {
        ContentBlock::ToolResult(result) => Some((result.content.clone(), result.is_error)),
        _ => None,
    };
    last.content.iter().filter_map(result).collect()
}

/// The calls and results among the events, in words.
fn steps(events: &[Arc<RunEvent>]) -> Vec<String> {
    let step = |event: &Arc<RunEvent>| match &event.kind {
        RunEventKind::SkillCall { call_id, stage, .. } => Some(match stage {
            CallStage::Invoking => format!("{call_id} is made"),
            CallStage::Awaiting(reason) => format!("{call_id} waits: {reason}"),
            CallStage::Allowed => format!("{call_id} is allowed"),
        }),
        RunEventKind::SkillResult { call_id, is_error, .. } => {
            Some(format!("{call_id} {}", if *is_error { "failed" } else { "is done" }))
        }
        _ => None,
    };
    events.iter().filter_map(step).collect()
}

#[tokio::test(start_paused = true)]
async fn what_changed_while_a_person_thought_is_not_called() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    waiting(&rig, run.id).await;
    rig.tools.change();
    rig.agent.approve(run.id, word(None, true, None)).await.unwrap();
    collect(run.events).await;
    assert_eq!(results(&rig.requests()[1]), [("it has changed".to_owned(), true)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_person_while_others_go_on() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write"), ("2", "quick")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    let expected = Approval {
        call_id: "1".into(),
        tool: "files.write".into(),
        arguments: json!({"for": "1"}),
        reason: "It changes files.".into(),
    };
    assert_eq!(waiting(&rig, run.id).await, [expected]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.tools.calls().iter().map(|call| &*call.id).collect::<Vec<_>>(), ["2"]);
    assert_eq!(rig.agent.approve(run.id, word(Some("2"), true, None)).await.unwrap(), Some(vec![]));
    assert_eq!(
        rig.agent.approve(run.id, word(Some("1"), true, None)).await.unwrap(),
        Some(vec!["1".to_owned()])
    );
    let told = collect(run.events).await;
    assert_eq!(
        steps(&told),
        ["1 waits: It changes files.", "2 is made", "2 is done", "1 is allowed", "1 is done"]
    );
    assert_eq!(reply_of(&told).skills_used, ["files", "quick"]);
    assert_eq!(
        results(&rig.requests()[1]),
        [(r#"{"for":"1"}"#.to_owned(), false), ("warm".to_owned(), false)]
    );
    assert_eq!(
        rig.agent.approve(run.id, word(None, true, None)).await.unwrap(),
        Some(vec![]),
        "it has ended"
    );
    assert_eq!(rig.agent.approve(RunId::generate(), word(None, true, None)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_misses_nothing() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write"), ("2", "quick")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    waiting(&rig, run.id).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    rig.agent.approve(run.id, word(None, true, None)).await.unwrap();
    let told = collect(run.events).await;
    // The record does not keep that a call waited, and that it was allowed.
    let plain = |events: &[Arc<RunEvent>]| {
        let mut steps = steps(events);
        steps.retain(|step| !step.ends_with("allowed"));
        let made = |step: String| match step.split_once(" waits") {
            Some((call, _)) => format!("{call} is made"),
            None => step,
        };
        (text_of(events), steps.into_iter().map(made).collect::<Vec<_>>())
    };
    for (seen, event) in told.iter().enumerate() {
        let missing = &told[seen + 1..];
        let rest = collect(rig.agent.events(run.id, Some(event.id)).await.unwrap().unwrap()).await;
        assert!(rest.ends_with(missing), "{event:?}: {rest:?}");
        let again = &rest[..rest.len() - missing.len()];
        assert!(again.iter().all(|event| event.kind.units() == 0), "only what has no number: {again:?}");
        assert_eq!(plain(&rig.retold(run.id, Some(event.id)).await), plain(missing));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_denied_or_that_nobody_allows_is_not_made() {
    for (answer, told_so, after) in [
        (Some(word(None, false, Some("wrong folder"))), "denied this call, saying: wrong folder", 0),
        (Some(word(None, false, None)), "denied this call. Go on", 0),
        (None, "within 10 minutes", APPROVAL_TIME.as_secs()),
    ] {
        let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write")]));
        let begun = Instant::now();
        let run = rig.submit(Some("c"), "save it").await.unwrap();
        waiting(&rig, run.id).await;
        if let Some(answer) = answer {
            assert_eq!(rig.agent.approve(run.id, answer).await.unwrap().unwrap(), ["1"]);
        }
        let told = collect(run.events).await;
        assert_eq!(begun.elapsed().as_secs(), after);
        assert_eq!(steps(&told), ["1 waits: It changes files.", "1 failed"]);
        let (said, is_error) = results(&rig.requests()[1]).remove(0);
        assert!(is_error && said.contains(told_so), "{said}");
        assert_eq!(reply_of(&told).content, "Done.", "the model makes the best of it");
        assert!(reply_of(&told).skills_used.is_empty() && rig.tools.calls().is_empty());
        assert!(rig.agent.approvals(run.id).await.is_empty());
        // The next turn knows that it was asked for and not made.
        let record = rig.memory.run(run.id).await.unwrap().unwrap();
        assert!(matches!(
            &record.steps[..],
            [ContentBlock::Text(_), ContentBlock::ToolCall(_), ContentBlock::ToolResult(_)]
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn allowed_calls_do_not_wait_for_those_that_are_not() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write"), ("2", "files.write")]));
    let run = rig.submit(Some("c"), "save both").await.unwrap();
    assert_eq!(waiting(&rig, run.id).await.len(), 2);
    rig.agent.approve(run.id, word(Some("2"), true, None)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(rig.tools.calls().len(), 1);
    assert_eq!(rig.agent.approvals(run.id).await[0].call_id, "1");
    rig.agent.approve(run.id, word(None, false, None)).await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(steps(&told)[2..], ["2 is allowed", "2 is done", "1 failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_is_cancelled_at_once() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    waiting(&rig, run.id).await;
    let begun = Instant::now();
    let before = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert_eq!(before.state, RunState::Pending { called_tools: false });
    assert!(begun.elapsed() < Duration::from_millis(10));
    assert!(rig.agent.approvals(run.id).await.is_empty());
    let told = collect(run.events).await;
    assert_eq!(told.last().unwrap().kind, RunEventKind::Cancelled);
    let retold = rig.retold(run.id, Some(told.last().unwrap().id)).await;
    assert_eq!(retold.last().unwrap().kind, RunEventKind::Cancelled, "its end is told whatever came before");
    assert_eq!(text_of(&rig.retold(run.id, None).await), "Let me see.");
    assert_eq!(rig.tools.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_person_is_asked_again() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    waiting(&rig, run.id).await;
    rig.agent.drain(Duration::from_secs(1)).await;
    assert!(collect(run.events).await.iter().all(|event| !event.kind.is_last()));

    let Rig { memory, .. } = rig;
    let next = Rig::over(memory, tools(), calling(&[("1", "files.write")]));
    assert_eq!(waiting(&next, run.id).await.len(), 1);
    next.agent.approve(run.id, word(None, true, None)).await.unwrap();
    let told = collect(next.agent.events(run.id, None).await.unwrap().unwrap()).await;
    assert_eq!((text_of(&told).as_str(), next.tools.calls().len()), ("Let me see.Done.", 1));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_nothing_is_done_twice() {
    let rig = Rig::over(Arc::default(), tools(), calling(&[("1", "files.write"), ("2", "quick")]));
    let run = rig.submit(Some("c"), "save it").await.unwrap();
    waiting(&rig, run.id).await;
    rig.agent.drain(Duration::from_secs(1)).await;
    let Rig { memory, .. } = rig;
    let next = Rig::over(memory, tools(), calling(&[("1", "files.write"), ("2", "quick")]));
    let told = collect(next.agent.events(run.id, None).await.unwrap().unwrap()).await;
    assert_eq!(failure_of(&told).details["reason"], "interrupted", "`quick` was called");
    assert!(next.tools.calls().is_empty());
}
