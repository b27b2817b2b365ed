//! What is remembered on purpose, beside what was said: facts, preferences, tasks.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{ConversationId, InvalidId, MessageId, Role, Timestamp};

const MEMORY_PREFIX: &str = "mem_";

/// Names one remembered entry: `mem_` and a ULID, whose time is when it was remembered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryId(Ulid);

impl MemoryId {
    /// A fresh id, stamped with the current time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Ulid::generate())
    }

    /// A fresh id, stamped with another time: of 1970 at the earliest.
    #[must_use]
    pub fn generate_at(time: Timestamp) -> Self {
        let millis = u64::try_from(time.unix_millis()).unwrap_or_default();
        Self(Ulid::from_parts(millis, Ulid::generate().random()))
    }

    /// When the entry was remembered, to the millisecond.
    #[must_use]
    pub fn created_at(self) -> Timestamp {
        Timestamp::from_unix_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }

    /// The sixteen bytes of the ULID, for storage; they sort by time.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_bytes()
    }

    /// The inverse of [`MemoryId::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Ulid::from_bytes(bytes))
    }
}

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MEMORY_PREFIX}{}", self.0)
    }
}

impl fmt::Debug for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MemoryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.strip_prefix(MEMORY_PREFIX)
            .and_then(|encoded| Ulid::from_string(encoded).ok())
            .map(Self)
            .ok_or_else(|| InvalidId::new("a memory id", "mem_ followed by a ULID"))
    }
}

impl Serialize for MemoryId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MemoryId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What sort of thing is remembered; decides how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum MemoryKind {
    /// What the user likes, dislikes, wants done how. Kept.
    Preference,
    /// What is so. Kept.
    Fact,
    /// What is to be done. Kept until 30 days after it was completed.
    Task,
    /// What a conversation was about. Kept as `memory.retention.conversation_days` says.
    Conversation,
    /// What matters only now. Gone with the conversation's end, after `memory.retention.ephemeral_hours` without a message.
    Ephemeral,
}

impl MemoryKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Preference, Self::Fact, Self::Task, Self::Conversation, Self::Ephemeral];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Fact => "fact",
            Self::Task => "task",
            Self::Conversation => "conversation",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// One remembered entry.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryEntry {
    /// Which one; its time is when it was remembered.
    pub id: MemoryId,
    /// What sort.
    pub kind: MemoryKind,
    /// What is remembered, in the user's words or language.
    pub content: String,
    /// 0 (trivial) to 1 (vital).
    pub importance: f32,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// When it stops counting; `None`: as its kind says.
    pub expires_at: Option<Timestamp>,
    /// When a task was completed.
    pub completed_at: Option<Timestamp>,
    /// The conversation it comes from, with which it is erased.
    pub conversation: Option<ConversationId>,
    /// The messages it comes from.
    pub sources: Vec<MessageId>,
    /// The entry that took its place.
    pub superseded_by: Option<MemoryId>,
}

/// Something to remember.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    /// What sort.
    pub kind: MemoryKind,
    /// What to remember; not empty, at most [`limits::MEMORY_BYTES`](crate::limits::MEMORY_BYTES).
    pub content: String,
    /// 0 (trivial) to 1 (vital).
    pub importance: f32,
    /// Words to find it by; at most [`limits::MEMORY_TAGS`](crate::limits::MEMORY_TAGS).
    pub tags: Vec<String>,
    /// When it stops counting.
    pub expires_at: Option<Timestamp>,
    /// The conversation it comes from.
    pub conversation: Option<ConversationId>,
    /// The messages it comes from.
    pub sources: Vec<MessageId>,
    /// The entry whose place it takes.
    pub supersedes: Option<MemoryId>,
}

/// Something to remember that was noted elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignNote {
    /// What to remember.
    pub memory: NewMemory,
    /// When it was noted; `None`, or a time to come: now.
    pub noted_at: Option<Timestamp>,
}

/// A remembered entry on its way out of a memory, or into another: a line of the exchange format.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignMemory {
    /// All that is known of it, its id included.
    pub entry: MemoryEntry,
    /// The entry whose place it took.
    pub supersedes: Option<MemoryId>,
}

/// A message that was said elsewhere, on its way in or out: one line of the exchange format.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignMessage {
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its channel.
    pub channel: String,
    /// Who spoke.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// When.
    pub timestamp: Timestamp,
    /// Its id, kept and unique in the whole store; `None`: one is made from the content, so that importing it again changes
    /// nothing.
    pub id: Option<MessageId>,
}
