//! The turn: context, model, tools, and again, until there is an answer.

mod answer;
mod failure;
mod prepare;
mod step;
mod streaks;
mod tools;

use std::sync::Arc;

use openclaw_core::{
    ContentBlock, Failure, Message, Metadata, Reply, Role, RunId, RunOutcome, Timestamp, TokenUsage,
    ToolCall, ToolResult,
    port::{MemoryPort, ToolPort},
};
use tokio::time::Instant;
use tracing::debug;

use self::streaks::Streaks;
use crate::{ModelRequest, Router, StopReason, memory_tools::MemoryTools, runs::Live};

/// What a turn works with.
pub(crate) struct Equipment<'a> {
    pub(crate) memory: &'a dyn MemoryPort,
    /// All tools, those of the memory among them.
    pub(crate) tools: &'a dyn ToolPort,
    pub(crate) memory_tools: &'a MemoryTools,
    pub(crate) router: &'a Router,
    pub(crate) max_steps: usize,
}

/// What a turn is about.
pub(crate) struct Task {
    pub(crate) run: RunId,
    pub(crate) conversation: openclaw_core::ConversationId,
    pub(crate) channel: String,
    pub(crate) message: Arc<Message>,
    /// Whether the conversation may have earlier messages.
    pub(crate) has_history: bool,
    pub(crate) persona: String,
}

/// One turn under way.
pub(crate) struct Turn<'a> {
    with: Equipment<'a>,
    live: &'a Live,
    deadline: Instant,
    /// Text of the present step: told already, not yet in the record.
    text: String,
    /// Intermediate messages of this run so far, for their ids.
    messages: usize,
    usage: TokenUsage,
    skills_used: Vec<String>,
    streaks: Streaks,
}

/// Why a turn stops without an answer.
#[derive(Debug)]
enum Stop {
    Cancelled,
    Failed(Failure),
}

/// How a turn ended; what it took is added by the caller.
pub(crate) struct Finish {
    pub(crate) outcome: RunOutcome,
    /// Text that was told but is neither in the record's steps nor in a reply.
    pub(crate) rest: Option<String>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(with: Equipment<'a>, live: &'a Live, deadline: Instant) -> Self {
        Self {
            with,
            live,
            deadline,
            text: String::new(),
            messages: 0,
            usage: TokenUsage::default(),
            skills_used: Vec::new(),
            streaks: Streaks::default(),
        }
    }

    /// Carries the turn out. The reply's latency is left at 0.
    pub(crate) async fn carry_out(mut self, task: Task) -> Finish {
        let outcome = match self.steps(&task).await {
            Ok(reply) => RunOutcome::Completed(reply),
            Err(Stop::Cancelled) => RunOutcome::Cancelled,
            Err(Stop::Failed(failure)) => RunOutcome::Failed(failure),
        };
        Finish { outcome, rest: (!self.text.is_empty()).then_some(self.text) }
    }

    async fn steps(&mut self, task: &Task) -> Result<Reply, Stop> {
        let mut request = self.first_request(task).await?;
        for step in 1..=self.with.max_steps {
            let answer = self.ask(&request).await?;
            if answer.calls.is_empty() {
                return self.reply(answer.stop, answer.model);
            }
            if step == self.with.max_steps {
                break;
            }
            debug!(run = %task.run, step, calls = answer.calls.len(), "the model calls tools");
            let results = self.call_all(task, &answer.calls, &request.tools).await?;
            self.extend(&mut request, task, answer.spoken, answer.calls, results);
        }
        Err(Stop::Failed(failure::too_many_steps(self.with.max_steps)))
    }

    /// The final answer, out of the text of the last step.
    fn reply(&mut self, stop: StopReason, model: String) -> Result<Reply, Stop> {
        if self.text.trim().is_empty() {
            return Err(Stop::Failed(match stop {
                StopReason::Refused => failure::refused(&model),
                _ => failure::empty(&model),
            }));
        }
        Ok(Reply {
            content: std::mem::take(&mut self.text),
            skills_used: std::mem::take(&mut self.skills_used),
            usage: self.usage,
            latency_ms: 0,
            model,
        })
    }

    async fn append(&self, run: RunId, steps: Vec<ContentBlock>) -> Result<(), Stop> {
        self.with.memory.append_steps(run, steps).await.map_err(|error| {
            tracing::error!(%run, %error, "a step can't be stored");
            Stop::Failed((&error).into())
        })
    }

    /// The request of the next step: what the model said, and what came of it.
    fn extend(
        &mut self,
        request: &mut ModelRequest,
        task: &Task,
        spoken: Option<String>,
        calls: Vec<ToolCall>,
        results: Vec<ToolResult>,
    ) {
        let said =
            spoken.map(ContentBlock::Text).into_iter().chain(calls.into_iter().map(ContentBlock::ToolCall));
        for (role, content) in [
            (Role::Assistant, said.collect()),
            (Role::Tool, results.into_iter().map(ContentBlock::ToolResult).collect()),
        ] {
            request.messages.push(Arc::new(Message {
                id: task.run.step_message_id(self.messages),
                role,
                content,
                timestamp: Timestamp::now(),
                metadata: Metadata::default(),
            }));
            self.messages += 1;
        }
    }

    /// Waits for something that may be dropped half-way, unless the run is cancelled or takes too long.
    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let cancellable = self.live.cancel.run_until_cancelled(work);
        match tokio::time::timeout_at(self.deadline, cancellable).await {
            Ok(Some(done)) => Ok(done),
            Ok(None) => Err(Stop::Cancelled),
            Err(_) => Err(Stop::Failed(failure::overdue())),
        }
    }
}
