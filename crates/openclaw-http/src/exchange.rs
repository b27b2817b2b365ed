//! The exchange format: JSON Lines, one message or one remembered entry a line. What comes in over HTTP, what a file on the disk says
//! and what goes out are the same text.
//!
//! ```
//! use openclaw_http::exchange::{Line, read_line, write_line};
//!
//! let text = r#"{"conversation_id":"c","channel":"api","role":"user","content":"hi","timestamp":"2026-03-20T15:30:00Z","id":"m1"}"#;
//! let Ok(Line::Message(message)) = read_line(text.as_bytes()) else { panic!() };
//! assert_eq!(write_line(&message), format!("{text}\n"));
//! ```

use openclaw_core::{
    ConversationId, Failure, ForeignMemory, ForeignMessage, ForeignNote, MemoryEntry, MemoryId, MemoryKind,
    MessageId, Role, Timestamp, limits,
};
use serde::{Deserialize, Serialize};

use crate::{Limits, body, wire::entries::EntryRequest};

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// Somebody said something.
    Message(ForeignMessage),
    /// Something is to be remembered.
    Memory(ForeignNote),
    /// Something was remembered before, under an id of its own.
    Entry(ForeignMemory),
}

/// A message as it comes in.
#[derive(Debug, Deserialize)]
struct MessageIn {
    conversation_id: Option<ConversationId>,
    channel: Option<String>,
    role: Option<Role>,
    content: Option<String>,
    timestamp: Option<Timestamp>,
    #[serde(default)]
    id: Option<MessageId>,
}

/// A message as it goes out: every field, in this order, always.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ExchangeMessage"))]
pub(crate) struct MessageOut<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    conversation_id: &'a ConversationId,
    channel: &'a str,
    role: Role,
    content: &'a str,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    timestamp: Timestamp,
    /// May be left out of what is imported: the same message then has the same id each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    id: Option<&'a MessageId>,
}

/// A remembered entry as it goes out: what there is, in this order.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ExchangeEntry"))]
pub(crate) struct EntryOut<'a> {
    kind: MemoryKind,
    content: &'a str,
    /// 0 (trivial) to 1 (vital).
    importance: f32,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<String>>"))]
    tags: &'a [String],
    /// The time in its id. Read only of a line without one: when it was noted.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    conversation_id: Option<&'a ConversationId>,
    #[serde(skip_serializing_if = "<[MessageId]>::is_empty")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<String>>"))]
    sources: &'a [MessageId],
    /// Id of the entry whose place it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    supersedes: Option<MemoryId>,
    /// Id of the entry that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    superseded_by: Option<MemoryId>,
    /// `mem_` and a ULID. A line without one is something new to remember.
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    id: MemoryId,
}

/// Which of the two a line is: a memory has a `kind`, a message has none.
#[derive(Deserialize)]
struct Sort {
    #[serde(default)]
    kind: Option<MemoryKind>,
}

/// What only an entry of before has.
#[derive(Deserialize)]
struct Before {
    #[serde(default)]
    id: Option<MemoryId>,
    #[serde(default)]
    completed_at: Option<Timestamp>,
    #[serde(default)]
    superseded_by: Option<MemoryId>,
}

/// What only something new to remember has.
#[derive(Deserialize)]
struct Noted {
    #[serde(default)]
    created_at: Option<Timestamp>,
}

/// Reads one line of the exchange format. Unknown fields are passed over.
///
/// # Errors
/// 400 naming the field and what is wrong with it.
pub fn read_line(line: &[u8]) -> Result<Line, Failure> {
    let sort: Sort = body::parse(line).map_err(as_line)?;
    if sort.kind.is_some() {
        let request: EntryRequest = body::parse(line).map_err(as_line)?;
        let before: Before = body::parse(line).map_err(as_line)?;
        let Some(id) = before.id else {
            let Noted { created_at: noted_at } = body::parse(line).map_err(as_line)?;
            return request.check().map(|memory| Line::Memory(ForeignNote { memory, noted_at }));
        };
        let memory = request.check_known()?;
        return Ok(Line::Entry(ForeignMemory {
            supersedes: memory.supersedes,
            entry: MemoryEntry {
                id,
                kind: memory.kind,
                content: memory.content,
                importance: memory.importance,
                tags: memory.tags,
                expires_at: memory.expires_at,
                completed_at: before.completed_at,
                conversation: memory.conversation,
                sources: memory.sources,
                superseded_by: before.superseded_by,
            },
        }));
    }
    let read: MessageIn = body::parse(line).map_err(as_line)?;
    let content = required(read.content, "content")?;
    if content.is_empty() {
        return Err(Failure::bad_field("content", "must not be empty"));
    }
    if content.len() > limits::STORED_MESSAGE_BYTES {
        let reason = format!("must be at most {} MiB of UTF-8", limits::STORED_MESSAGE_BYTES / (1024 * 1024));
        return Err(Failure::bad_field("content", reason));
    }
    let channel = required(read.channel, "channel")?;
    check_channel(&channel)?;
    Ok(Line::Message(ForeignMessage {
        conversation: required(read.conversation_id, "conversation_id")?,
        channel,
        role: required(read.role, "role")?,
        content,
        timestamp: required(read.timestamp, "timestamp")?,
        id: read.id,
    }))
}

/// The line of a message, its end included.
#[must_use]
pub fn write_line(message: &ForeignMessage) -> String {
    let out = MessageOut {
        conversation_id: &message.conversation,
        channel: &message.channel,
        role: message.role,
        content: &message.content,
        timestamp: message.timestamp,
        id: message.id.as_ref(),
    };
    rendered(&out)
}

