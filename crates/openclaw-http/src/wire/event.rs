//! The events of a run, as SSE and WebSocket show them.

use openclaw_core::{
    CallStage, ConversationId, ErrorCode, MessageId, RunEventKind, RunId, TokenUsage, skill_of,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// One event.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Event"))]
pub(crate) enum Event<'a> {
    /// The run has begun.
    Start {
        #[cfg_attr(feature = "openapi", schemars(with = "String"))]
        conversation_id: &'a ConversationId,
        /// The run's id, which `/message/{id}/…` takes.
        #[cfg_attr(feature = "openapi", schemars(with = "String"))]
        id: RunId,
    },
    /// Text, as the provider sent it.
    Token { content: &'a str },
    /// A skill is being called, or is to be once a person allows it.
    SkillCall {
        skill: &'a str,
        status: CallStatus,
        /// The skill's tool: the same, or `skill.tool`.
        tool: &'a str,
        /// Which call; the result carries it too.
        call_id: &'a str,
        arguments: &'a Value,
        /// Why a person is asked, when awaiting approval.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    /// A skill answered.
    SkillResult { skill: &'a str, status: ResultStatus, tool: &'a str, call_id: &'a str },
    /// The answer is complete and durable.
    End {
        tokens: EndTokens,
        /// The reply's id.
        #[cfg_attr(feature = "openapi", schemars(with = "String"))]
        id: MessageId,
        model: &'a str,
        latency_ms: u64,
        skills_used: &'a [String],
    },
    /// The run failed or was cancelled.
    Error {
        error: ErrorCode,
        message: &'a str,
        status: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        details: Option<&'a Map<String, Value>>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) enum CallStatus {
    Invoking,
    // Once allowed, the call is told of again.
    AwaitingApproval,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) enum ResultStatus {
    Completed,
    Failed,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct EndTokens {
    input: u64,
    output: u64,
}

impl From<TokenUsage> for EndTokens {
    fn from(usage: TokenUsage) -> Self {
        Self { input: usage.input, output: usage.output }
    }
}

/// What clients are told about a run that was cancelled.
pub(crate) const CANCELLED: &str = "The run was cancelled";

impl<'a> From<&'a RunEventKind> for Event<'a> {
    fn from(kind: &'a RunEventKind) -> Self {
        match kind {
            RunEventKind::Start { id, conversation } => {
                Self::Start { conversation_id: conversation, id: *id }
            }
            RunEventKind::Token(content) => Self::Token { content },
            RunEventKind::SkillCall { call_id, tool, arguments, stage } => {
                let (status, reason) = match stage {
                    CallStage::Invoking | CallStage::Allowed => (CallStatus::Invoking, None),
                    CallStage::Awaiting(reason) => (CallStatus::AwaitingApproval, Some(reason.as_str())),
                };
                Self::SkillCall { skill: skill_of(tool), status, tool, call_id, arguments, reason }
            }
            RunEventKind::SkillResult { call_id, tool, is_error } => {
                let status = if *is_error { ResultStatus::Failed } else { ResultStatus::Completed };
                Self::SkillResult { skill: skill_of(tool), status, tool, call_id }
            }
            RunEventKind::End { id, reply, .. } => Self::End {
                tokens: reply.usage.into(),
                id: id.reply_id(),
                model: &reply.model,
                latency_ms: reply.latency_ms,
                skills_used: &reply.skills_used,
            },
            RunEventKind::Error(failure) => Self::Error {
                error: failure.code,
                message: &failure.message,
                status: failure.code.status(),
                details: Some(&failure.details).filter(|details| !details.is_empty()),
            },
            RunEventKind::Cancelled => Self::Error {
                error: ErrorCode::Conflict,
                message: CANCELLED,
                status: ErrorCode::Conflict.status(),
                details: None,
            },
        }
    }
}
