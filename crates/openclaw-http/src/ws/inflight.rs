//! Messages being answered on one socket.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream, SelectAll},
};
use openclaw_core::{
    RunEventKind,
    port::{AgentPort, RunHandle, Submission, SubmitError},
};
use tokio::time::timeout;

use super::frame::{self, RequestId};
use crate::{Limits, respond::Refusal, submit};

/// A message that passed its checks.
pub(super) struct Ask {
    pub(super) submission: Submission,
    pub(super) streams: bool,
    pub(super) patience: Duration,
    pub(super) request_id: RequestId,
}

/// The frames that answer one message, in order.
type Frames = BoxStream<'static, String>;
type Submitted = (Result<RunHandle, SubmitError>, Expected);

/// What is left of an [`Ask`] when its submission is under way.
struct Expected {
    streams: bool,
    patience: Duration,
    request_id: RequestId,
}

/// What happened to the messages in flight.
pub(super) enum Progress {
    /// A frame for the client.
    Frame(String),
    /// A message was not accepted.
    Refused(Refusal, RequestId),
}

/// At most [`Limits::SOCKET_MESSAGES`] messages. They are submitted one after another, so that the agent sees them in the
/// order they came; answered they are side by side. Dropping this stops no run.
pub(super) struct InFlight {
    agent: Arc<dyn AgentPort>,
    waiting: VecDeque<Ask>,
    submitting: Option<BoxFuture<'static, Submitted>>,
    answering: SelectAll<Frames>,
}

impl InFlight {
    pub(super) fn new(agent: Arc<dyn AgentPort>) -> Self {
        Self { agent, waiting: VecDeque::new(), submitting: None, answering: SelectAll::new() }
    }

    fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.submitting.is_some()) + self.answering.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= Limits::SOCKET_MESSAGES
    }

    pub(super) fn push(&mut self, ask: Ask) {
        self.waiting.push_back(ask);
        self.submit_next();
    }

    fn submit_next(&mut self) {
        if self.submitting.is_some() {
            return;
        }
        let Some(Ask { submission, streams, patience, request_id }) = self.waiting.pop_front() else {
            return;
        };
        let agent = self.agent.clone();
        self.submitting = Some(
            async move { (agent.submit(submission).await, Expected { streams, patience, request_id }) }
                .boxed(),
        );
    }

    /// The next thing that happens; never, when nothing is in flight. Cancel safe.
    pub(super) async fn next(&mut self) -> Progress {
        loop {
            let answering = !self.answering.is_empty();
            tokio::select! {
                submitted = poll_submission(&mut self.submitting) => {
                    self.submitting = None;
                    self.submit_next();
                    let (result, ask) = submitted;
                    match result {
                        Ok(run) => self.answering.push(frames(&self.agent, run, ask)),
                        Err(error) => return Progress::Refused(error.into(), ask.request_id),
                    }
                }
                Some(frame) = self.answering.next(), if answering => return Progress::Frame(frame),
            }
        }
    }

    /// A frame that is there already.
    pub(super) fn ready(&mut self) -> Option<String> {
        self.answering.next().now_or_never().flatten()
    }
}

async fn poll_submission(
    submitting: &mut Option<Pin<Box<dyn Future<Output = Submitted> + Send>>>,
) -> Submitted {
    match submitting {
        Some(submission) => submission.await,
        None => std::future::pending().await,
    }
}

fn frames(agent: &Arc<dyn AgentPort>, run: RunHandle, ask: Expected) -> Frames {
    if ask.streams {
        event_frames(run, ask.request_id)
    } else {
        stream::once(answer_frame(Arc::clone(agent), run, ask)).boxed()
    }
}

async fn answer_frame(agent: Arc<dyn AgentPort>, run: RunHandle, ask: Expected) -> String {
    let RunHandle { id, conversation, events, .. } = run;
    let outcome = match timeout(ask.patience, agent.last_event(id, events)).await {
        Ok(last) => submit::outcome(last.as_deref(), id, &conversation)
            .map(|reply| frame::response(id, &conversation, reply, &ask.request_id)),
        Err(_) => Err(submit::timed_out(id, &conversation, ask.patience)),
    };
    outcome.unwrap_or_else(|failure| frame::error(&failure, &ask.request_id))
}

/// The run's events, each a frame, and after its end the whole answer.
fn event_frames(run: RunHandle, request_id: RequestId) -> Frames {
    let RunHandle { id, conversation, events, .. } = run;
    let state = Some((events, request_id));
    let batches = stream::unfold(state, move |state| {
        let conversation = conversation.clone();
        async move {
            let (mut events, request_id) = state?;
            let Some(event) = events.next().await else {
                let failure = submit::outcome(None, id, &conversation).err()?;
                return Some((vec![frame::error(&failure, &request_id)], None));
            };
            let mut batch = Vec::with_capacity(2);
            match submit::outcome(Some(&event), id, &conversation) {
                Ok(reply) => {
                    batch.push(frame::event(&event.kind, &request_id));
                    batch.push(frame::response(id, &conversation, reply, &request_id));
                }
                Err(failure) if event.kind.is_last() => batch.push(frame::error(&failure, &request_id)),
                Err(_) => batch.push(frame::event(&event.kind, &request_id)),
            }
            let ended = matches!(
                event.kind,
                RunEventKind::End { .. } | RunEventKind::Error(_) | RunEventKind::Cancelled
            );
            Some((batch, (!ended).then_some((events, request_id))))
        }
    });
    batches.flat_map(stream::iter).boxed()
}
