//! Laws of the event log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use futures_util::{FutureExt as _, StreamExt as _};
use openclaw_core::{
    ContentBlock, EventId, Reply, RunEvent, RunEventKind, RunId, RunOutcome, RunRecord, RunState, Timestamp,
    TokenUsage, ToolCall, ToolResult, port::EventStream,
};
use proptest::prelude::*;

use super::{EventLog, last_event, replay, step_event};

/// Everything there is, of a log that has ended.
fn all(mut events: EventStream) -> Vec<Arc<RunEvent>> {
    let mut seen = Vec::new();
    while let Some(next) = events.next().now_or_never() {
        match next {
            Some(event) => seen.push(event),
            None => return seen,
        }
    }
    panic!("the log has not ended");
}

/// Events with their text joined: how it is cut does not matter. Each with the position after it.
fn joined(events: &[Arc<RunEvent>]) -> Vec<(u64, RunEventKind)> {
    let mut joined: Vec<(u64, RunEventKind)> = Vec::new();
    for event in events {
        match (joined.last_mut(), &event.kind) {
            (Some((position, RunEventKind::Token(before))), RunEventKind::Token(text)) => {
                before.push_str(text);
                *position = event.id.position;
            }
            (_, kind) => joined.push((event.id.position, kind.clone())),
        }
    }
    joined
}

fn step() -> impl Strategy<Value = Vec<ContentBlock>> {
    let text = proptest::collection::vec("[a-z天氣é🦀]{1,6}", 0..4);
    (text, 0..3_usize).prop_map(|(pieces, calls)| {
        let mut blocks: Vec<_> = pieces.into_iter().map(ContentBlock::Text).collect();
        let id = |n: usize| format!("call_{n}");
        for n in 0..calls {
            let arguments = serde_json::json!({});
            blocks.push(ContentBlock::ToolCall(ToolCall { id: id(n), name: "t".into(), arguments }));
        }
        for n in (0..calls).rev() {
            let result =
                ToolResult { call_id: id(n), name: "t".into(), content: "r".into(), is_error: n == 1 };
            blocks.push(ContentBlock::ToolResult(result));
        }
        blocks
    })
}

fn reply(content: String) -> Reply {
    Reply { content, skills_used: vec![], usage: TokenUsage::default(), latency_ms: 1, model: "m".into() }
}

/// A run as it was told live, and its record: the text of a step is one block there.
fn told(steps: &[Vec<ContentBlock>], answer: &[String]) -> (Arc<EventLog>, RunRecord) {
    let id = RunId::generate();
    let conversation = id.new_conversation_id();
    let log = EventLog::new(0);
    log.push(RunEventKind::Start { id, conversation: conversation.clone() });
    let mut record_steps = Vec::new();
    for step in steps {
        let mut text = String::new();
        for block in step {
            log.push(step_event(block));
            if let ContentBlock::Text(piece) = block {
                text.push_str(piece);
            }
        }
        record_steps.extend((!text.is_empty()).then_some(ContentBlock::Text(text)));
        record_steps.extend(step.iter().filter(|block| !matches!(block, ContentBlock::Text(_))).cloned());
    }
    for piece in answer {
        log.push(RunEventKind::Token(piece.clone()));
    }
    let outcome = RunOutcome::Completed(reply(answer.concat()));
    log.push(last_event(id, &conversation, outcome.clone()));
    let state = RunState::Ended { outcome, at: Timestamp::now() };
    (log, RunRecord { id, conversation, state, steps: record_steps })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn from_every_position_the_rest_is_the_rest(
        steps in proptest::collection::vec(step(), 0..3),
        answer in proptest::collection::vec("[a-z天氣é🦀]{1,6}", 1..5),
    ) {
        let (log, record) = told(&steps, &answer);
        let live = all(log.follow(None));
        let record = replay(record, 0);
        prop_assert_eq!(joined(&live), joined(&all(record.follow(None))));
        let end = live.last().unwrap().id.position;
        for position in 0..=end + 2 {
            let after = Some(EventId { attempt: 0, position });
            let rest = joined(&all(log.follow(after)));
            // However the text was cut, and wherever: the same is left.
            prop_assert_eq!(&rest, &joined(&all(record.follow(after))), "after {}", position);
            match live.iter().position(|event| event.id.position == position) {
                // At the end of an event: exactly the events after it.
                Some(seen) => prop_assert_eq!(&rest, &joined(&live[seen + 1..])),
                None if position > end => prop_assert_eq!(&rest, &joined(&live[live.len() - 1..])),
                None => prop_assert_eq!(&rest.last().unwrap().1, &live.last().unwrap().kind),
            }
        }
        let other = Some(EventId { attempt: 1, position: 3 });
        prop_assert_eq!(all(log.follow(other)), live);
    }
}

#[test]
fn a_position_inside_a_character_repeats_that_character_and_loses_nothing() {
    let (log, _) = told(&[], &["天氣".into()]);
    let rest = all(log.follow(Some(EventId { attempt: 0, position: 1 + 4 })));
    assert_eq!(rest[0].kind, RunEventKind::Token("氣".into()));
    assert_eq!(rest[0].id.position, 7);
}

#[tokio::test]
async fn readers_come_and_go_while_the_writer_goes_on() {
    let log = EventLog::new(0);
    let (mut one, mut two) = (log.follow(None), log.follow(None));
    assert!(one.next().now_or_never().is_none() && two.next().now_or_never().is_none());
    log.push(RunEventKind::Token("a".into()));
    assert!(one.next().now_or_never().flatten().is_some());
    assert!(one.next().now_or_never().is_none());
    drop(one);
    for _ in 0..200 {
        log.push(RunEventKind::Token("b".into()));
    }
    log.push(RunEventKind::Cancelled);
    log.push(RunEventKind::Token("after the end".into()));
    assert_eq!(two.count().await, 202, "a slow reader finds everything, and nothing follows the end");
    log.closed().await;
    assert_eq!(log.len(), 202);
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn whoever_waits_for_the_end_is_woken_once() {
    for given_up in [false, true] {
        let log = EventLog::new(0);
        let (wakes, waker) = {
            let wakes = Arc::<Wakes>::default();
            (Arc::clone(&wakes), Waker::from(wakes))
        };
        let mut cx = Context::from_waker(&waker);
        let mut end = Box::pin(log.closed());
        assert!(end.as_mut().poll(&mut cx).is_pending());
        for _ in 0..100 {
            log.push(RunEventKind::Token("a".into()));
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
        if given_up {
            log.close()
        } else {
            log.push(RunEventKind::Cancelled)
        }
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert!(end.as_mut().poll(&mut cx).is_ready());
        assert_eq!(log.last().is_some(), !given_up);
    }
}

#[test]
fn the_text_since_the_last_other_event() {
    let log = EventLog::new(0);
    log.push(RunEventKind::Token("before".into()));
    log.push(step_event(&ContentBlock::ToolResult(ToolResult {
        call_id: "1".into(),
        name: "t".into(),
        content: "r".into(),
        is_error: false,
    })));
    assert_eq!(log.spoken(), "");
    log.push(RunEventKind::Token("one ".into()));
    log.push(RunEventKind::Token("two".into()));
    assert_eq!(log.spoken(), "one two");
}
