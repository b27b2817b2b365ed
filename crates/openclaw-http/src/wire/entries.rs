//! `/memory/entries`.

use openclaw_core::{
    ConversationId, Failure, MemoryEntry, MemoryId, MemoryKind, MessageId, NewMemory, Timestamp, limits,
};
use serde::{Deserialize, Serialize};

/// How much something matters that nobody weighed.
const USUAL_IMPORTANCE: f32 = 0.5;

/// Something to remember.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct EntryRequest {
    #[cfg_attr(feature = "openapi", schemars(required, with = "MemoryKind"))]
    kind: Option<MemoryKind>,
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::memory_text"))]
    content: Option<String>,
    /// 0 (trivial) to 1 (vital). Default 0.5.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(range(min = 0.0, max = 1.0)))]
    importance: Option<f32>,
    /// Words to find it by.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::memory_tags"))]
    tags: Option<Vec<String>>,
    /// When it stops counting. Absent: as its kind says.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    expires_at: Option<Timestamp>,
    /// The conversation it comes from, with which it is erased.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::conversation_id"))]
    conversation_id: Option<ConversationId>,
    /// Ids of the messages it comes from.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<String>>", length(max = 32)))]
    sources: Option<Vec<MessageId>>,
    /// Id of the entry whose place it takes.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    supersedes: Option<MemoryId>,
}

impl EntryRequest {
    /// What is to be remembered, with every field checked but whether `supersedes` exists.
    pub(crate) fn check(self) -> Result<NewMemory, Failure> {
        let new = self.check_known()?;
        if new.expires_at.is_some_and(|at| at <= Timestamp::now()) {
            return Err(Failure::bad_field("expires_at", "must lie in the future"));
        }
        Ok(new)
    }

    /// The same for what was remembered before: its time may be over.
    pub(crate) fn check_known(self) -> Result<NewMemory, Failure> {
        let kind = self.kind.ok_or_else(|| {
            let kinds = MemoryKind::ALL.map(MemoryKind::as_str).join(", ");
            Failure::bad_field("kind", format!("is required: one of {kinds}"))
        })?;
        let content = self.content.ok_or_else(|| Failure::bad_field("content", "is required"))?;
        if content.trim().is_empty() {
            return Err(Failure::bad_field("content", "must not be empty"));
        }
        if content.len() > limits::MEMORY_BYTES {
            let reason = format!("must be at most {} KiB of UTF-8", limits::MEMORY_BYTES / 1024);
            return Err(Failure::bad_field("content", reason));
        }
        let importance = self.importance.unwrap_or(USUAL_IMPORTANCE);
        if !(0.0..=1.0).contains(&importance) {
            return Err(Failure::bad_field("importance", "must be a number between 0 and 1"));
        }
        let tags = self.tags.unwrap_or_default();
        if tags.len() > limits::MEMORY_TAGS {
            return Err(Failure::bad_field("tags", format!("may be at most {}", limits::MEMORY_TAGS)));
        }
        for (at, tag) in tags.iter().enumerate() {
            check_tag(tag, &format!("tags[{at}]"))?;
        }
        let sources = self.sources.unwrap_or_default();
        if sources.len() > limits::MEMORY_SOURCES {
            return Err(Failure::bad_field("sources", format!("may be at most {}", limits::MEMORY_SOURCES)));
        }
        Ok(NewMemory {
            kind,
            content,
            importance,
            tags,
            expires_at: self.expires_at,
            conversation: self.conversation_id,
            sources,
            supersedes: self.supersedes,
        })
    }
}

/// Whether `tag` can be one.
pub(crate) fn check_tag(tag: &str, field: &str) -> Result<(), Failure> {
    if !limits::is_memory_tag(tag) {
        let most = limits::MEMORY_TAG_BYTES;
        let reason = format!("must be 1 to {most} bytes of UTF-8 without control characters");
        return Err(Failure::bad_field(field, reason));
    }
    Ok(())
}

/// A page of remembered entries, newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct EntryList<'a> {
    pub(crate) entries: Vec<EntryItem<'a>>,
    /// How many the filter matches in all.
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// A remembered entry.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct EntryItem<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    id: MemoryId,
    kind: MemoryKind,
    content: &'a str,
    /// 0 (trivial) to 1 (vital).
    importance: f32,
    tags: &'a [String],
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    created_at: Timestamp,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    expires_at: Option<Timestamp>,
    /// When a task was completed.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    completed_at: Option<Timestamp>,
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    conversation_id: Option<&'a ConversationId>,
    /// Ids of the messages it comes from.
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<String>"))]
    sources: &'a [MessageId],
    /// Id of the entry that took its place.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    superseded_by: Option<MemoryId>,
}

impl<'a> From<&'a MemoryEntry> for EntryItem<'a> {
    fn from(entry: &'a MemoryEntry) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            content: &entry.content,
            importance: entry.importance,
            tags: &entry.tags,
            created_at: entry.id.created_at(),
            expires_at: entry.expires_at,
            completed_at: entry.completed_at,
            conversation_id: entry.conversation.as_ref(),
            sources: &entry.sources,
            superseded_by: entry.superseded_by,
        }
    }
}

/// An entry was erased.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct EntryDeleted {
    pub(crate) deleted: bool,
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    pub(crate) id: MemoryId,
}
