//! Identifiers. Each is its own type, so that a run can't be passed where a conversation is meant.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Timestamp, limits};

const RUN_PREFIX: &str = "msg_pending_";
const REPLY_PREFIX: &str = "msg_resp_";
const USER_PREFIX: &str = "msg_user_";
const STEP_PREFIX: &str = "msg_step_";
const CONVERSATION_PREFIX: &str = "conv_";

/// A prompt has ids of dozens of messages: they are put together without a formatter.
fn named(prefix: &str, ulid: Ulid) -> Arc<str> {
    let mut encoded = [0; ulid::ULID_LEN];
    [prefix, ulid.array_to_str(&mut encoded)].concat().into()
}

/// A text that can't be the id it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

/// Names a conversation: 1 to 64 characters of `[A-Za-z0-9_-]`, chosen by the client or generated.
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ConversationId(Arc<str>);

impl ConversationId {
    /// A fresh id, `conv_` and a ULID.
    #[must_use]
    pub fn generate() -> Self {
        Self(named(CONVERSATION_PREFIX, Ulid::generate()))
    }

    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConversationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=limits::CONVERSATION_ID_CHARS).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId { what: "a conversation id", rule: "1 to 64 characters of A-Z, a-z, 0-9, _ and -" })
        }
    }
}

/// Names one message: the gateway's own (`msg_user_…`, `msg_resp_…`, `msg_step_…`) or, for an imported message, the id
/// it came with. 1 to 128 printable ASCII characters without spaces. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct MessageId(Arc<str>);

impl MessageId {
    /// The id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if (1..=limits::MESSAGE_ID_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId {
                what: "a message id",
                rule: "1 to 128 printable ASCII characters without spaces",
            })
        }
    }
}

/// Names one run of the agent on one message. The run, the user's message and the final reply share one ULID under
/// different prefixes, so that each can be found from the other without an index. Its time is when the run was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(Ulid);

impl RunId {
    /// A fresh id, stamped with the current time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }

    /// The run that a client means by `text`, which may be the run's id (`msg_pending_…`) or its reply's (`msg_resp_…`).
    ///
    /// # Errors
    /// When the text has neither form.
    pub fn parse_any(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { what: "a run id", rule: "msg_pending_ or msg_resp_ followed by a ULID" };
        let encoded = text
            .strip_prefix(RUN_PREFIX)
            .or_else(|| text.strip_prefix(REPLY_PREFIX))
            .ok_or(invalid.clone())?;
        Ulid::from_string(encoded).map(Self).map_err(|_| invalid)
    }

    /// The run that a message belongs to: the user's message that started it, a step of it, or its reply. `None` for an
    /// imported message.
    #[must_use]
    pub fn of_message(id: &MessageId) -> Option<Self> {
        let text = id.as_str();
        let encoded = match text.strip_prefix(STEP_PREFIX) {
            Some(step) => step.split_once('_')?.0,
            None => text.strip_prefix(REPLY_PREFIX).or_else(|| text.strip_prefix(USER_PREFIX))?,
        };
        Ulid::from_string(encoded).map(Self).ok()
    }

    /// When the run was accepted, to the millisecond.
    #[must_use]
    pub fn accepted_at(self) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }

    /// The id of the final reply.
    #[must_use]
    pub fn reply_id(self) -> MessageId {
        MessageId(named(REPLY_PREFIX, self.0))
    }

    /// The id of the user's message that started the run.
    #[must_use]
    pub fn user_message_id(self) -> MessageId {
        MessageId(named(USER_PREFIX, self.0))
    }

    /// The id of the run's intermediate message number `index` (a tool call or a tool result).
    #[must_use]
    pub fn step_message_id(self, index: usize) -> MessageId {
        let mut encoded = [0; ulid::ULID_LEN];
        let ulid = self.0.array_to_str(&mut encoded);
        MessageId([STEP_PREFIX, ulid, "_", &index.to_string()].concat().into())
    }

    /// The id of the conversation that this run opens when the client named none.
    #[must_use]
    pub fn new_conversation_id(self) -> ConversationId {
        ConversationId(named(CONVERSATION_PREFIX, self.0))
    }

    /// The sixteen bytes of the ULID, for storage; they sort by time.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The inverse of [`RunId::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{RUN_PREFIX}{}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Position of a record in the write-ahead log: it counts records from 1, without gaps, and never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lsn(pub u64);

macro_rules! text_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(ConversationId);
text_id!(MessageId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_own_id_and_by_its_replys() {
        let run = RunId::generate();
        assert_eq!(RunId::parse_any(&run.to_string()), Ok(run));
        assert_eq!(RunId::parse_any(run.reply_id().as_str()), Ok(run));
        assert_eq!(RunId::from_bytes(run.to_bytes()), run);
    }

    #[test]
    fn a_message_names_its_run() {
        let run = RunId::generate();
        for id in [run.reply_id(), run.user_message_id(), run.step_message_id(12)] {
            assert_eq!(RunId::of_message(&id), Some(run), "{id}");
        }
        assert_eq!(RunId::of_message(&"telegram:17".parse().unwrap()), None);
    }

    #[test]
    fn a_user_message_is_not_a_run() {
        let run = RunId::generate();
        for text in [
            run.user_message_id().as_str(),
            "msg_pending_",
            "msg_resp_x",
            "",
            "msg_pending_01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        ] {
            assert!(RunId::parse_any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn conversation_ids_keep_to_their_alphabet() {
        assert!("conv_abc123".parse::<ConversationId>().is_ok());
        assert!("a".repeat(64).parse::<ConversationId>().is_ok());
        for text in ["", "a b", "../etc", "對話", &"a".repeat(65)] {
            assert!(text.parse::<ConversationId>().is_err(), "{text}");
        }
    }
}
