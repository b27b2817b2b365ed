//! Everything the server knows.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use tokio::time::{Duration, Instant};

use super::{
    ids::{Clock, time_of},
    limits::Limits,
    post::{Sent, User},
    rest::Failure,
    session::{Connection, Session, Stage, Trouble},
};

/// How long a nonce is remembered: "the past few minutes".
const NONCE: Duration = Duration::from_secs(180);

/// Kinds of channels.
pub(super) const TEXT: u8 = 0;
pub(super) const DM: u8 = 1;
pub(super) const THREAD: u8 = 11;

/// Bits of `intents`.
pub(super) const GUILDS: u64 = 1;
pub(super) const GUILD_MESSAGES: u64 = 1 << 9;
pub(super) const DIRECT_MESSAGES: u64 = 1 << 12;
pub(super) const MESSAGE_CONTENT: u64 = 1 << 15;

#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) token: String,
    pub(super) revoked: bool,
    pub(super) me: User,
    pub(super) url: String,
    pub(super) content_allowed: bool,
    pub(super) heartbeat: Duration,
    /// How long the answer to a heartbeat takes.
    pub(super) slow: Duration,
    /// Most events that a client sent in a minute.
    pub(super) pace: usize,
    pub(super) identifies: u64,
    pub(super) identified: u64,
    pub(super) resumed: u64,
    pub(super) guilds: BTreeMap<u64, Guild>,
    pub(super) channels: BTreeMap<u64, Channel>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) opened: u64,
    pub(super) troubles: VecDeque<(Stage, Trouble)>,
    /// Events are seen by nobody: neither now, nor by a resume.
    pub(super) deaf: bool,
    pub(super) limits: Limits,
    pub(super) commands: Vec<Value>,
    pub(super) nonces: HashMap<String, (Instant, u64, u64)>,
    pub(super) interactions: HashMap<u64, Interaction>,
    pub(super) files: HashMap<u64, (String, Bytes)>,
    /// Changes whenever links to files become invalid.
    pub(super) signature: u64,
    pub(super) sent: Vec<Sent>,
    pub(super) calls: Vec<(String, String)>,
    pub(super) typing: Vec<u64>,
    /// 401, 403 and 429 so far.
    pub(super) invalid: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Guild {
    pub(super) name: String,
    pub(super) role: u64,
}

#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) kind: u8,
    pub(super) name: String,
    pub(super) guild: Option<u64>,
    pub(super) parent: Option<u64>,
    pub(super) with: Option<User>,
    pub(super) messages: BTreeMap<u64, Value>,
    pub(super) last: u64,
    /// Why nobody may write there.
    pub(super) closed: Option<Failure>,
    /// Whether nobody may read there either.
    pub(super) hidden: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Interaction {
    pub(super) token: String,
    pub(super) channel: u64,
    pub(super) by: Value,
    pub(super) command: String,
    pub(super) made: Instant,
    /// The type of the callback.
    pub(super) answered: Option<u64>,
    /// How long that took.
    pub(super) took: Option<Duration>,
    pub(super) original: Option<u64>,
}

impl State {
    pub(super) fn new(token: &str) -> Self {
        Self {
            clock: Clock::default(),
            token: token.to_owned(),
            revoked: false,
            me: User::new(super::BOT, "Claw").bot(),
            url: String::new(),
            content_allowed: true,
            heartbeat: Duration::from_millis(41_250),
            slow: Duration::ZERO,
            pace: 0,
            identifies: 1000,
            identified: 0,
            resumed: 0,
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            sessions: HashMap::new(),
            connections: BTreeMap::new(),
            opened: 0,
            troubles: VecDeque::new(),
            deaf: false,
            limits: Limits::default(),
            commands: Vec::new(),
            nonces: HashMap::new(),
            interactions: HashMap::new(),
            files: HashMap::new(),
            signature: 1,
            sent: Vec::new(),
            calls: Vec::new(),
            typing: Vec::new(),
            invalid: 0,
        }
    }

