//! `POST /message` and what is told about a run afterwards.

use openclaw_core::{
    ConversationId, MessageId, Reply, Role, RunId, RunOutcome, RunRecord, RunState, TokenUsage,
    port::Approval, skill_of,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::metadata::MetadataIn;
use crate::respond::ErrorBody;

/// A message for the agent.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "MessageRequest"))]
pub(crate) struct MessageRequest {
    /// Where the message comes from: `api`, `internal`, `telegram`, ….
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::channel_type"))]
    pub(crate) channel: Option<String>,
    /// The text, at most 256 KiB.
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::message_text"))]
    pub(crate) message: Option<String>,
    /// Where it belongs; absent: a new conversation; unknown: created under this id.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::conversation_id"))]
    pub(crate) conversation_id: Option<String>,
    /// Who sent it, and files. Further fields are kept with the message.
    pub(crate) metadata: Option<MetadataIn>,
    /// Whether to answer when the reply is complete (the default) or at once with 202.
    pub(crate) wait_for_response: Option<bool>,
    /// Most time to wait for the reply, in milliseconds; the run goes on after it. Default 30000.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 600_000)))]
    pub(crate) timeout_ms: Option<u64>,
}

/// The agent's complete answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "MessageResponse"))]
pub(crate) struct MessageResponse<'a> {
    /// The reply's id, `msg_resp_` and a ULID.
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: MessageId,
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) conversation_id: &'a ConversationId,
    pub(crate) role: Role,
    pub(crate) content: &'a str,
    /// Skills that were called, each once, in order of first call.
    pub(crate) skills_used: &'a [String],
    pub(crate) tokens: Tokens,
    pub(crate) latency_ms: u64,
    pub(crate) model: &'a str,
}

/// Tokens as the provider counted them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Tokens {
    input: u64,
    output: u64,
    total: u64,
}

impl From<TokenUsage> for Tokens {
    fn from(usage: TokenUsage) -> Self {
        Self { input: usage.input, output: usage.output, total: usage.total() }
    }
}

impl<'a> MessageResponse<'a> {
    pub(crate) fn new(run: RunId, conversation: &'a ConversationId, reply: &'a Reply) -> Self {
        Self {
            id: run.reply_id(),
            conversation_id: conversation,
            role: Role::Assistant,
            content: &reply.content,
            skills_used: &reply.skills_used,
            tokens: reply.usage.into(),
            latency_ms: reply.latency_ms,
            model: &reply.model,
        }
    }
}

/// Where a run is asked after.
pub(crate) fn poll_url(run: RunId) -> String {
    format!("/api/v1/message/{run}/status")
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) enum RunStatus {
    Processing,
    // A person has to allow what it wants to do.
    AwaitingApproval,
    Completed,
    Failed,
    Cancelled,
}

impl RunStatus {
    /// Where the run stands; `is_asking`: whether a call of it waits for a person's word.
    pub(crate) fn of(record: &RunRecord, is_asking: bool) -> Self {
        match &record.state {
            RunState::Pending { .. } if is_asking => Self::AwaitingApproval,
            RunState::Pending { .. } => Self::Processing,
            RunState::Ended { outcome: RunOutcome::Completed(_), .. } => Self::Completed,
            RunState::Ended { outcome: RunOutcome::Failed(_), .. } => Self::Failed,
            RunState::Ended { outcome: RunOutcome::Cancelled, .. } => Self::Cancelled,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run that was accepted and is not waited for.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct PendingMessage<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: RunId,
    pub(crate) status: RunStatus,
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) conversation_id: &'a ConversationId,
    pub(crate) poll_url: String,
}

/// Where a run stands, with its answer or its failure.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct MessageStatus<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: RunId,
    pub(crate) status: RunStatus,
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) conversation_id: &'a ConversationId,
    pub(crate) poll_url: String,
    /// What a person is asked, when awaiting approval.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) approvals: Vec<ApprovalItem<'a>>,
    /// The synchronous answer, when completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response: Option<MessageResponse<'a>>,
    /// The error, when failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ErrorBody<'a>>,
}

/// A call that waits for a person's word.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ApprovalItem<'a> {
    call_id: &'a str,
    skill: &'a str,
    /// The skill's tool: the same, or `skill.tool`.
    tool: &'a str,
    arguments: &'a Value,
    /// Why a person is asked.
    reason: &'a str,
}

impl<'a> From<&'a Approval> for ApprovalItem<'a> {
    fn from(approval: &'a Approval) -> Self {
        let Approval { call_id, tool, arguments, reason } = approval;
        Self { call_id, skill: skill_of(tool), tool, arguments, reason }
    }
}

/// A person's word. No body is an empty object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ApproveRequest {
    /// Whether the call is made. Default true.
    pub(crate) approve: Option<bool>,
    /// Which call; absent: all that wait.
    pub(crate) call_id: Option<String>,
    /// What the model is told of why not, at most 1000 characters.
    #[cfg_attr(feature = "openapi", schemars(length(max = 1000)))]
    pub(crate) reason: Option<String>,
}

/// A person's word was passed on.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Approved {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: RunId,
    /// `awaiting_approval` while further calls wait.
    pub(crate) status: RunStatus,
    /// Calls that are made.
    pub(crate) approved: Vec<String>,
    /// Calls that are not.
    pub(crate) denied: Vec<String>,
}

/// A run was cancelled.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct CancelledMessage {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: RunId,
    pub(crate) status: RunStatus,
}

/// A frame from a WebSocket client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientFrame {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) channel: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) conversation_id: Option<String>,
    pub(crate) metadata: Option<MetadataIn>,
    pub(crate) stream: Option<bool>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) request_id: Option<Value>,
    pub(crate) id: Option<String>,
    pub(crate) call_id: Option<String>,
    pub(crate) approve: Option<bool>,
    pub(crate) reason: Option<String>,
}

/// What a frame that can't be read may still say: which request it was.
#[derive(Debug, Deserialize)]
pub(crate) struct FrameId {
    pub(crate) request_id: Option<Value>,
}
