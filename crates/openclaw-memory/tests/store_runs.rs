//! Runs, idempotency keys, and what survives a restart.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    ErrorCode, Failure, Role, RunId, RunOutcome, RunState,
    port::{Accepted, MemoryError, MemoryPort},
};
use support::*;

#[tokio::test]
async fn a_run_lives_from_accepted_to_ended_and_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, report) = open(dir.path());
    assert!(!report.rebuilt && report.replayed == 0);
    let id = RunId::generate();
    let run = new_run(id, Some("conv_abc123"), "how is the weather");
    assert_eq!(memory.accept_run(run.clone()).await.unwrap(), Accepted::New);
    let pending = memory.pending_runs().await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].0, run);
    assert_eq!(pending[0].1.state, RunState::Pending { called_tools: false });

    let steps = vec![openclaw_core::ContentBlock::Text("let me see".into()), call("1")];
    memory.append_steps(id, steps.clone()).await.unwrap();
    memory.append_steps(id, vec![result("1", "sunny")]).await.unwrap();
    drop(memory);

    // Not closed: everything comes from the log.
    let (memory, report) = open(dir.path());
    assert_eq!((report.replayed, report.pending_runs), (3, 1));
    let record = memory.run(id).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Pending { called_tools: true });
    assert_eq!(record.steps, [steps, vec![result("1", "sunny")]].concat());
    memory.end_run(id, reply("It is sunny.")).await.unwrap();
    // The first end stays.
    memory.end_run(id, RunOutcome::Cancelled).await.unwrap();
    assert!(matches!(memory.append_steps(id, vec![call("2")]).await, Err(MemoryError::UnknownRun(_))));
    assert_eq!(memory.totals(), (1, 100));
    memory.close().await;
    drop(memory);

    let (memory, report) = open(dir.path());
    assert_eq!((report.replayed, report.pending_runs, report.rebuilt), (0, 0, false));
    let record = memory.run(id).await.unwrap().unwrap();
    assert!(matches!(&record.state, RunState::Ended { outcome, .. } if *outcome == reply("It is sunny.")));
    assert_eq!(memory.totals(), (1, 100));
    let view = memory.conversation(&conv("conv_abc123"), Default::default()).await.unwrap().unwrap();
    let said: Vec<_> =
        view.messages.iter().map(|message| (message.role, message.id.as_str().to_owned())).collect();
    assert_eq!(
        said,
        [
            (Role::User, id.user_message_id().to_string()),
            (Role::Assistant, id.step_message_id(0).to_string()),
            (Role::Tool, id.step_message_id(1).to_string()),
            (Role::Assistant, id.reply_id().to_string()),
        ]
    );
    assert_eq!(view.summary.message_count, 4);
    assert_eq!(view.summary.summary, "how is the weather");
}

#[tokio::test]
async fn failed_and_cancelled_runs_keep_the_question() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let failure = Failure::new(ErrorCode::ServiceUnavailable, "nobody answers").with("reason", "x");
    for (text, outcome) in [("one", RunOutcome::Failed(failure)), ("two", RunOutcome::Cancelled)] {
        let id = RunId::generate();
        memory.accept_run(new_run(id, Some("c"), text)).await.unwrap();
        memory.end_run(id, outcome.clone()).await.unwrap();
        let record = memory.run(id).await.unwrap().unwrap();
        assert!(matches!(record.state, RunState::Ended { outcome: found, .. } if found == outcome));
    }
    assert_eq!(texts(&memory, "c").await, ["one", "two"]);
    assert_eq!(memory.totals(), (0, 0));
    let unknown = RunId::generate();
    assert_eq!(memory.run(unknown).await.unwrap(), None);
    assert!(matches!(memory.end_run(unknown, RunOutcome::Cancelled).await, Err(MemoryError::UnknownRun(_))));
}

#[tokio::test]
async fn a_key_names_one_run_for_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let keyed = |id: RunId, text: &str| {
        let mut run = new_run(id, None, text);
        run.idempotency_key = Some("key-1".into());
        run
    };
    let start = 1_774_000_000_000;
    let first = run_at(start);
    assert_eq!(memory.accept_run(keyed(first, "hello")).await.unwrap(), Accepted::New);
    let later = || run_at(start + 1000);
    assert_eq!(memory.accept_run(keyed(later(), "hello")).await.unwrap(), Accepted::Duplicate(first));
    assert_eq!(memory.accept_run(keyed(later(), "other")).await.unwrap(), Accepted::Conflict(first));
    memory.close().await;
    drop(memory);

    let (memory, _) = open(dir.path());
    let almost = run_at(start + 24 * 3600 * 1000 - 1);
    assert_eq!(memory.accept_run(keyed(almost, "hello")).await.unwrap(), Accepted::Duplicate(first));
    let next_day = run_at(start + 24 * 3600 * 1000);
    assert_eq!(memory.accept_run(keyed(next_day, "other")).await.unwrap(), Accepted::New);
    let after = run_at(start + 25 * 3600 * 1000);
    assert_eq!(memory.accept_run(keyed(after, "other")).await.unwrap(), Accepted::Duplicate(next_day));
    // Erasing the run frees its key.
    memory.erase_conversation(&next_day.new_conversation_id()).await.unwrap().unwrap();
    let again = run_at(start + 26 * 3600 * 1000);
    assert_eq!(memory.accept_run(keyed(again, "new")).await.unwrap(), Accepted::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_runs_with_one_key_exactly_one_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    for round in 0..20 {
        let submit = |_| {
            let mut run = new_run(RunId::generate(), None, "hello");
            run.idempotency_key = Some(format!("key-{round}"));
            let id = run.id;
            let memory = &memory;
            async move { (id, memory.accept_run(run).await.unwrap()) }
        };
        let outcomes = futures_util::future::join_all((0..8).map(submit)).await;
        let new: Vec<_> = outcomes.iter().filter(|(_, accepted)| *accepted == Accepted::New).collect();
        assert_eq!(new.len(), 1, "{outcomes:?}");
        let winner = new[0].0;
        let others = outcomes.iter().filter(|(id, _)| *id != winner);
        for (_, accepted) in others {
            assert_eq!(*accepted, Accepted::Duplicate(winner));
        }
    }
    assert_eq!(memory.pending_runs().await.unwrap().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_ends_exactly_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let id = RunId::generate();
    memory.accept_run(new_run(id, Some("c"), "q")).await.unwrap();
    let ends = (0..8).map(|n| memory.end_run(id, reply(&format!("answer {n}"))));
    for end in futures_util::future::join_all(ends).await {
        end.unwrap();
    }
    assert_eq!(texts(&memory, "c").await.len(), 2);
    assert_eq!(memory.totals().0, 1);
}

#[tokio::test]
async fn a_second_owner_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_memory, _) = open(dir.path());
    let error = openclaw_memory::Memory::open(dir.path(), &Default::default()).err().unwrap();
    let text = error.to_string();
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}