/// The line of a remembered entry, its end included.
#[must_use]
pub fn write_entry(memory: &ForeignMemory) -> String {
    let ForeignMemory { entry, supersedes } = memory;
    rendered(&EntryOut {
        kind: entry.kind,
        content: &entry.content,
        importance: entry.importance,
        tags: &entry.tags,
        created_at: entry.id.created_at(),
        expires_at: entry.expires_at,
        completed_at: entry.completed_at,
        conversation_id: entry.conversation.as_ref(),
        sources: &entry.sources,
        supersedes: *supersedes,
        superseded_by: entry.superseded_by,
        id: entry.id,
    })
}

fn rendered(out: &impl Serialize) -> String {
    // Texts and numbers always serialise.
    let mut line = serde_json::to_string(out).unwrap_or_default();
    line.push('\n');
    line
}

/// A channel's name: what was said elsewhere may bring one that no adapter here has.
pub(crate) fn check_channel(name: &str) -> Result<(), Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if (1..=Limits::CHANNEL_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let reason = format!("must be 1 to {} characters of A-Z, a-z, 0-9, _, - and .", Limits::CHANNEL_BYTES);
    Err(Failure::bad_field("channel", reason))
}

fn required<T>(value: Option<T>, field: &str) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::bad_field(field, "is required"))
}

/// What is wrong with a whole line is said of the line.
fn as_line(failure: Failure) -> Failure {
    match failure.details.get("reason").and_then(|reason| reason.as_str()) {
        Some(reason) if failure.details.get("field").is_some_and(|field| field == "body") => {
            Failure::bad_field("line", reason.replace("send a JSON object", "a line is a JSON object"))
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_wrong_with_a_line() {
        let good = r#""conversation_id":"c","channel":"api","role":"user","content":"hi""#;
        for (line, field) in [
            (String::new(), "line"),
            ("[1]".to_owned(), "line"),
            ("{".to_owned(), "line"),
            (format!("{{{good}}}"), "timestamp"),
            (format!("{{{good},\"timestamp\":\"soon\"}}"), "timestamp"),
            (format!("{{{good},\"timestamp\":\"2026-01-01\",\"id\":\"a b\"}}"), "id"),
            (r#"{"channel":"api","role":"robot"}"#.to_owned(), "role"),
            (good.replace("api", "a b").replace("hi", "ho"), "line"),
            (format!("{{{},\"timestamp\":\"2026-01-01\"}}", good.replace("api", "a b")), "channel"),
            (format!("{{{},\"timestamp\":\"2026-01-01\"}}", good.replace("hi", "")), "content"),
            (r#"{"kind":"wish","content":"x"}"#.to_owned(), "kind"),
            (r#"{"kind":"fact","content":" "}"#.to_owned(), "content"),
        ] {
            let failure = read_line(line.as_bytes()).unwrap_err();
            assert_eq!(failure.details["field"], field, "{line}: {failure:?}");
        }
    }

    #[test]
    fn a_memory_is_told_by_its_kind() {
        let line = r#"{"kind":"task","content":"water the plants","tags":["home"],"importance":0.9}"#;
        let Ok(Line::Memory(ForeignNote { memory, noted_at })) = read_line(line.as_bytes()) else { panic!() };
        assert_eq!((memory.kind, memory.tags.len(), memory.importance), (MemoryKind::Task, 1, 0.9));
        assert_eq!(noted_at, None);
        let dated = line.replace("{", r#"{"created_at":"2026-03-02","#);
        let Ok(Line::Memory(dated)) = read_line(dated.as_bytes()) else { panic!() };
        assert_eq!(dated, ForeignNote { memory, noted_at: Some("2026-03-02".parse().unwrap()) });
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let id = |n: u8| MemoryId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, n]);
        let full = ForeignMemory {
            entry: MemoryEntry {
                id: id(1),
                kind: MemoryKind::Task,
                content: "물을 줘\n\u{2028}".to_owned(),
                importance: 0.9,
                tags: vec!["집".to_owned()],
                expires_at: Some(Timestamp::from_unix_millis(1)),
                completed_at: Some(Timestamp::from_unix_millis(2)),
                conversation: Some("c".parse().unwrap()),
                sources: vec!["m1".parse().unwrap()],
                superseded_by: Some(id(2)),
            },
            supersedes: Some(id(3)),
        };
        let entry = MemoryEntry {
            tags: Vec::new(),
            expires_at: None,
            completed_at: None,
            conversation: None,
            sources: Vec::new(),
            superseded_by: None,
            ..full.entry.clone()
        };
        for memory in [full, ForeignMemory { entry, supersedes: None }] {
            let line = write_entry(&memory);
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(read_line(line.as_bytes()).unwrap(), Line::Entry(memory));
        }
        let wrong = read_line(br#"{"kind":"fact","content":"x","id":"m1"}"#).unwrap_err();
        assert_eq!(wrong.details["field"], "id");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let message = ForeignMessage {
            conversation: "c".parse().unwrap(),
            channel: "chatgpt".to_owned(),
            role: Role::Tool,
            content: "line\nbreak \u{2028} \u{0} 明天서울".to_owned(),
            timestamp: Timestamp::from_unix_millis(-1),
            id: None,
        };
        let line = write_line(&message);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(read_line(line.as_bytes()).unwrap(), Line::Message(message));
    }
}
