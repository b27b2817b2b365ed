//! `/conversations`.

use openclaw_core::{
    Attachment, AttachmentSource, ContentBlock, ConversationId, ConversationSummary, Message, MessageId,
    Metadata, Role, Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::context::Context;

/// A page of conversations, latest activity first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ConversationList<'a> {
    pub(crate) conversations: Vec<ConversationItem<'a>>,
    /// How many the filter matches in all.
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// A conversation in a list.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ConversationItem<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    id: &'a ConversationId,
    channel: &'a str,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    created_at: Timestamp,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    last_message_at: Timestamp,
    message_count: u64,
    summary: &'a str,
}

impl<'a> From<&'a ConversationSummary> for ConversationItem<'a> {
    fn from(summary: &'a ConversationSummary) -> Self {
        Self {
            id: &summary.id,
            channel: &summary.channel,
            created_at: summary.created_at,
            last_message_at: summary.last_message_at,
            message_count: summary.message_count,
            summary: &summary.summary,
        }
    }
}

/// A conversation with its messages, oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Conversation<'a> {
    #[serde(flatten)]
    pub(crate) item: ConversationItem<'a>,
    pub(crate) messages: Vec<MessageItem<'a>>,
}

/// One message.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct MessageItem<'a> {
    #[cfg_attr(feature = "openapi", schemars(with = "String"))]
    id: &'a MessageId,
    role: Role,
    /// The text; of a `tool` message what the tools answered.
    content: String,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    timestamp: Timestamp,
    /// Tools that the model called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCallItem<'a>>,
    /// Of a `tool` message: which call this answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    /// Of a `tool` message: which tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Of a `tool` message: whether the call failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_error: Option<bool>,
    /// Of a `tool` message with several results: each of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_results: Vec<ToolResultItem<'a>>,
    /// What the client sent along; files without their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<MetadataItem<'a>>,
    /// Of an assistant's message, with `explain=true`: what its prompt was made of, where that was noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ToolCallItem<'a> {
    id: &'a str,
    name: &'a str,
    arguments: &'a Value,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct ToolResultItem<'a> {
    tool_call_id: &'a str,
    name: &'a str,
    content: &'a str,
    is_error: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct MetadataItem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentItem<'a>>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct AttachmentItem<'a> {
    name: &'a str,
    mime_type: &'a str,
    /// Bytes, of a file that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    /// Address, of a file that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

impl<'a> From<&'a Message> for MessageItem<'a> {
    fn from(message: &'a Message) -> Self {
        let mut texts = Vec::new();
        let (mut tool_calls, mut tool_results) = (Vec::new(), Vec::new());
        for block in &message.content {
            match block {
                ContentBlock::Text(text) => texts.push(text.as_str()),
                ContentBlock::ToolCall(call) => {
                    tool_calls.push(ToolCallItem {
                        id: &call.id,
                        name: &call.name,
                        arguments: &call.arguments,
                    });
                }
                ContentBlock::ToolResult(result) => {
                    texts.push(&result.content);
                    tool_results.push(ToolResultItem {
                        tool_call_id: &result.call_id,
                        name: &result.name,
                        content: &result.content,
                        is_error: result.is_error,
                    });
                }
            }
        }
        let content = texts.join(if tool_results.is_empty() { "" } else { "\n" });
        // The usual case, one result, reads without a list.
        let only = if tool_results.len() == 1 { tool_results.pop() } else { None };
        Self {
            id: &message.id,
            role: message.role,
            content,
            timestamp: message.timestamp,
            tool_calls,
            tool_call_id: only.as_ref().map(|result| result.tool_call_id),
            name: only.as_ref().map(|result| result.name),
            is_error: only.as_ref().map(|result| result.is_error),
            tool_results,
            metadata: (!message.metadata.is_empty()).then(|| MetadataItem::from(&message.metadata)),
            context: None,
        }
    }
}

impl<'a> From<&'a Metadata> for MetadataItem<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        Self {
            user_id: metadata.user_id.as_deref(),
            user_name: metadata.user_name.as_deref(),
            attachments: metadata.attachments.iter().map(AttachmentItem::from).collect(),
            extra: &metadata.extra,
        }
    }
}

impl<'a> From<&'a Attachment> for AttachmentItem<'a> {
    fn from(attachment: &'a Attachment) -> Self {
        let (size, url) = match &attachment.source {
            AttachmentSource::Data(bytes) => (Some(bytes.len()), None),
            AttachmentSource::Url(url) => (None, Some(url.as_str())),
        };
        Self { name: &attachment.name, mime_type: &attachment.mime_type, size, url }
    }
}

/// A conversation was erased.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ConversationDeleted<'a> {
    pub(crate) deleted: bool,
    pub(crate) id: &'a str,
    pub(crate) messages_deleted: u64,
    pub(crate) memories_deleted: u64,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use openclaw_core::{ToolCall, ToolResult};
    use serde_json::json;

    use super::*;

    fn message(role: Role, content: Vec<ContentBlock>, metadata: Metadata) -> Value {
        let message = Message {
            id: "m1".parse().unwrap(),
            role,
            content,
            timestamp: Timestamp::from_unix_millis(0),
            metadata,
        };
        serde_json::to_value(MessageItem::from(&message)).unwrap()
    }

    #[test]
    fn files_are_listed_without_their_bytes() {
        let metadata = Metadata {
            user_id: Some("u".into()),
            attachments: vec![Attachment {
                name: "a.txt".into(),
                mime_type: "text/plain".into(),
                source: AttachmentSource::Data(Bytes::from_static(b"canary")),
            }],
            extra: Map::from_iter([("locale".to_owned(), json!("ko"))]),
            ..Metadata::default()
        };
        assert_eq!(
            message(Role::User, vec![ContentBlock::Text("hi".into())], metadata),
            json!({"id": "m1", "role": "user", "content": "hi", "timestamp": "1970-01-01T00:00:00Z", "metadata": {
                "user_id": "u", "attachments": [{"name": "a.txt", "mime_type": "text/plain", "size": 6}], "locale": "ko"}})
        );
    }

    #[test]
    fn calls_and_results() {
        let call = ToolCall { id: "c1".into(), name: "weather".into(), arguments: json!({"city": "서울"}) };
        let called = message(Role::Assistant, vec![ContentBlock::ToolCall(call)], Metadata::default());
        assert_eq!(
            called["tool_calls"],
            json!([{"id": "c1", "name": "weather", "arguments": {"city": "서울"}}])
        );
        assert_eq!(called["content"], "");

        let result = |id: &str| {
            ContentBlock::ToolResult(ToolResult {
                call_id: id.into(),
                name: "weather".into(),
                content: id.into(),
                is_error: false,
            })
        };
        let one = message(Role::Tool, vec![result("c1")], Metadata::default());
        assert_eq!(
            (&one["tool_call_id"], &one["name"], &one["is_error"]),
            (&json!("c1"), &json!("weather"), &json!(false))
        );
        assert!(one.get("tool_results").is_none());
        let two = message(Role::Tool, vec![result("c1"), result("c2")], Metadata::default());
        assert_eq!(two["content"], "c1\nc2");
        assert_eq!(two["tool_results"][1]["tool_call_id"], "c2");
    }
}
