//! Stopping and starting.

use openclaw_core::{ContentBlock, NewRun, ToolCall, port::MemoryError};
use tokio::time::Instant;

use super::*;
use crate::runs::limits;

fn left_pending(id: RunId, text: &str) -> NewRun {
    NewRun {
        id,
        conversation: conversation("c"),
        channel: "api".into(),
        text: text.into(),
        metadata: Metadata::default(),
        idempotency_key: None,
    }
}

#[tokio::test(start_paused = true)]
async fn pending_runs_go_first_and_those_that_called_a_tool_are_not_repeated() {
    let memory = Arc::new(FakeMemory::new());
    let ids: Vec<RunId> = (0..3_u8).map(|n| RunId::from_bytes([n + 1; 16])).collect();
    for (id, text) in ids.iter().zip(["one", "two", "three"]) {
        memory.accept_run(left_pending(*id, text)).await.unwrap();
    }
    let call = ToolCall { id: "1".into(), name: "mail".into(), arguments: "{}".into() };
    memory.append_steps(ids[1], vec![ContentBlock::ToolCall(call)]).await.unwrap();
    let rig = Rig::over(memory, FakeTools::new(), |_| vec![Wait(5), Say("ok"), Done(StopReason::EndTurn)]);
    let new = rig.submit(Some("c"), "four").await.unwrap();
    let repeated = rig.agent.events(ids[0], None).await.unwrap().unwrap();
    let old = EventId { attempt: 0, position: 3 };
    let from_old = rig.agent.events(ids[2], Some(old)).await.unwrap().unwrap();
    collect(new.events).await;
    let asked: Vec<_> =
        rig.requests().iter().map(|request| request.messages.last().unwrap().text()).collect();
    assert_eq!(asked, ["one", "three", "four"]);
    let repeated = collect(repeated).await;
    let attempt = repeated[0].id.attempt;
    assert_eq!((attempt > 0, repeated[0].id.position), (true, 1));
    assert_eq!(reply_of(&repeated).content, "ok");
    assert_eq!(collect(from_old).await.len(), 3, "ids of the first attempt mean nothing now: all is told");
    let Some(RunOutcome::Failed(failure)) = rig.outcome(ids[1]).await else { panic!("not failed") };
    assert_eq!(failure.details["reason"], "interrupted");
    // Their ids are those of the second attempt also when they are told from the record.
    tokio::time::sleep(limits::KEPT_TIME * 2).await;
    let late = collect(rig.agent.events(ids[0], None).await.unwrap().unwrap()).await;
    assert_eq!((late[0].id.attempt, late.last()), (attempt, repeated.last()));
}

#[tokio::test(start_paused = true)]
async fn pending_runs_wait_for_a_provider_then_fail_with_the_way_out() {
    for appears in [true, false] {
        let memory = Arc::new(FakeMemory::new());
        let id = RunId::generate();
        memory.accept_run(left_pending(id, "hi")).await.unwrap();
        let model = Arc::new(Model { script: Box::new(|_| answer("ok")), requests: Mutex::default() });
        let (router, routers) = watch::channel(Arc::new(Router::default()));
        let agent = start(AgentOptions::default(), &memory, &Arc::default(), routers);
        let events = agent.events(id, None).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        if appears {
            router.send_replace(Arc::new(Router::new(vec![route(&model)])));
        }
        let told = collect(events).await;
        if appears {
            assert_eq!(text_of(&told), "ok");
        } else {
            assert_eq!(failure_of(&told).details["reason"], "no_provider");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_runs_end_and_leaves_the_waiting_ones_pending() {
    let rig = rig(|_| vec![Say("a"), Wait(1000), Say("b"), Done(StopReason::EndTurn)]);
    let running = rig.submit(Some("c"), "running").await.unwrap();
    let waiting = rig.submit(Some("c"), "waiting").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    rig.agent.drain(Duration::from_secs(10)).await;
    assert_eq!(text_of(&collect(running.events).await), "ab");
    assert_eq!(rig.outcome(waiting.id).await, None);
    let told = collect(waiting.events).await;
    assert!(told.iter().all(|event| !event.kind.is_last()), "no end is told that did not happen");
    let Err(SubmitError::Memory(MemoryError::Closed)) = rig.submit(Some("c"), "late").await else {
        panic!("taken in")
    };
    assert_eq!(rig.agent.stats().active_runs, 0);

    let Rig { memory, .. } = rig;
    let next = Rig::over(memory, FakeTools::new(), |_| answer("later"));
    let events = next.agent.events(waiting.id, None).await.unwrap().unwrap();
    assert_eq!(text_of(&collect(events).await), "later");
}

#[tokio::test(start_paused = true)]
async fn a_drain_keeps_to_its_deadline() {
    let rig = rig(|_| vec![Say("a"), Hang]);
    let run = rig.submit(None, "hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let begun = Instant::now();
    rig.agent.drain(Duration::from_secs(3)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    assert_eq!(rig.outcome(run.id).await, None, "it goes on after the next start");
    assert!(rig.memory.run(run.id).await.unwrap().unwrap().steps.is_empty());
    assert_eq!(text_of(&collect(run.events).await), "a");
    assert!(rig.agent.tracker.is_empty(), "nothing is left running");
}
