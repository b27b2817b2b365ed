//! Runs: one turn of the agent on one message.

use serde::{Deserialize, Serialize};

use crate::{ContentBlock, ConversationId, Failure, Metadata, RunId, Timestamp};

/// Tokens of a run, as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens read, cached ones counted in.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
}

impl TokenUsage {
    /// Both together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl std::ops::AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }
}

/// A user's message on its way into the log.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The run; its time is the message's.
    pub id: RunId,
    /// The conversation, which begins to exist with its first message.
    pub conversation: ConversationId,
    /// Channel type the message came over: `api`, `telegram`, ….
    pub channel: String,
    /// The message's text.
    pub text: String,
    /// What came with it.
    pub metadata: Metadata,
    /// The client's idempotency key, if any.
    pub idempotency_key: Option<String>,
}

/// The assistant's final answer to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The text.
    pub content: String,
    /// Names of the skills that were called, each once, in order of first call.
    pub skills_used: Vec<String>,
    /// Tokens of all model calls of the run.
    pub usage: TokenUsage,
    /// Time from accepting the message to the end of the answer, in milliseconds.
    pub latency_ms: u64,
    /// The model that wrote it, as the provider names it.
    pub model: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum RunOutcome {
    /// With an answer.
    Completed(Reply),
    /// With a failure, which the client is told.
    Failed(Failure),
    /// By the client's wish.
    Cancelled,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    /// Accepted, not ended; after a restart `called_tools` decides whether it may run again.
    Pending {
        /// Whether a tool was called, so that running again could act twice.
        called_tools: bool,
    },
    /// Ended.
    Ended {
        /// How.
        outcome: RunOutcome,
        /// When.
        at: Timestamp,
    },
}

/// A run as the log knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Which run.
    pub id: RunId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Where it stands.
    pub state: RunState,
    /// What it said and did before its end, oldest first: tool calls and results, with the text between them. The final
    /// reply is not repeated here.
    pub steps: Vec<ContentBlock>,
}
