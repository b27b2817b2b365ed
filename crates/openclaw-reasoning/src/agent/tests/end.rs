//! How runs end.

use openclaw_core::ErrorCode;
use openclaw_testkit::MemoryOp;

use super::*;

#[tokio::test(start_paused = true)]
async fn tokens_leave_at_once_and_the_end_is_durable_before_it_is_told() {
    let rig = rig(|_| {
        vec![
            Say("Hel"),
            Usage(9, 1),
            Wait(1000),
            Say("lo"),
            Usage(9, 2),
            Wait(500),
            Done(StopReason::EndTurn),
        ]
    });
    rig.memory.slow_writes(Some(Duration::from_millis(1)));
    let mut run = rig.submit(None, "hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let first = ready_now(&mut run.events);
    assert!(matches!(&first[0].kind, RunEventKind::Start { id, .. } if *id == run.id));
    assert_eq!((text_of(&first).as_str(), first.len()), ("Hel", 2));
    assert_eq!(first[1].id.to_string(), "0-4");
    let mut rest = Vec::new();
    while let Some(event) = run.events.next().await {
        if event.kind.is_last() {
            assert!(rig.outcome(run.id).await.is_some(), "durable first");
        }
        rest.push(event);
    }
    let reply = reply_of(&rest);
    assert_eq!((reply.content.as_str(), reply.model.as_str()), ("Hello", "m-1"));
    assert_eq!(reply.usage, TokenUsage { input: 9, output: 2 }, "later counts replace earlier ones");
    assert!((1500..1510).contains(&reply.latency_ms), "{}", reply.latency_ms);
    assert_eq!(rig.outcome(run.id).await, Some(RunOutcome::Completed(reply.clone())));
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_the_end_alone_gets_it_live_late_and_not_when_it_does_not_come() {
    let rig = rig(|request| match request.messages.last().unwrap().text().as_str() {
        "hang" => vec![Say("a"), Hang],
        _ => vec![Say("a"), Wait(10), Say("b"), Done(StopReason::EndTurn)],
    });
    let run = rig.submit(None, "hi").await.unwrap();
    let last = rig.agent.last_event(run.id, run.events).await.unwrap();
    assert_eq!(reply_of(std::slice::from_ref(&last)).content, "ab");
    let late = rig.agent.events(run.id, None).await.unwrap().unwrap();
    assert_eq!(rig.agent.last_event(run.id, late).await.as_ref(), Some(&last));
    tokio::time::sleep(crate::runs::limits::KEPT_TIME * 2).await;
    let from_record = rig.agent.events(run.id, None).await.unwrap().unwrap();
    assert_eq!(
        rig.agent.last_event(run.id, from_record).await.map(|event| event.kind.clone()),
        Some(last.kind.clone())
    );
    let hanging = rig.submit(None, "hang").await.unwrap();
    let (told, ()) = tokio::join!(
        rig.agent.last_event(hanging.id, hanging.events),
        rig.agent.drain(Duration::from_secs(1)),
    );
    assert!(told.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_run_only_and_is_told() {
    let rig = rig(|request| match request.messages.last().unwrap().text().as_str() {
        "boom" => panic!("as told"),
        _ => answer("ok"),
    });
    let run = rig.submit(Some("c"), "boom").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(failure_of(&told).code, ErrorCode::InternalError);
    assert_eq!(rig.retold(run.id, None).await, told);
    assert_eq!(text_of(&collect(rig.submit(Some("c"), "hi").await.unwrap().events).await), "ok");
    assert_eq!(rig.agent.stats().active_runs, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_a_panic_is_kept() {
    let rig = Rig::over(Arc::default(), FakeTools::new(), |_| vec![Say("half "), Say("an"), Panic]);
    let run = rig.submit(None, "hi").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(text_of(&told), "half an");
    let retold = rig.retold(run.id, None).await;
    assert_eq!((text_of(&retold), retold.last()), (text_of(&told), told.last()));
}

#[tokio::test(start_paused = true)]
async fn a_run_under_way_is_cancelled_with_what_it_said() {
    let rig = rig(|_| vec![Say("half an"), Hang]);
    let run = rig.submit(Some("c"), "hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let before = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert_eq!(before.state, RunState::Pending { called_tools: false });
    assert_eq!(rig.outcome(run.id).await, Some(RunOutcome::Cancelled));
    let told = collect(run.events).await;
    assert_eq!(told.last().unwrap().kind, RunEventKind::Cancelled);
    assert_eq!(rig.retold(run.id, None).await, told, "the record tells the same");
    let again = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert!(matches!(again.state, RunState::Ended { outcome: RunOutcome::Cancelled, .. }));
    assert!(rig.agent.cancel(RunId::generate()).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_is_cancelled_without_running() {
    let rig = rig(|_| vec![Wait(1000), Say("ok"), Done(StopReason::EndTurn)]);
    let first = rig.submit(Some("c"), "first").await.unwrap();
    let second = rig.submit(Some("c"), "second").await.unwrap();
    let third = rig.submit(Some("c"), "third").await.unwrap();
    rig.agent.cancel(second.id).await.unwrap();
    assert_eq!(rig.outcome(first.id).await, None, "the first goes on");
    assert_eq!(collect(second.events).await.len(), 2);
    assert_eq!(text_of(&collect(third.events).await), "ok");
    let asked: Vec<_> =
        rig.requests().iter().map(|request| request.messages.last().unwrap().text()).collect();
    assert_eq!(asked, ["first", "third"]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_is_left_as_it_is() {
    let rig = rig(|_| answer("ok"));
    let run = rig.submit(None, "hi").await.unwrap();
    collect(run.events).await;
    let record = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert!(matches!(record.state, RunState::Ended { outcome: RunOutcome::Completed(_), .. }));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_does_not_stop_the_run() {
    let rig = rig(|_| vec![Say("a"), Wait(100), Say("b"), Done(StopReason::EndTurn)]);
    let run = rig.submit(None, "hi").await.unwrap();
    drop(run.events);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(matches!(rig.outcome(run.id).await, Some(RunOutcome::Completed(_))));
    let late = collect(rig.agent.events(run.id, None).await.unwrap().unwrap()).await;
    assert_eq!(text_of(&late), "ab");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_fails_and_is_told_again_alike() {
    let cut = || ProviderError::Cut { message: "connection reset".into() };
    let rig = rig(move |_| vec![Say("half"), Say(" an an"), Fail(cut())]);
    let run = rig.submit(None, "hi").await.unwrap();
    let told = collect(run.events).await;
    let failure = failure_of(&told);
    assert_eq!((failure.code, &failure.details["reason"]), (ErrorCode::ServiceUnavailable, &"cut".into()));
    assert!(failure.message.contains("connection reset"), "{failure}");
    let retold = rig.retold(run.id, None).await;
    assert_eq!((text_of(&retold), retold.last()), (text_of(&told), told.last()));
    assert_eq!(rig.outcome(run.id).await, Some(RunOutcome::Failed(failure.clone())));
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_none_fail_with_a_reason() {
    let refusal = ProviderError::Status { status: 401, message: "bad key".into(), retry_after: None };
    let cases: Vec<(Vec<Beat>, &str)> = vec![
        (vec![Fail(refusal)], "providers_failed"),
        (vec![Done(StopReason::EndTurn)], "empty_answer"),
        (vec![Say("  \n"), Done(StopReason::EndTurn)], "empty_answer"),
        (vec![Done(StopReason::Refused)], "refused"),
        (vec![Say("half")], "cut"),
    ];
    for (beats, reason) in cases {
        let rig = rig(move |_| beats.clone());
        let run = rig.submit(None, "hi").await.unwrap();
        let told = collect(run.events).await;
        assert_eq!(failure_of(&told).details["reason"], reason);
        assert_eq!(failure_of(&told).code, ErrorCode::ServiceUnavailable);
        assert_eq!(rig.retold(run.id, None).await, told);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_answer_is_stopped() {
    let piece: &'static str = Box::leak("x".repeat(300 * 1024).into_boxed_str());
    let rig = rig(move |_| vec![Say(piece), Say(piece), Say(piece), Say(piece), Hang]);
    let run = rig.submit(None, "hi").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!(failure_of(&told).details["reason"], "answer_too_long");
    let retold = rig.retold(run.id, None).await;
    assert!(text_of(&retold) == text_of(&told) && text_of(&told).len() == 900 * 1024);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_can_not_be_stored_is_refused() {
    let rig = rig(|_| answer("ok"));
    rig.memory.unwritable(Some("disk full"));
    assert!(matches!(rig.submit(Some("c"), "hi").await, Err(SubmitError::Memory(_))));
    assert_eq!(rig.agent.stats().active_runs, 0);
    rig.memory.unwritable(None);
    assert_eq!(text_of(&collect(rig.submit(Some("c"), "hi").await.unwrap().events).await), "ok");
    assert_eq!(rig.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_can_not_be_read_fails_the_run() {
    let rig = rig(|_| answer("ok"));
    rig.memory.fail(MemoryOp::Recent, true);
    let run = rig.submit(Some("c"), "hi").await.unwrap();
    assert_eq!(failure_of(&collect(run.events).await).code, ErrorCode::InternalError);
    assert!(rig.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_can_not_be_stored_is_an_error_and_the_run_stays_pending() {
    let rig = rig(|_| answer("ok"));
    rig.memory.fail(MemoryOp::End, true);
    let run = rig.submit(Some("c"), "hi").await.unwrap();
    let told = collect(run.events).await;
    assert_eq!((text_of(&told).as_str(), failure_of(&told).code), ("ok", ErrorCode::ServiceUnavailable));
    assert_eq!(rig.outcome(run.id).await, None);
    assert!(rig.agent.cancel(run.id).await.is_err(), "cancelling says that it can't be stored");
    rig.memory.fail(MemoryOp::End, false);
    let before = rig.agent.cancel(run.id).await.unwrap().unwrap();
    assert!(matches!(before.state, RunState::Pending { .. }));
    assert_eq!(rig.outcome(run.id).await, Some(RunOutcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn erasing_stops_the_conversations_runs_first() {
    let rig = rig(|request| match request.messages.last().unwrap().text().as_str() {
        "after" => answer("ok"),
        _ => vec![Say("secret"), Hang],
    });
    let running = rig.submit(Some("c"), "running").await.unwrap();
    let waiting = rig.submit(Some("c"), "waiting").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let c = conversation("c");
    let (erased, after) = tokio::join!(rig.agent.erase_conversation(&c), rig.submit(Some("c"), "after"));
    assert_eq!(erased.unwrap().unwrap().messages, 3, "two messages, and what was said");
    for run in [running, waiting] {
        assert_eq!(collect(run.events).await.last().unwrap().kind, RunEventKind::Cancelled);
        assert!(rig.agent.events(run.id, None).await.unwrap().is_none(), "nothing of it is told any more");
    }
    assert_eq!(text_of(&collect(after.unwrap().events).await), "ok");
    assert_eq!(rig.memory.transcript(&c), ["User: after", "Assistant: ok"]);
    assert!(rig.agent.erase_conversation(&conversation("none")).await.unwrap().is_none());
}
