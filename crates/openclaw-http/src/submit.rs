//! From a client's message to a run, and from the run's events to its answer. REST and WebSocket share it.

use std::time::Duration;

use hyper::{header, http::HeaderValue};
use openclaw_core::{
    ConversationId, ErrorCode, Failure, Reply, RunEvent, RunEventKind, RunId,
    config::CHANNEL_TYPES,
    limits,
    port::{Submission, SubmitError},
};

use crate::{
    respond::Refusal,
    wire::{
        event::CANCELLED,
        message::poll_url,
        metadata::{self, MetadataIn},
    },
};

/// A message as it came, before it is checked.
pub(crate) struct Incoming {
    pub(crate) channel: Option<String>,
    /// What the text's field is called here.
    pub(crate) text_field: &'static str,
    pub(crate) text: Option<String>,
    pub(crate) conversation_id: Option<String>,
    pub(crate) metadata: Option<MetadataIn>,
    pub(crate) idempotency_key: Option<String>,
}

impl Incoming {
    /// The message as the agent takes it.
    pub(crate) fn check(self) -> Result<Submission, Failure> {
        let channel = self.channel.ok_or_else(|| Failure::bad_field("channel", "is required"))?;
        if !CHANNEL_TYPES.contains(&channel.as_str()) {
            let reason = format!("must be one of {}", CHANNEL_TYPES.join(", "));
            return Err(Failure::bad_field("channel", reason));
        }
        let text = self.text.ok_or_else(|| Failure::bad_field(self.text_field, "is required"))?;
        if text.trim().is_empty() {
            return Err(Failure::bad_field(self.text_field, "must not be empty"));
        }
        if text.len() > limits::MESSAGE_BYTES {
            let reason =
                format!("must be at most {} bytes of UTF-8, not {}", limits::MESSAGE_BYTES, text.len());
            return Err(Failure::bad_field(self.text_field, reason));
        }
        let conversation = self.conversation_id.map(|id| conversation_id(&id)).transpose()?;
        let metadata = self.metadata.unwrap_or_default().0;
        metadata::check(&metadata)?;
        Ok(Submission { channel, text, conversation, metadata, idempotency_key: self.idempotency_key })
    }
}

fn conversation_id(text: &str) -> Result<ConversationId, Failure> {
    let rule = "must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -";
    text.parse().map_err(|_| Failure::bad_field("conversation_id", rule))
}

/// A key that makes a request repeatable, wherever it came.
pub(crate) fn idempotency_key(field: &str, text: &str) -> Result<String, Failure> {
    let most = limits::IDEMPOTENCY_KEY_CHARS;
    if (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(Failure::bad_field(field, format!("must be 1 to {most} printable ASCII characters without spaces")))
}

/// How long the client will wait.
pub(crate) fn timeout(given: Option<u64>) -> Result<Duration, Failure> {
    let (least, unsaid, most) = limits::TIMEOUT_MS;
    let millis = given.unwrap_or(unsaid);
    if (least..=most).contains(&millis) {
        return Ok(Duration::from_millis(millis));
    }
    Err(Failure::bad_field("timeout_ms", format!("must be a whole number between {least} and {most}")))
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Memory(error) => error.into(),
            SubmitError::Overloaded { waiting } => {
                let failure = Failure::new(ErrorCode::ServiceUnavailable, error.to_string());
                Self::from(failure.with("reason", "overloaded").with("waiting", waiting))
                    .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
            SubmitError::KeyReused(run) => {
                let failure = Failure::new(ErrorCode::Conflict, error.to_string());
                failure.with("field", "Idempotency-Key").with("id", run.to_string()).into()
            }
            SubmitError::NoProvider(failure) => failure.into(),
        }
    }
}

/// The reply of a run that ended, or what the client is told instead.
pub(crate) fn outcome<'e>(
    last: Option<&'e RunEvent>,
    run: RunId,
    conversation: &ConversationId,
) -> Result<&'e Reply, Failure> {
    let located =
        |failure: Failure| failure.with("id", run.to_string()).with("conversation_id", conversation.as_str());
    match last.map(|event| &event.kind) {
        Some(RunEventKind::End { reply, .. }) => Ok(reply),
        Some(RunEventKind::Error(failure)) => Err(located(failure.clone())),
        Some(RunEventKind::Cancelled) => Err(located(cancelled())),
        _ => Err(located(shutting_down(run))),
    }
}

/// The gateway leaves before the run ends.
pub(crate) fn shutting_down(run: RunId) -> Failure {
    let message = "The gateway is shutting down; the message is kept and answered after its next start";
    let failure = Failure::new(ErrorCode::ServiceUnavailable, message);
    failure.with("id", run.to_string()).with("poll_url", poll_url(run))
}

/// Cancelled runs are a conflict: the client asked for an answer and for none.
pub(crate) fn cancelled() -> Failure {
    Failure::new(ErrorCode::Conflict, CANCELLED).with("reason", "cancelled")
}

/// The client's patience ended; the run goes on.
pub(crate) fn timed_out(run: RunId, conversation: &ConversationId, patience: Duration) -> Failure {
    let message = format!(
        "No answer within {} ms; the run goes on and can be asked after at `poll_url`",
        patience.as_millis()
    );
    Failure::new(ErrorCode::Timeout, message)
        .with("id", run.to_string())
        .with("conversation_id", conversation.as_str())
        .with("poll_url", poll_url(run))
}
