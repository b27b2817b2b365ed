//! What goes over the wire, as far as it is read. Fields that are not always there are empty when they are not; an answer without
//! what it is about is none.

use serde::Deserialize;
use serde_json::Value;

/// A frame of Socket Mode.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) envelope_id: String,
    /// Of `hello`: how many there are now.
    pub(super) num_connections: u64,
    /// Why a `disconnect` comes.
    pub(super) reason: String,
    pub(super) payload: Value,
}

/// The payload of an `events_api` envelope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Callback {
    pub(super) event: Event,
}

/// An event of any type.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[serde(flatten)]
    pub(super) message: Message,
    pub(super) channel: String,
    pub(super) channel_type: String,
    pub(super) event_ts: String,
    pub(super) deleted_ts: String,
    /// The message as it is now, of `message_changed`.
    #[serde(rename = "message")]
    pub(super) changed: Option<Message>,
    pub(super) previous_message: Option<Message>,
    pub(super) assistant_thread: Option<Pane>,
}

/// A message, in an event or in a channel's history.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) subtype: String,
    pub(super) ts: String,
    pub(super) thread_ts: String,
    pub(super) user: String,
    pub(super) bot_id: String,
    pub(super) text: String,
    pub(super) files: Vec<File>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) edited: Option<Edited>,
    pub(super) metadata: Option<Metadata>,
    pub(super) reply_count: u64,
}

/// When somebody changed a message.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Edited {
    pub(super) ts: String,
}

/// What we put into our messages, to know them again.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) event_payload: Payload,
}

/// Our part of it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub(super) key: String,
}

/// A message that another one quotes.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Attachment {
    pub(super) text: String,
    pub(super) fallback: String,
}

/// A file.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) mode: String,
    pub(super) url_private: String,
    pub(super) url_private_download: String,
}

/// An assistant pane that was opened.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Pane {
    pub(super) user_id: String,
    pub(super) channel_id: String,
    pub(super) thread_ts: String,
}

/// The payload of a `slash_commands` envelope.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Slash {
    pub(super) channel_id: String,
    pub(super) user_id: String,
    pub(super) user_name: String,
    pub(super) text: String,
    pub(super) trigger_id: String,
}

/// Where a message is.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    pub(super) ts: String,
}

/// What `auth.test` says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Me {
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) team: String,
}

/// What `apps.connections.open` says.
#[derive(Debug, Deserialize)]
pub(super) struct Opened {
    pub(super) url: String,
}

/// A page of messages.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) messages: Vec<Message>,
    pub(super) response_metadata: Option<Cursor>,
}

/// A page of conversations.
#[derive(Debug, Deserialize)]
pub(super) struct Conversations {
    pub(super) channels: Vec<Conversation>,
    pub(super) response_metadata: Option<Cursor>,
}

/// A place that the bot is in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Conversation {
    pub(super) id: String,
    /// Who a direct chat is with.
    pub(super) user: String,
}

/// Where the next page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cursor {
    pub(super) next_cursor: String,
}

/// What `users.info` says.
#[derive(Debug, Deserialize)]
pub(super) struct UserInfo {
    pub(super) user: User,
}

/// A person.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) real_name: String,
    pub(super) profile: Profile,
}

/// How a person wants to be called.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    pub(super) display_name: String,
}

/// What `files.getUploadURLExternal` says.
#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    pub(super) upload_url: String,
    pub(super) file_id: String,
}

/// What `files.completeUploadExternal` says.
#[derive(Debug, Deserialize)]
pub(super) struct Completed {
    #[serde(rename = "files")]
    pub(super) _files: Vec<File>,
}

/// What `files.info` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FileInfo {
    pub(super) file: File,
}

/// Whatever it says, it is well.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// Reads a value. Slack writes null where it has nothing to say; that is the same as nothing.
pub(super) fn read<T: serde::de::DeserializeOwned>(mut value: Value) -> Result<T, serde_json::Error> {
    drop_nulls(&mut value);
    serde_json::from_value(value)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
