//! The agent: takes messages in, carries their runs out, tells their events.

mod core;
mod resume;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use openclaw_core::{
    ConversationId, Erased, EventId, Failure, NewRun, RunEvent, RunId, RunOutcome, RunRecord, RunState,
    port::{
        Accepted, AgentPort, AgentStats, Approval, CurationPort, Decision, EventStream, MemoryError,
        MemoryPort, RunHandle, Submission, SubmitError, ToolPort,
    },
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use self::core::{Core, Job};
use crate::{
    RouteError, Router,
    runs::{Refused, limits, replay},
};

/// Makes the head of every system prompt; asked anew for every run, so it must be quick (a cached text).
pub type Persona = Arc<dyn Fn() -> String + Send + Sync>;

/// Knobs of an [`Agent`].
#[derive(Clone)]
pub struct AgentOptions {
    /// Most model calls of one run. A model that still asks for tools in the last one fails the run. Default 8, at least 1.
    pub max_steps: usize,
    /// Who looks after the memory. With it the model can remember and forget, beside looking things up. Default: nobody.
    pub curation: Option<Arc<dyn CurationPort>>,
}

impl Default for AgentOptions {
    fn default() -> Self {
        Self { max_steps: 8, curation: None }
    }
}

impl fmt::Debug for AgentOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentOptions")
            .field("max_steps", &self.max_steps)
            .field("curation", &self.curation.is_some())
            .finish()
    }
}

/// The agent behind [`AgentPort`]. Runs of one conversation happen one after another, in the order of the
/// [`AgentPort::submit`] calls; different conversations run in parallel. Every task it starts ends with [`AgentPort::drain`].
///
/// Bounds: 256 runs under way, 1024 waiting (64 in one conversation), 256 MiB of messages held. An answer is at most 1 MiB of
/// text; a run takes at most an hour, and waits at most ten minutes for a person to allow a call.
pub struct Agent {
    core: Arc<Core>,
    tracker: TaskTracker,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("active_runs", &self.core.queue.active()).finish_non_exhaustive()
    }
}

impl Agent {
    /// Starts an agent and takes up the runs that an earlier process left pending: one that had called no tool runs again,
    /// any other ends as failed with `details.reason` `interrupted`. Messages submitted meanwhile wait until those
    /// have their places (the order among calls that wait for that at one time is not fixed). Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(
        options: AgentOptions,
        memory: Arc<dyn MemoryPort>,
        tools: Arc<dyn ToolPort>,
        router: watch::Receiver<Arc<Router>>,
        persona: Persona,
    ) -> Arc<Self> {
        let core = Arc::new(Core::new(options, memory, tools, router, persona));
        let tracker = TaskTracker::new();
        tracker.spawn(resume::resume(Arc::clone(&core), tracker.clone()));
        tracker.spawn(core::expire(Arc::clone(&core)));
        Arc::new(Self { core, tracker })
    }

    /// The events of a run that ended, or that nothing works on, told from its record.
    fn retell(&self, record: RunRecord, after: Option<EventId>) -> EventStream {
        let attempt = self.core.registry.attempt(record.id);
        replay(record, attempt).follow(after)
    }

    /// Nothing can be taken in, but what a key names has been, and may have its answer.
    async fn without_provider(&self, submission: Submission) -> Result<RunHandle, SubmitError> {
        if submission.idempotency_key.is_some() {
            self.core.ready.cancelled().await;
            let id = RunId::generate();
            let asked = NewRun {
                id,
                conversation: submission.conversation.unwrap_or_else(|| id.new_conversation_id()),
                channel: submission.channel,
                text: submission.text,
                metadata: submission.metadata,
                idempotency_key: submission.idempotency_key,
            };
            match self.core.memory.find_key(&asked).await? {
                Some(Accepted::Duplicate(earlier)) => return self.replayed(earlier).await,
                Some(Accepted::Conflict(earlier)) => return Err(SubmitError::KeyReused(earlier)),
                Some(Accepted::New) | None => {}
            }
        }
        Err(SubmitError::NoProvider(Failure::from(&RouteError::NoProvider)))
    }

    /// What a run is called that this process accepted earlier, or that an earlier one did.
    async fn replayed(&self, id: RunId) -> Result<RunHandle, SubmitError> {
        if let Some(live) = self.core.registry.get(id) {
            let conversation = live.conversation.clone();
            return Ok(RunHandle { id, conversation, replayed: true, events: live.log.follow(None) });
        }
        let record = self.core.memory.run(id).await?.ok_or(MemoryError::UnknownRun(id))?;
        let conversation = record.conversation.clone();
        Ok(RunHandle { id, conversation, replayed: true, events: self.retell(record, None) })
    }
}