    pub(super) fn channel_json(&self, id: u64) -> Value {
        let channel = &self.channels[&id];
        let last = Some(channel.last).filter(|last| *last > 0).map(|last| last.to_string());
        let mut json =
            json!({"id": id.to_string(), "type": channel.kind, "last_message_id": last, "flags": 0});
        if let Some(with) = &channel.with {
            json["recipients"] = json!([with.json()]);
            return json;
        }
        let parent = channel.parent.map(|parent| parent.to_string());
        json["name"] = channel.name.as_str().into();
        json["guild_id"] = channel.guild.unwrap_or_default().to_string().into();
        json["parent_id"] = json!(parent);
        if channel.kind == THREAD {
            let begun = time_of(id);
            json["owner_id"] = self.me.id.to_string().into();
            json["message_count"] = channel.messages.len().into();
            json["member_count"] = 2.into();
            json["thread_metadata"] = json!({
                "archived": false, "auto_archive_duration": 1440, "archive_timestamp": begun, "locked": false,
                "create_timestamp": begun,
            });
        } else {
            json["position"] = 0.into();
            json["permission_overwrites"] = json!([]);
            json["nsfw"] = false.into();
            json["topic"] = Value::Null;
            json["rate_limit_per_user"] = 0.into();
        }
        json
    }

    pub(super) fn guild_json(&self, id: u64) -> Value {
        let guild = &self.guilds[&id];
        let of_guild = |thread: bool| -> Vec<Value> {
            let is_ours = |channel: &Channel| {
                channel.guild == Some(id) && (channel.kind == THREAD) == thread && !channel.hidden
            };
            let ids = self.channels.iter().filter(|(_, channel)| is_ours(channel));
            ids.map(|(id, _)| self.channel_json(*id)).collect()
        };
        let role = |id: u64, name: &str| {
            json!({
                "id": id.to_string(), "name": name, "color": 0, "hoist": false, "position": 0,
                "permissions": "2248473465835073", "managed": false, "mentionable": false, "flags": 0,
                "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
            })
        };
        let mut own = role(guild.role, "Claw");
        own["managed"] = true.into();
        own["tags"] = json!({"bot_id": self.me.id.to_string()});
        json!({
            "id": id.to_string(), "name": guild.name, "owner_id": "1", "unavailable": false, "large": false,
            "member_count": 3, "joined_at": time_of(id), "roles": [role(id, "@everyone"), own], "emojis": [],
            "features": [], "stickers": [], "channels": of_guild(false), "threads": of_guild(true),
            "members": [self.member_json(&self.me.clone())], "presences": [], "voice_states": [],
            "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [], "verification_level": 0,
            "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0,
            "premium_tier": 0, "preferred_locale": "en-US", "system_channel_flags": 0, "afk_timeout": 300,
        })
    }

    pub(super) fn member_json(&self, user: &User) -> Value {
        let mut member = member();
        member.insert("user".to_owned(), user.json());
        member.into()
    }

    pub(super) fn application_json(&self) -> Value {
        // GATEWAY_MESSAGE_CONTENT_LIMITED: on, for an app in fewer than a hundred servers.
        let flags = if self.content_allowed { 1 << 19 } else { 0 };
        json!({
            "id": super::APPLICATION.to_string(), "name": "Claw", "icon": null, "description": "", "bot_public": true,
            "bot_require_code_grant": false, "verify_key": "00", "flags": flags, "bot": self.me.json(),
            "owner": User::new(1, "Owner").json(), "team": null, "rpc_origins": [], "tags": [],
        })
    }

    /// The id of a channel's message that was sent with this nonce in the past few minutes.
    pub(super) fn known(&mut self, nonce: &str) -> Option<(u64, u64)> {
        self.nonces.retain(|_, (at, ..)| at.elapsed() < NONCE);
        self.nonces.get(nonce).map(|(_, channel, id)| (*channel, *id))
    }

    pub(super) fn sent_mut(&mut self, id: u64) -> Option<&mut Sent> {
        self.sent.iter_mut().find(|sent| sent.id == id)
    }

    /// The direct chat with somebody.
    pub(super) fn dm(&mut self, user: &User) -> u64 {
        let is_it = |channel: &Channel| channel.with.as_ref().is_some_and(|with| with.id == user.id);
        if let Some((id, _)) = self.channels.iter().find(|(_, channel)| is_it(channel)) {
            return *id;
        }
        let id = self.clock.id();
        self.channels.insert(id, Channel { kind: DM, with: Some(user.clone()), ..Channel::default() });
        id
    }
}

/// A member of a guild, without its user.
pub(super) fn member() -> Map<String, Value> {
    let member = json!({
        "roles": [], "joined_at": "2024-01-01T00:00:00.000000+00:00", "deaf": false, "mute": false, "flags": 0,
        "nick": null, "avatar": null, "pending": false, "premium_since": null,
    });
    member.as_object().cloned().unwrap_or_default()
}
