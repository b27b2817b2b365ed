//! Port of the agent: submit a message, follow its run.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_core::Stream;
use serde_json::Value;

use crate::{ConversationId, EventId, Failure, Metadata, RunEvent, RunId, RunRecord};

use super::MemoryError;

/// A run's events from some position to its end. Dropping it does not stop the run. Events are shared, not copied.
pub type EventStream = Pin<Box<dyn Stream<Item = Arc<RunEvent>> + Send>>;

/// The agent with its queue of runs.
#[async_trait]
pub trait AgentPort: Send + Sync {
    /// Accepts a message: when this returns `Ok`, the message is durable and its run will be carried out, whether or not
    /// anybody listens. Runs of one conversation happen one after another in the order of these calls.
    ///
    /// Cancel safety: a dropped call has either accepted the message or not.
    async fn submit(&self, submission: Submission) -> Result<RunHandle, SubmitError>;

    /// Where a run stands, from the log. `None`: unknown.
    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError>;

    /// The events of a run after `after`, or from its start; a run that ended is told from the log. `None`: unknown run.
    async fn events(&self, id: RunId, after: Option<EventId>) -> Result<Option<EventStream>, MemoryError>;

    /// Waits for the last event of a run that [`Self::submit`] or [`Self::events`] gave the events of, and that has not been read
    /// to its end; `None` when the process gives the run up before. For whoever wants the answer alone: unlike reading
    /// `events`, this need not wake the waiting task for every token.
    ///
    /// Cancel safety: dropping the future changes nothing for the run.
    async fn last_event(&self, run: RunId, mut events: EventStream) -> Option<Arc<RunEvent>> {
        let _ = run;
        loop {
            let event = poll_fn(|cx| events.as_mut().poll_next(cx)).await?;
            if event.kind.is_last() {
                return Some(event);
            }
        }
    }

    /// Cancels a run. When this returns, the run has ended, and its end is durable.
    /// Returns the state the run had: a run that had ended before is left as it is. `None`: unknown run.
    async fn cancel(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError>;

    /// The calls of a run that wait for a person's word, oldest first; none of a run that is unknown or has ended.
    async fn approvals(&self, id: RunId) -> Vec<Approval>;

    /// Gives a person's word on calls of a run that wait for it; returns the ids of those it was for, none when none waited.
    /// `None`: unknown run.
    async fn approve(&self, id: RunId, decision: Decision) -> Result<Option<Vec<String>>, MemoryError>;

    /// Erases a conversation after cancelling its runs. See [`super::MemoryPort::erase_conversation`].
    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<crate::Erased>, MemoryError>;

    /// Figures for the status page.
    fn stats(&self) -> AgentStats;

    /// Runs to completion what is running, up to `deadline`; accepts nothing more. Runs that do not end in time stay pending in
    /// the log and go on after the next start.
    async fn drain(&self, deadline: Duration);
}

/// A message for the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Channel type.
    pub channel: String,
    /// The text.
    pub text: String,
    /// Where it belongs; `None` opens a new conversation.
    pub conversation: Option<ConversationId>,
    /// What came with it.
    pub metadata: Metadata,
    /// The client's idempotency key, if any.
    pub idempotency_key: Option<String>,
}

/// An accepted run.
pub struct RunHandle {
    /// The run.
    pub id: RunId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Whether this is an earlier run that the idempotency key named.
    pub replayed: bool,
    /// Its events from the start.
    pub events: EventStream,
}

/// A call that waits for a person's word: at most [`crate::limits::APPROVAL_TIME`], then it counts as denied.
#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    /// Which call.
    pub call_id: String,
    /// Which tool.
    pub tool: String,
    /// With which arguments.
    pub arguments: Value,
    /// Why a person is asked, in words for them.
    pub reason: String,
}

/// A person's word on calls that wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The call it is about; `None`: all that wait.
    pub call_id: Option<String>,
    /// Whether the call is made.
    pub approve: bool,
    /// What the model is told of why not; at most [`crate::limits::APPROVAL_REASON_CHARS`].
    pub reason: Option<String>,
}

/// Why a message was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The memory said no.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Too many runs are waiting.
    #[error("{waiting} messages are waiting already; try again in a moment")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The idempotency key was used with another request.
    #[error("this Idempotency-Key was used with a different request (run {0}); use a new key")]
    KeyReused(RunId),
    /// No provider is configured or found: the failure says how to fix it.
    #[error(transparent)]
    NoProvider(Failure),
}

/// Figures of the agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentStats {
    /// Name of the provider that is asked first (`anthropic`, `openai`, `ollama`, `local`); `None` when there is none.
    pub primary_provider: Option<String>,
    /// Its model.
    pub primary_model: Option<String>,
    /// Runs ended with an answer, over the log's lifetime.
    pub total_requests: u64,
    /// Their mean latency, in milliseconds.
    pub avg_latency_ms: u64,
    /// Runs under way or waiting.
    pub active_runs: usize,
}
