//! An answer on its way.

use openclaw_core::{RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::ChatKey;
use crate::message::Address;

/// An answer on its way into a chat. The text is the log's; this is where it goes and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    #[serde(skip)]
    pub(crate) run: Option<RunId>,
    pub(crate) kind: String,
    pub(crate) to: Address,
    /// Who asked, in a group where each member has a conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// Id of the message that is answered.
    pub(crate) reply_to: String,
    /// When it was asked.
    pub(crate) asked_at: Timestamp,
    pub(crate) state: State,
    /// Messages of the answer, in order.
    #[serde(default)]
    pub(crate) parts: Vec<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) changed_at: Timestamp,
}

/// How far an answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nothing of it was sent.
    Queued,
    /// Some of it was, or may have been.
    Sending,
    /// All of it is there.
    Delivered,
    /// The platform does not take it.
    Failed,
    /// It became too old, and is offered.
    Expired,
    /// It was too old, and somebody asked for it: it is sent whatever its age.
    Wanted,
}

impl State {
    /// Whether there is something left to do.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Sending | Self::Wanted)
    }
}

/// One message of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// See [`crate::Outgoing::key`].
    pub(crate) key: String,
    /// The platform's id of it; `None`: it was about to be sent, and nobody knows whether it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Whether it is a file, which can't be changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) file: bool,
    /// Whether it may be there a second time, and says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) again: bool,
}

impl Delivery {
    /// Answers with the same key follow one another.
    pub(crate) fn chat(&self) -> ChatKey {
        ChatKey { address: self.to.clone(), user: self.user.clone() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(run: &[u8], bytes: &[u8]) -> Option<Self> {
        let delivery: Self = serde_json::from_slice(bytes).ok()?;
        Some(Self { run: Some(RunId::from_bytes(run.try_into().ok()?)), ..delivery })
    }
}
