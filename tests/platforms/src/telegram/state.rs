//! What the server knows: chats, messages, updates that wait, and files.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use bytes::Bytes;
use serde_json::{Value, json};

use super::{clock::Clock, limits::Limits, poll::Webhook, post::*};

/// Most confirmed updates that are kept to be served again.
const KEPT: usize = 1000;
/// How long updates wait to be fetched, in seconds.
const UPDATE_LIFE: f64 = 86_400.0;

/// An update that waits.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) id: i64,
    pub(super) kind: &'static str,
    pub(super) body: Value,
    at: f64,
}

impl Update {
    pub(super) fn json(&self) -> Value {
        json!({"update_id": self.id, self.kind: self.body})
    }
}

/// A chat.
#[derive(Debug, Clone, Default)]
pub(super) struct Chat {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) username: String,
    pub(super) forum: bool,
    pub(super) topics: BTreeSet<i64>,
    pub(super) messages: BTreeMap<i64, Value>,
    /// Why the bot may not write here any more.
    pub(super) closed: Option<&'static str>,
    /// The supergroup that it has become.
    pub(super) moved: Option<i64>,
}

/// A file on the server.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    pub(super) size: u64,
    pub(super) path: String,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) token: String,
    pub(super) revoked: bool,
    pub(super) me: Value,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) updates: VecDeque<Update>,
    pub(super) confirmed: VecDeque<Update>,
    pub(super) next_update: i64,
    pub(super) next_message: i64,
    pub(super) sent: Vec<Sent>,
    pub(super) sent_at: HashMap<(i64, i64), usize>,
    pub(super) files: BTreeMap<String, Stored>,
    pub(super) allowed: Option<BTreeSet<String>>,
    pub(super) webhook: Option<Webhook>,
    /// Counts long polls: an older one that still waits gives way.
    pub(super) poll: u64,
    pub(super) backwards: bool,
    pub(super) commands: Vec<(String, String)>,
    pub(super) calls: Vec<(String, Option<i64>)>,
}

impl State {
    /// A chat as the Bot API shows it.
    pub(super) fn chat_json(&self, id: i64) -> Value {
        let Some(chat) = self.chats.get(&id) else { return Value::Null };
        let mut shown = json!({"id": id, "type": chat.kind});
        shown[if chat.kind == "private" { "first_name" } else { "title" }] = chat.name.as_str().into();
        if !chat.username.is_empty() {
            shown["username"] = chat.username.as_str().into();
        }
        if chat.forum {
            shown["is_forum"] = true.into();
        }
        shown
    }

    /// The next message id in a chat. Supergroups and channels count for themselves, all others together, as on Telegram.
    pub(super) fn message_id(&mut self, chat: i64) -> i64 {
        let entry = self.chats.entry(chat).or_default();
        if matches!(entry.kind, "supergroup" | "channel") {
            return entry.messages.last_key_value().map_or(0, |(id, _)| *id) + 1;
        }
        self.next_message += 1;
        self.next_message
    }

    /// A message in a chat, before it has content.
    pub(super) fn message(&mut self, chat: i64, from: &Value, thread: Option<i64>) -> Value {
        let id = self.message_id(chat);
        let mut message = json!({
            "message_id": id, "from": from, "chat": self.chat_json(chat), "date": self.clock.now() as i64,
        });
        if let Some(topic) = thread {
            message["message_thread_id"] = topic.into();
            message["is_topic_message"] = true.into();
        }
        message
    }

    /// A message, as a reply shows it.
    pub(super) fn quoted(&self, chat: i64, id: i64) -> Option<Value> {
        let mut message = self.chats.get(&chat)?.messages.get(&id)?.clone();
        message.as_object_mut()?.remove("reply_to_message");
        Some(message)
    }

    pub(super) fn keep(&mut self, message: &Value) {
        if let (Some(chat), Some(id)) = (message["chat"]["id"].as_i64(), message["message_id"].as_i64()) {
            self.chats.entry(chat).or_default().messages.insert(id, message.clone());
        }
    }

    /// Puts a file on the server; what a message says of it.
    pub(super) fn store(&mut self, media: &Media, scale: &str) -> Value {
        let number = self.files.len() + 1;
        let field = media.kind.field();
        let id = format!("AgAD{number:06}{scale}");
        let end = media.name.rsplit_once('.').map_or("bin", |(_, end)| end);
        let size = media.size.unwrap_or(media.bytes.len() as u64);
        let path = format!("{field}s/file_{number}.{end}");
        self.files.insert(id.clone(), Stored { bytes: media.bytes.clone(), size, path });
        let mut shown =
            json!({"file_id": id, "file_unique_id": format!("AQAD{number:06}"), "file_size": size});
        match media.kind {
            Kind::Photo => {}
            Kind::Sticker => {
                for (name, value) in
                    [("type", json!("regular")), ("is_animated", json!(false)), ("is_video", json!(false))]
                {
                    shown[name] = value;
                }
            }
            Kind::Voice | Kind::Audio | Kind::Video => {
                shown["duration"] = 2.into();
                shown["mime_type"] = media.mime.as_str().into();
            }
            Kind::Document => shown["mime_type"] = media.mime.as_str().into(),
        }
        if matches!(media.kind, Kind::Document | Kind::Audio | Kind::Video) && !media.name.is_empty() {
            shown["file_name"] = media.name.as_str().into();
        }
        if matches!(media.kind, Kind::Photo | Kind::Video | Kind::Sticker) {
            shown["width"] = 800.into();
            shown["height"] = 600.into();
        }
        shown
    }

    /// Puts a file into a message; a photo in three sizes, the largest last.
    pub(super) fn attach(&mut self, message: &mut Value, media: &Media) {
        let field = media.kind.field();
        if media.kind != Kind::Photo {
            message[field] = self.store(media, "");
            return;
        }
        let sizes = ["s", "m", "x"].map(|scale| {
            let mut small = media.clone();
            let part = match scale {
                "s" => 4,
                "m" => 2,
                _ => 1,
            };
            small.bytes = media.bytes.slice(..media.bytes.len() / part);
            let mut shown = self.store(&small, scale);
            shown["width"] = (1280 / part).into();
            shown["height"] = (960 / part).into();
            shown
        });
        message[field] = json!(sizes);
    }

    /// An update for the bot, unless it does not want such.
    pub(super) fn announce(&mut self, kind: &'static str, body: Value) {
        let wanted = self.allowed.as_ref().is_none_or(|allowed| allowed.contains(kind));
        if !wanted {
            return;
        }
        self.next_update += 1;
        let at = self.clock.now();
        self.updates.push_back(Update { id: self.next_update, kind, body, at });
    }

    /// Forgets updates that were confirmed, or waited too long.
    pub(super) fn confirm(&mut self, offset: i64) {
        let now = self.clock.now();
        self.updates.retain(|update| update.at + UPDATE_LIFE > now);
        while let Some(update) = self.updates.pop_front_if(|update| update.id < offset) {
            self.confirmed.push_back(update);
            if self.confirmed.len() > KEPT {
                self.confirmed.pop_front();
            }
        }
    }

    /// What the bot sent, kept to be read.
    pub(super) fn record(&mut self, sent: Sent) {
        self.sent_at.insert((sent.chat, sent.id), self.sent.len());
        self.sent.push(sent);
    }

    pub(super) fn sent_mut(&mut self, chat: i64, id: i64) -> Option<&mut Sent> {
        let at = *self.sent_at.get(&(chat, id))?;
        self.sent.get_mut(at)
    }
}
