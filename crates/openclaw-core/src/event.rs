//! The one neutral stream of events that every transport shows.

use std::{fmt, str::FromStr};

use serde_json::Value;

use crate::{ConversationId, Failure, Reply, RunId};

/// Where a stream stands after an event. It counts units: 1 for a start, a call, a result or an end, the bytes of a
/// token for a token, and none for what no record keeps: that a call which waited is made. So an id stays meaningful when a finished run is told again from the log with other token
/// boundaries: what is left is the text from that byte on. `attempt` tells a run from its repetition after a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    /// 0 in the process that accepted the run; after a restart another number, different for every restart.
    pub attempt: u32,
    /// Units told so far.
    pub position: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.attempt, self.position)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let (attempt, position) = text.split_once('-').ok_or(InvalidEventId)?;
        let attempt = attempt.parse().map_err(|_| InvalidEventId)?;
        Ok(Self { attempt, position: position.parse().map_err(|_| InvalidEventId)? })
    }
}

/// A text that is not an event id of this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of an event of this stream, such as 0-17")]
pub struct InvalidEventId;

/// One event of a run, with the position after it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// Position after this event.
    pub id: EventId,
    /// What happened.
    pub kind: RunEventKind,
}

/// What can happen in a run. `End`, `Error` and `Cancelled` are last.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEventKind {
    /// The run has begun.
    Start {
        /// The run.
        id: RunId,
        /// Its conversation.
        conversation: ConversationId,
    },
    /// Text, as the provider sent it.
    Token(String),
    /// A tool is being called, or is to be.
    SkillCall {
        /// Which call.
        call_id: String,
        /// Which tool; [`crate::skill_of`] says whose.
        tool: String,
        /// With which arguments.
        arguments: Value,
        /// Whether the call is made.
        stage: CallStage,
    },
    /// A tool answered.
    SkillResult {
        /// Which call.
        call_id: String,
        /// Which tool.
        tool: String,
        /// Whether it failed.
        is_error: bool,
    },
    /// The answer is complete and durable.
    End {
        /// The run.
        id: RunId,
        /// Its conversation.
        conversation: ConversationId,
        /// The whole answer.
        reply: Reply,
    },
    /// The run failed.
    Error(Failure),
    /// The client cancelled the run.
    Cancelled,
}

/// How far a call is when it is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStage {
    /// It is made now.
    Invoking,
    /// A person has to allow it first, for this reason. It is told of once more when it is made.
    Awaiting(String),
    /// It was allowed, and is made now.
    Allowed,
}

impl RunEventKind {
    /// Units this event adds to a stream's position.
    #[must_use]
    pub fn units(&self) -> u64 {
        match self {
            Self::Token(text) => text.len() as u64,
            // The record knows the call alone, which was told already.
            Self::SkillCall { stage: CallStage::Allowed, .. } => 0,
            _ => 1,
        }
    }

    /// Whether no event follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, Self::End { .. } | Self::Error(_) | Self::Cancelled)
    }
}
