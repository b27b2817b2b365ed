//! What the homeserver says. Only what it vouches for has a type; the content of events is whatever a client put there. What must be
//! there is not made up: an answer without it is none.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// `GET /sync`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Synced {
    pub(super) next_batch: String,
    #[serde(default)]
    pub(super) rooms: Rooms,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rooms {
    pub(super) join: BTreeMap<String, Joined>,
    pub(super) invite: BTreeMap<String, Invited>,
    pub(super) leave: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Joined {
    pub(super) timeline: Timeline,
    pub(super) state: Events,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timeline {
    pub(super) events: Vec<Event>,
    pub(super) limited: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Invited {
    pub(super) invite_state: Events,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
}

/// `GET /rooms/ROOM/messages`
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) chunk: Vec<Event>,
    #[serde(default)]
    pub(super) end: Option<String>,
}

/// An event. What is not what it should be is left empty: one that nobody can read must not keep those behind it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) sender: String,
    pub(super) state_key: Option<String>,
    /// When, in milliseconds since 1970.
    pub(super) at: Option<i64>,
    pub(super) content: Value,
    /// The event that this one takes back.
    pub(super) redacts: String,
    /// The state event in whose place this one is.
    pub(super) replaces: Option<String>,
    /// Whether somebody took this one back.
    pub(super) redacted: bool,
    pub(super) transaction: Option<String>,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(from)?;
        let content = event.get_mut("content").map(Value::take).unwrap_or_default();
        let redacts = [&event["redacts"], &content["redacts"]].into_iter().find_map(Value::as_str);
        let unsigned = &event["unsigned"];
        Ok(Self {
            id: text(&event["event_id"]),
            kind: text(&event["type"]),
            sender: text(&event["sender"]),
            state_key: event["state_key"].as_str().map(str::to_owned),
            at: event["origin_server_ts"].as_i64(),
            redacts: redacts.unwrap_or_default().to_owned(),
            replaces: unsigned["replaces_state"].as_str().map(str::to_owned),
            redacted: unsigned.get("redacted_because").is_some(),
            transaction: unsigned["transaction_id"].as_str().map(str::to_owned),
            content,
        })
    }
}

impl Event {
    /// The membership that this event gives `user`.
    pub(super) fn membership(&self, user: &str) -> Option<&str> {
        let is_theirs = self.kind == "m.room.member" && self.state_key.as_deref() == Some(user);
        is_theirs.then(|| self.content["membership"].as_str()).flatten()
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `GET /rooms/ROOM/context/EVENT`
#[derive(Debug, Deserialize)]
pub(super) struct Context {
    #[serde(default)]
    pub(super) end: Option<String>,
}

/// `GET /account/whoami`, and what logging in gives.
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) access_token: String,
}

/// `GET /rooms/ROOM/joined_members`
#[derive(Debug, Deserialize)]
pub(super) struct Members {
    pub(super) joined: BTreeMap<String, Member>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    pub(super) display_name: Option<String>,
}

/// A room that was joined. Nobody reads its id; an answer without one is none.
#[derive(Debug, Deserialize)]
pub(super) struct Came {
    #[serde(rename = "room_id")]
    _room: String,
}

/// An event that was sent.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) event_id: String,
}

/// A file that was uploaded.
#[derive(Debug, Deserialize)]
pub(super) struct Uploaded {
    pub(super) content_uri: String,
}

/// Why something was refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) errcode: String,
    pub(super) error: String,
    pub(super) retry_after_ms: Option<u64>,
}