#[async_trait]
impl AgentPort for Agent {
    async fn submit(&self, submission: Submission) -> Result<RunHandle, SubmitError> {
        if self.core.router.borrow().is_empty() {
            return self.without_provider(submission).await;
        }
        self.core.ready.cancelled().await;
        let begun = Instant::now();
        let has_history = submission.conversation.is_some();
        let place = match self
            .core
            .queue
            .submit(submission.conversation, core::held_bytes(&submission.text, &submission.metadata))
        {
            Ok(place) => place,
            Err(Refused::Closed) => return Err(MemoryError::Closed.into()),
            Err(Refused::Full(waiting)) => return Err(SubmitError::Overloaded { waiting }),
        };
        let (id, conversation) = (place.run, place.conversation.clone());
        let live = self.core.registry.insert(id, conversation.clone(), 0);
        let events = live.log.follow(None);
        let new = NewRun {
            id,
            conversation: conversation.clone(),
            channel: submission.channel,
            text: submission.text,
            metadata: submission.metadata,
            idempotency_key: submission.idempotency_key,
        };
        // The task owns the work: from here on it makes no difference whether anybody waits for it.
        let (accepted_tx, accepted) = oneshot::channel();
        let job = Job::new(&new, live, place, begun, has_history);
        self.tracker.spawn(Arc::clone(&self.core).accept(new, job, accepted_tx));
        match accepted.await {
            Ok(Ok(Accepted::New)) => Ok(RunHandle { id, conversation, replayed: false, events }),
            Ok(Ok(Accepted::Duplicate(earlier))) => self.replayed(earlier).await,
            Ok(Ok(Accepted::Conflict(earlier))) => Err(SubmitError::KeyReused(earlier)),
            Ok(Err(error)) => Err(error.into()),
            // The runtime is going down.
            Err(_) => Err(MemoryError::Closed.into()),
        }
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.core.memory.run(id).await
    }

    async fn events(&self, id: RunId, after: Option<EventId>) -> Result<Option<EventStream>, MemoryError> {
        self.core.ready.cancelled().await;
        if let Some(live) = self.core.registry.get(id) {
            return Ok(Some(live.log.follow(after)));
        }
        Ok(self.core.memory.run(id).await?.map(|record| self.retell(record, after)))
    }

    async fn last_event(&self, run: RunId, mut events: EventStream) -> Option<Arc<RunEvent>> {
        // No `ready` here: whoever has the events of a live run finds that run.
        if let Some(live) = self.core.registry.get(run) {
            drop(events);
            live.log.closed().await;
            return live.log.last();
        }
        // Told from its record: everything is there already.
        loop {
            let event = events.next().await?;
            if event.kind.is_last() {
                return Some(event);
            }
        }
    }

    async fn cancel(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.core.ready.cancelled().await;
        let record = self.core.memory.run(id).await?;
        let is_pending = |record: &RunRecord| matches!(record.state, RunState::Pending { .. });
        let Some(before) = record.clone().filter(is_pending) else { return Ok(record) };
        match self.core.registry.get(id) {
            Some(live) => {
                live.cancel.cancel();
                live.log.closed().await;
            }
            // Its end could not be written when it came; perhaps it can now.
            None => self.core.memory.end_run(id, RunOutcome::Cancelled).await?,
        }
        match self.core.memory.run(id).await? {
            Some(RunRecord { state: RunState::Ended { outcome: RunOutcome::Cancelled, .. }, .. }) => {
                Ok(Some(before))
            }
            // Its end could not be written: try once more, and say why not.
            Some(RunRecord { state: RunState::Pending { .. }, .. }) => {
                self.core.memory.end_run(id, RunOutcome::Cancelled).await?;
                Ok(Some(before))
            }
            other => Ok(other),
        }
    }

    async fn approvals(&self, id: RunId) -> Vec<Approval> {
        self.core.registry.get(id).map(|live| live.approvals.waiting()).unwrap_or_default()
    }

    async fn approve(&self, id: RunId, decision: Decision) -> Result<Option<Vec<String>>, MemoryError> {
        self.core.ready.cancelled().await;
        match self.core.registry.get(id) {
            Some(live) => Ok(Some(live.approvals.decide(&decision))),
            None => Ok(self.core.memory.run(id).await?.map(|_| Vec::new())),
        }
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        self.core.ready.cancelled().await;
        let (erased_tx, erased) = oneshot::channel();
        // The place is taken now: what is submitted after this call comes after it.
        let place = self.core.queue.after_all(id.clone());
        let core = Arc::clone(&self.core);
        // A task, so that a caller who goes away does not leave a gap in the conversation's order.
        self.tracker.spawn(async move {
            // Nobody may be waiting any more.
            let _ = erased_tx.send(core.erase(place).await);
        });
        erased.await.unwrap_or(Err(MemoryError::Closed))
    }

    fn stats(&self) -> AgentStats {
        let (total_requests, latency) = self.core.memory.totals();
        let primary = self.core.router.borrow().primary();
        AgentStats {
            primary_provider: primary.as_ref().map(|(kind, _)| (*kind).to_owned()),
            primary_model: primary.map(|(_, model)| model.name),
            total_requests,
            avg_latency_ms: latency.checked_div(total_requests).unwrap_or(0),
            active_runs: self.core.queue.active(),
        }
    }

    async fn drain(&self, deadline: Duration) {
        self.core.queue.close();
        self.core.closing.cancel();
        self.tracker.close();
        info!(active = self.core.queue.active(), "no more messages are taken in; runs under way may end");
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok() {
            return;
        }
        warn!(
            active = self.core.queue.active(),
            "some runs did not end in time; they go on after the next start"
        );
        self.core.abandon();
        if tokio::time::timeout(limits::STOP_TIME, self.tracker.wait()).await.is_err() {
            error!(active = self.core.queue.active(), "some runs could not be stopped");
        }
    }
}
