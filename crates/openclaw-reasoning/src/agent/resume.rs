//! What an earlier process left pending.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use openclaw_core::{
    ErrorCode, Failure, NewRun, RunEventKind, RunId, RunOutcome, RunRecord, RunState, Timestamp,
};
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use super::core::{Core, Job, held_bytes};
use crate::runs::step_event;

/// Ends that are written at one time; the log makes one sync of them.
const ENDS_AT_ONCE: usize = 64;

/// Gives every pending run its place, or ends it when running it again could act twice.
pub(super) async fn resume(core: Arc<Core>, tracker: TaskTracker) {
    let pending = match core.memory.pending_runs().await {
        Ok(pending) => pending,
        Err(error) => {
            error!(%error, "pending runs can't be read; they stay as they are");
            core.ready.cancel();
            return;
        }
    };
    let (interrupted, again): (Vec<_>, Vec<_>) = pending
        .into_iter()
        .partition(|(_, record)| matches!(record.state, RunState::Pending { called_tools: true }));
    if !interrupted.is_empty() || !again.is_empty() {
        info!(again = again.len(), interrupted = interrupted.len(), "taking up what was left pending");
    }
    for (new, record) in again {
        tracker.spawn(repeat(Arc::clone(&core), &new, &record));
    }
    // No submission before this: what was accepted earlier goes first.
    core.ready.cancel();
    let end = |(new, _): (NewRun, RunRecord)| {
        let core = &core;
        async move {
            let outcome = RunOutcome::Failed(failure());
            if let Err(error) = core.memory.end_run(new.id, outcome).await {
                error!(run = %new.id, %error, "an interrupted run can't be ended");
            }
        }
    };
    stream::iter(interrupted).map(end).buffer_unordered(ENDS_AT_ONCE).collect::<()>().await;
}

fn failure() -> Failure {
    Failure::new(
        ErrorCode::ServiceUnavailable,
        "The gateway stopped while this message was being worked on, after a skill had been called. It is not \
         repeated, because that could act twice; look at what was done, and send it again if it is needed",
    )
    .with("reason", "interrupted")
}

/// The number of an attempt that begins now: tenths of seconds since the run was accepted, so that one after a further restart
/// has another number without anything being stored. Never 0, which is the first attempt's.
fn attempt(run: RunId, now: Timestamp) -> u32 {
    let tenths = now.duration_since(run.accepted_at()).as_millis() / 100;
    u32::try_from(tenths).unwrap_or(u32::MAX).max(1)
}

/// The run once more. The place is taken now, not when the task is first polled.
fn repeat(core: Arc<Core>, new: &NewRun, record: &RunRecord) -> impl Future<Output = ()> + use<> {
    let bytes = held_bytes(&new.text, &new.metadata);
    let mut place = core.queue.resume(new.id, new.conversation.clone(), bytes);
    place.set_accepted();
    let live = core.registry.insert(new.id, new.conversation.clone(), attempt(new.id, Timestamp::now()));
    live.log.push(RunEventKind::Start { id: new.id, conversation: new.conversation.clone() });
    // Text that got into the record before its end could be written stays there.
    for step in &record.steps {
        live.log.push(step_event(step));
    }
    let job = Job::earlier(new, live, place, true);
    async move { core.carry_out(job).await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_restart_numbers_its_attempt_anew() {
        let run = RunId::generate();
        let after = |ms| Timestamp::from_unix_millis(run.accepted_at().unix_millis() + ms);
        assert_eq!(attempt(run, after(-5000)), 1, "the clock was set back");
        assert_eq!(attempt(run, after(20)), 1);
        assert_eq!(attempt(run, after(1500)), 15);
        assert_eq!(attempt(run, after(61_000)), 610);
        assert_eq!(attempt(run, after(i64::from(u32::MAX) * 200)), u32::MAX);
    }
}
