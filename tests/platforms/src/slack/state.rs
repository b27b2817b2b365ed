//! What the server knows: tokens, people, channels, what was said, and files.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{BOT, BOT_USER, TEAM, hub::Hub};

/// A message as it is now.
#[derive(Debug, Clone, Default)]
pub struct Post {
    /// The channel's id.
    pub channel: String,
    /// Its id in the channel, and its time.
    pub ts: String,
    /// The message whose thread it is in.
    pub thread_ts: Option<String>,
    /// Who wrote it.
    pub user: String,
    /// Whether our bot did.
    pub by_bot: bool,
    /// The text.
    pub text: String,
    /// Every text it ever had, oldest first.
    pub history: Vec<String>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The app's metadata.
    pub metadata: Value,
    /// Blocks, as they were sent.
    pub blocks: Value,
    /// Ids of its files.
    pub files: Vec<String>,
    pub(super) subtype: &'static str,
    pub(super) edited: Option<String>,
    pub(super) reactions: Vec<String>,
}

/// A place where people write.
#[derive(Debug, Clone, Default)]
pub(super) struct Channel {
    pub(super) name: String,
    /// Who the bot talks with, when it is a direct chat.
    pub(super) with: Option<String>,
    pub(super) private: bool,
    pub(super) member: bool,
    pub(super) archived: bool,
    pub(super) posts: BTreeMap<String, Post>,
}

impl Channel {
    pub(super) fn kind(&self) -> &'static str {
        match (&self.with, self.private) {
            (Some(_), _) => "im",
            (None, true) => "group",
            (None, false) => "channel",
        }
    }
}

/// A file on the server.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Its size as it was announced.
    pub length: usize,
    /// The bytes; `None` until they are uploaded.
    pub bytes: Option<Bytes>,
    pub(super) user: String,
    pub(super) ticket: String,
}

/// A call of a Web API method.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: String,
    /// `channel`, `channel_id` or nothing.
    pub channel: String,
    /// When.
    pub at: Instant,
    /// Whether it was told to wait (429).
    pub refused: bool,
}

/// What a method lets pass.
#[derive(Debug, Default)]
pub(super) struct Limit {
    /// So many calls are refused.
    pub(super) refusals: usize,
    pub(super) retry_after: Duration,
    /// Until then every call is one that disobeys.
    pub(super) until: Option<Instant>,
    pub(super) disobeyed: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) bot_token: String,
    pub(super) app_token: String,
    /// Tokens that are not valid any more, with the error they get.
    pub(super) dead: HashMap<String, String>,
    pub(super) url: String,
    pub(super) users: BTreeMap<String, String>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) files: BTreeMap<String, Stored>,
    /// Roots of assistant panes, by channel and `ts`, and what is shown there.
    pub(super) panes: BTreeMap<(String, String), Pane>,
    /// Payloads that were sent to `response_url`s.
    pub(super) responses: Vec<Value>,
    pub(super) calls: Vec<Call>,
    pub(super) limits: HashMap<String, Limit>,
    pub(super) hub: Hub,
    /// Tokio's clock and Unix microseconds at one moment.
    begun: Option<(Instant, u128)>,
    last_ts: u128,
    next_id: u64,
}

/// What a thread shows beside its messages.
#[derive(Debug, Clone, Default)]
pub struct Pane {
    /// Every status in order; empty: it was taken away.
    pub statuses: Vec<String>,
    /// The title.
    pub title: String,
    /// The prompts that are offered.
    pub prompts: Value,
}

impl State {
    /// Unix microseconds that go with Tokio's clock.
    pub(super) fn now(&mut self) -> u128 {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let (begun, unix) = *self.begun.get_or_insert_with(|| (Instant::now(), system()));
        unix + begun.elapsed().as_micros()
    }

    /// A time that was never given before, in microseconds.
    pub(super) fn ts(&mut self) -> String {
        let now = self.now();
        self.last_ts = now.max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }

