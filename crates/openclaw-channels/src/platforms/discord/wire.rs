//! What goes over the wire, as far as it is read. Fields that are not always there are empty when they are not.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Kinds of channels that are threads: of announcements, public, private.
pub(super) const THREADS: std::ops::RangeInclusive<u64> = 10..=12;

/// A gateway event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Frame {
    pub(super) op: u64,
    #[serde(rename = "d")]
    pub(super) data: Value,
    #[serde(rename = "s")]
    pub(super) seq: Option<u64>,
    #[serde(rename = "t")]
    pub(super) name: String,
}

/// The data of HELLO.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Hello {
    pub(super) heartbeat_interval: u64,
}

/// The data of READY.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ready {
    pub(super) session_id: String,
    pub(super) resume_gateway_url: String,
    pub(super) guilds: Vec<Guild>,
}

/// The data of GUILD_CREATE.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Guild {
    pub(super) id: String,
    pub(super) channels: Vec<Channel>,
    pub(super) threads: Vec<Channel>,
    pub(super) roles: Vec<Role>,
    /// It will come again, with all that is in it.
    pub(super) unavailable: bool,
}

/// A role of a guild.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) tags: Tags,
}

/// Whose role it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tags {
    pub(super) bot_id: String,
}

/// A channel, direct chat or thread.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Channel {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: u64,
    pub(super) parent_id: String,
    pub(super) last_message_id: String,
}

/// A message.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) channel_id: String,
    pub(super) guild_id: String,
    /// The kind of the channel.
    pub(super) channel_type: Option<u64>,
    #[serde(rename = "type")]
    pub(super) kind: u64,
    pub(super) author: User,
    pub(super) member: Member,
    pub(super) webhook_id: String,
    pub(super) content: String,
    pub(super) edited_timestamp: String,
    pub(super) mentions: Vec<User>,
    pub(super) mention_roles: Vec<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) nonce: Value,
    pub(super) message_reference: Reference,
    pub(super) referenced_message: Option<Box<Message>>,
    pub(super) message_snapshots: Vec<Snapshot>,
}

/// A message that was forwarded.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Snapshot {
    pub(super) message: Box<Message>,
}

/// What a message refers to.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    pub(super) message_id: String,
}

/// Somebody.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) global_name: String,
    pub(super) bot: bool,
    pub(super) system: bool,
}

/// Somebody in a guild.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    pub(super) nick: String,
    pub(super) user: User,
}

/// A file.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Attachment {
    pub(super) id: String,
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) size: Option<u64>,
    pub(super) url: String,
}

/// A message, or several, that are gone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Gone {
    pub(super) id: String,
    pub(super) ids: Vec<String>,
    pub(super) channel_id: String,
    pub(super) guild_id: String,
}

/// A slash command that somebody used.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Interaction {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: u64,
    pub(super) token: String,
    pub(super) channel_id: String,
    pub(super) guild_id: String,
    pub(super) channel: Channel,
    pub(super) user: User,
    pub(super) member: Member,
    pub(super) data: Command,
}

/// Which command.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Command {
    pub(super) name: String,
}

/// The app, and what it may ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) flags: u64,
}

/// Where the gateway is, and how many sessions may still begin.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entrance {
    pub(super) url: String,
    pub(super) session_start_limit: Starts,
}

/// How many sessions may still begin.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Starts {
    pub(super) remaining: u64,
    /// Milliseconds.
    pub(super) reset_after: u64,
}

impl Default for Starts {
    fn default() -> Self {
        Self { remaining: u64::MAX, reset_after: 0 }
    }
}

/// Why Discord says no.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) code: u64,
    pub(super) message: String,
    pub(super) retry_after: f64,
    pub(super) global: bool,
}

/// Whatever it says, it is well.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// What is kept of a session.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Whose session it is: another bot may have the channel now.
    pub(super) bot: String,
    /// The session that can be gone on with.
    pub(super) session: Option<Session>,
    /// Everything up to this message is settled; what is newer may not be. 0: nothing was read yet.
    pub(super) until: u64,
}

/// A session of the gateway.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) url: String,
    /// All events up to this one are settled.
    pub(super) seq: u64,
    /// The servers of a session that has just begun (`seq` is its READY): what was missed in them is not all settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begins: Option<Vec<String>>,
}

/// Reads a value. Discord writes null where it has nothing to say; that is the same as nothing.
pub(super) fn read<T: DeserializeOwned>(mut value: Value) -> Result<T, serde_json::Error> {
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

/// When Discord's time begins, in Unix milliseconds: <https://docs.discord.com/developers/reference#snowflakes>.
const EPOCH: u64 = 1_420_070_400_000;

/// An id as a number, by which ids are in the order of their making; 0: it is none.
pub(super) fn number(id: &str) -> u64 {
    id.parse().unwrap_or(0)
}

/// When an id was made, in Unix milliseconds.
pub(super) fn made_at(id: u64) -> u64 {
    (id >> 22) + EPOCH
}

/// The first id of a moment.
pub(super) fn first_id(unix_millis: u64) -> u64 {
    unix_millis.saturating_sub(EPOCH) << 22
}
