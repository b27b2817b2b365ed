//! The provider port: one streaming method. The non-streaming answer is that stream collected.

use std::{pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_core::Stream;
use openclaw_core::{Message, Role, TokenUsage, ToolCall, ToolDefinition};

/// A model's answer as it arrives. Dropping it stops the request (and, for a model inside the process, the computation).
pub type ModelStream = Pin<Box<dyn Stream<Item = Result<ModelEvent, ProviderError>> + Send>>;

/// An adapter to one vendor's API, or to a model inside the process.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What is known of the model this provider serves.
    fn model(&self) -> ModelInfo;

    /// Asks the model. Returns once the vendor has accepted the request (its response headers are there, or the first token
    /// is, whichever the adapter can tell); errors before that are the ones a caller may retry or fail over from.
    ///
    /// Cancel safety: dropping the future abandons the request.
    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError>;
}

/// What is known of a model before it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// The vendor's name of it.
    pub name: String,
    /// Its context window, in tokens.
    pub context_window: u32,
    /// Most tokens of one answer.
    pub max_tokens: u32,
    /// Whether it sees images.
    pub vision: bool,
    /// Whether it calls tools.
    pub tools: bool,
}

/// What a model is asked.
#[derive(Debug, Clone, Default)]
pub struct ModelRequest {
    /// Instructions, the head of the prompt.
    pub system: String,
    /// The conversation, oldest first; the last message is the user's or a tool's.
    pub messages: Vec<Arc<Message>>,
    /// What the memory holds that may matter now, fenced as data. It stands right before the user's last message: what comes
    /// before that is the same from turn to turn, and vendors keep it ready.
    pub recalled: Option<String>,
    /// Tools the model may call.
    pub tools: Vec<ToolDefinition>,
    /// Most tokens of the answer; `None` leaves it to the provider's configuration.
    pub max_tokens: Option<u32>,
}

impl ModelRequest {
    /// Where the messages of the present run begin: at the user's last one.
    #[must_use]
    pub fn present(&self) -> Option<usize> {
        self.messages.iter().rposition(|message| message.role == Role::User)
    }

    /// Most tokens of the answer at `model`: what is asked for, but never more than the model is configured for.
    #[must_use]
    pub fn answer_tokens(&self, model: &ModelInfo) -> u32 {
        self.max_tokens.map_or(model.max_tokens, |wanted| wanted.min(model.max_tokens))
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEvent {
    /// Text, exactly as the vendor cut it.
    Text(String),
    /// A call, once all its arguments are there.
    ToolCall(ToolCall),
    /// The vendor's token counts so far; later ones replace earlier ones.
    Usage(TokenUsage),
    /// The answer is whole. A stream that ends without this was cut.
    Done(StopReason),
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It had said everything.
    EndTurn,
    /// It waits for tool results.
    ToolUse,
    /// The bound on the answer was reached.
    MaxTokens,
    /// The vendor's safety rules stopped it.
    Refused,
}

/// Why a provider could not answer. No variant carries a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// The vendor answered with an error status.
    #[error("HTTP {status}: {message}")]
    Status {
        /// The status.
        status: u16,
        /// The vendor's words, shortened, secrets removed.
        message: String,
        /// How long the vendor asks to wait.
        retry_after: Option<Duration>,
    },
    /// No connection, or it broke before the first byte.
    #[error("can't reach {url}: {message}")]
    Unreachable {
        /// Scheme, host and port.
        url: String,
        /// Why.
        message: String,
    },
    /// Nothing came in time.
    #[error("no answer within {} ms", after.as_millis())]
    TimedOut {
        /// The bound.
        after: Duration,
    },
    /// The stream broke after it had begun.
    #[error("the answer was cut off: {message}")]
    Cut {
        /// How.
        message: String,
    },
    /// The vendor's bytes make no sense.
    #[error("the answer can't be read: {message}")]
    Malformed {
        /// What is wrong with them.
        message: String,
    },
    /// The provider can't be used as it is configured (no key, no model file, …).
    #[error("{message}")]
    Misconfigured {
        /// What is missing and what to do.
        message: String,
    },
}

impl ProviderError {
    /// Whether asking the same provider again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 409 | 425 | 429 | 500..=599),
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Cut { .. } | Self::Malformed { .. } | Self::Misconfigured { .. } => false,
        }
    }
}