    pub(super) fn id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        format!("{prefix}{:08X}", self.next_id)
    }

    pub(super) fn channel(&mut self, id: &str) -> &mut Channel {
        self.channels.entry(id.to_owned()).or_default()
    }

    /// The direct chat with somebody.
    pub(super) fn im(&mut self, user: &str) -> String {
        let found = self.channels.iter().find(|(_, channel)| channel.with.as_deref() == Some(user));
        if let Some((id, _)) = found {
            return id.clone();
        }
        self.users.entry(user.to_owned()).or_insert_with(|| user.to_lowercase());
        let id = self.id("D");
        let channel = Channel { with: Some(user.to_owned()), member: true, ..Channel::default() };
        self.channels.insert(id.clone(), channel);
        id
    }

    pub(super) fn post(&self, channel: &str, ts: &str) -> Option<&Post> {
        self.channels.get(channel)?.posts.get(ts).filter(|post| !post.deleted)
    }

    /// Keeps a message, and tells the app of it.
    pub(super) fn add(&mut self, mut post: Post) -> String {
        post.ts = self.ts();
        post.history = vec![post.text.clone()];
        let ts = post.ts.clone();
        self.channel(&post.channel.clone()).posts.insert(ts.clone(), post.clone());
        self.tell_of(&post);
        ts
    }

    fn tell_of(&mut self, post: &Post) {
        let kind = self.channels.get(&post.channel).map_or("channel", Channel::kind);
        let mut event = self.shown(post, false);
        event["channel"] = json!(post.channel);
        event["event_ts"] = json!(post.ts);
        event["channel_type"] = json!(kind);
        let mentions = post.text.contains(&format!("<@{BOT_USER}>")) && kind != "im" && !post.by_bot;
        self.emit(event.clone());
        if mentions && self.channels.get(&post.channel).is_some_and(|channel| channel.member) {
            event["type"] = json!("app_mention");
            for field in ["channel_type", "subtype"] {
                event.as_object_mut().unwrap().remove(field);
            }
            self.emit(event);
        }
    }

    /// Sends an event to the app.
    pub(super) fn emit(&mut self, event: Value) {
        let seconds = self.last_ts / 1_000_000;
        let payload = json!({
            "token": "verification", "team_id": TEAM, "context_team_id": TEAM, "context_enterprise_id": null,
            "api_app_id": super::APP, "event": event, "type": "event_callback", "event_id": self.id("Ev"),
            "event_time": u64::try_from(seconds).unwrap_or_default(),
            "authorizations": [{
                "enterprise_id": null, "team_id": TEAM, "user_id": BOT_USER, "is_bot": true, "is_enterprise_install": false
            }],
            "is_ext_shared_channel": false, "event_context": self.id("4-"),
        });
        self.hub.push("events_api", payload, false);
    }

    /// A message as events and `conversations.history` show it.
    pub(super) fn shown(&self, post: &Post, metadata: bool) -> Value {
        let mut shown = json!({"type": "message", "text": post.text, "ts": post.ts, "team": TEAM});
        if !post.user.is_empty() {
            shown["user"] = json!(post.user);
        }
        if post.by_bot {
            shown["bot_id"] = json!(BOT);
            shown["app_id"] = json!(super::APP);
        } else if post.subtype == "bot_message" {
            shown["bot_id"] = json!("B0OTHER");
            shown["username"] = json!("Other bot");
        } else {
            shown["client_msg_id"] = json!(format!("c-{}", post.ts));
        }
        if !post.subtype.is_empty() {
            shown["subtype"] = json!(post.subtype);
        }
        if !post.blocks.is_null() {
            shown["blocks"] = post.blocks.clone();
        }
        if !post.metadata.is_null() {
            // Whoever does not ask for the payload is told that there is one.
            let kind = json!({"event_type": post.metadata["event_type"]});
            shown["metadata"] = if metadata { post.metadata.clone() } else { kind };
        }
        if let Some(ts) = &post.edited {
            shown["edited"] = json!({"user": post.user, "ts": ts});
        }
        if !post.files.is_empty() {
            shown["files"] =
                post.files.iter().filter_map(|id| self.files.get(id)).map(|file| self.file(file)).collect();
        }
        let replies = self.replies(&post.channel, &post.ts);
        if let Some(thread) = &post.thread_ts {
            shown["thread_ts"] = json!(thread);
            let root = self.post(&post.channel, thread);
            shown["parent_user_id"] = json!(root.map_or("", |root| &root.user));
        } else if replies > 0 {
            shown["thread_ts"] = json!(post.ts);
            shown["reply_count"] = json!(replies);
        }
        shown
    }

    fn replies(&self, channel: &str, ts: &str) -> usize {
        let Some(channel) = self.channels.get(channel) else { return 0 };
        let later = channel.posts.range(ts.to_owned()..);
        // A thousand messages later nobody asks: counting for each of a burst would take minutes.
        later.take(1000).filter(|(_, post)| post.thread_ts.as_deref() == Some(ts) && !post.deleted).count()
    }

    pub(super) fn file(&self, file: &Stored) -> Value {
        let url = format!("{}/files-pri/{TEAM}-{}/{}", self.url, file.id, file.name);
        json!({
            "id": file.id, "name": file.name, "title": file.name, "mimetype": file.mime_type, "size": file.length,
            "user": file.user, "mode": "hosted", "is_external": false, "url_private": url,
            "url_private_download": format!("{}/files-pri/{TEAM}-{}/download/{}", self.url, file.id, file.name),
        })
    }
}
