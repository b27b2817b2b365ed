//! Messages: a role and content blocks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{MessageId, Timestamp, ToolCall, ToolResult};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    /// The instructions at the head of a prompt.
    System,
    /// The person, or the program in their place.
    User,
    /// The model.
    Assistant,
    /// A tool's results.
    Tool,
}

/// One piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum ContentBlock {
    /// Text, as Markdown or plain.
    Text(String),
    /// The model calls a tool.
    ToolCall(ToolCall),
    /// A tool answers.
    ToolResult(ToolResult),
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Unique in the whole store.
    pub id: MessageId,
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub content: Vec<ContentBlock>,
    /// When it was said: a user's message when it was accepted, a reply when it was complete.
    pub timestamp: Timestamp,
    /// What the client sent along with a user's message.
    pub metadata: Metadata,
}

impl Message {
    /// The text blocks, joined.
    #[must_use]
    pub fn text(&self) -> String {
        let mut texts = self.content.iter().filter_map(|block| match block {
            ContentBlock::Text(text) => Some(text.as_str()),
            ContentBlock::ToolCall(_) | ContentBlock::ToolResult(_) => None,
        });
        let first = texts.next().unwrap_or_default().to_owned();
        texts.fold(first, |joined, text| joined + text)
    }
}

/// What a client may say about a message: who sent it, and files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The sender's id on the channel.
    pub user_id: Option<String>,
    /// The sender's name as people write it.
    pub user_name: Option<String>,
    /// Files that came with the message.
    pub attachments: Vec<Attachment>,
    /// Every other field of the object, kept as it came: a JSON object, or empty.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Metadata {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// File name as the sender had it.
    pub name: String,
    /// Media type, such as `image/png`.
    pub mime_type: String,
    /// The file, or where it is.
    pub source: AttachmentSource,
}

/// Where an attachment's bytes are.
#[derive(Clone, PartialEq, Eq)]
pub enum AttachmentSource {
    /// The bytes themselves.
    Data(Bytes),
    /// An address the gateway does not fetch; models that can, may.
    Url(String),
}

impl std::fmt::Debug for AttachmentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data(bytes) => write!(f, "Data({} bytes)", bytes.len()),
            Self::Url(url) => write!(f, "Url({url})"),
        }
    }
}

impl AttachmentSource {
    /// The bytes in base64 with padding, the way vendors take them; `None` for an address.
    #[must_use]
    pub fn base64(&self) -> Option<String> {
        match self {
            Self::Data(bytes) => Some(STANDARD.encode(bytes)),
            Self::Url(_) => None,
        }
    }
}
