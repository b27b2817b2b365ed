//! What people and Telegram itself do: posts, edits, groups that move, tokens that die.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Telegram,
    post::{Post, User, found},
    state::{Chat, State},
};

impl Telegram {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.shared.state());
        self.shared.changed.notify_waiters();
        done
    }

    /// The direct chat with somebody; its id is theirs.
    pub fn private(&self, user: &User) -> i64 {
        self.change(|state| add_private(state, user))
    }

    /// A new basic group.
    pub fn group(&self, title: &str) -> i64 {
        self.change(|state| add_group(state, "group", title, false))
    }

    /// A new supergroup; with topics when it is a forum.
    pub fn supergroup(&self, title: &str, forum: bool) -> i64 {
        self.change(|state| add_group(state, "supergroup", title, forum))
    }

    /// A new topic of a forum; its id.
    pub fn topic(&self, chat: i64, from: &User, name: &str) -> i64 {
        self.change(|state| add_topic(state, chat, from, name))
    }

    /// Somebody posts; the message's id.
    pub fn post(&self, post: &Post) -> i64 {
        self.change(|state| add_post(state, post))
    }

    /// Somebody writes; the message's id.
    pub fn say(&self, chat: i64, from: &User, text: &str) -> i64 {
        self.post(&Post::new(chat, from, text))
    }

    /// Somebody changes what they wrote.
    pub fn edit(&self, chat: i64, message: i64, text: &str) {
        self.change(|state| edit_post(state, chat, message, text));
    }

    /// Somebody presses a button below a message of the bot.
    pub fn press(&self, chat: i64, from: &User, message: i64, data: &str) {
        self.change(|state| {
            let below = state.quoted(chat, message).unwrap();
            let id = state.next_update.to_string();
            let query = json!({
                "id": id, "from": from.json(), "message": below, "chat_instance": "1", "data": data,
            });
            state.announce("callback_query", query);
        });
    }

    /// Somebody changes the bot's membership of a chat: `member`, `kicked`, `left`, …
    pub fn membership(&self, chat: i64, from: &User, before: &str, after: &str) {
        self.change(|state| {
            let member = |status: &str| {
                let mut member = json!({"user": state.me, "status": status});
                if status == "kicked" {
                    member["until_date"] = 0.into();
                }
                member
            };
            let update = json!({
                "chat": state.chat_json(chat), "from": from.json(), "date": state.clock.now() as i64,
                "old_chat_member": member(before), "new_chat_member": member(after),
            });
            state.announce("my_chat_member", update);
        });
    }

    /// Somebody blocks the bot: what it sends there is refused with 403.
    pub fn block(&self, user: &User) {
        self.close(user.id, "Forbidden: bot was blocked by the user");
        self.membership(user.id, user, "member", "kicked");
    }

    /// The bot is removed from a group.
    pub fn kick(&self, chat: i64, by: &User) {
        let kind = self.shared.state().chats[&chat].kind;
        self.close(
            chat,
            match kind {
                "group" => "Forbidden: bot was kicked from the group chat",
                _ => "Forbidden: bot was kicked from the supergroup chat",
            },
        );
        self.membership(chat, by, "member", "kicked");
    }

    fn close(&self, chat: i64, why: &'static str) {
        self.change(|state| state.chats.get_mut(&chat).unwrap().closed = Some(why));
    }

    /// The bot may write there again.
    pub fn reopen(&self, chat: i64) {
        self.change(|state| state.chats.get_mut(&chat).unwrap().closed = None);
    }

    /// A group becomes a supergroup; its new id. What is sent to the old one is refused with `migrate_to_chat_id`.
    pub fn migrate(&self, group: i64, by: &User) -> i64 {
        self.change(|state| migrated(state, group, by))
    }

    /// The token is valid no more: every call is answered with 401, also those that wait.
    pub fn revoke(&self) {
        self.change(|state| state.revoked = true);
    }

    /// From now on the bot has this token.
    pub fn renew(&self, token: &str) {
        self.change(|state| {
            state.token = token.to_owned();
            state.revoked = false;
        });
    }

    /// Calls for `chat`, or all, are answered with 429 for this time.
    pub fn storm(&self, chat: Option<i64>, time: Duration) {
        self.change(|state| {
            let until = state.clock.now() + time.as_secs_f64();
            state.limits.storm(chat, until);
        });
    }

    /// Rates are enforced from now on, or not.
    pub fn enforce_limits(&self, enforce: bool) {
        self.change(|state| state.limits.enforced = enforce);
    }

    /// The last `count` confirmed updates come again, before all others, with the ids they had.
    pub fn replay(&self, count: usize) {
        self.change(|state| replayed(state, count));
    }

    /// The updates of an answer come in the wrong order from now on, or not.
    pub fn backwards(&self, backwards: bool) {
        self.change(|state| state.backwards = backwards);
    }

    /// The next update's id is this; Telegram chooses a new one after a week without updates.
    pub fn next_update_id(&self, id: i64) {
        self.change(|state| state.next_update = id - 1);
    }

    /// The server's clock jumps to this Unix time.
    pub fn set_time(&self, unix: f64) {
        self.change(|state| state.clock.set(unix));
    }

    /// The server's clock jumps forward.
    pub fn forward(&self, time: Duration) {
        self.change(|state| state.clock.forward(time));
    }

    /// An update of any kind, as the Bot API has it.
    pub fn announce(&self, kind: &'static str, body: Value) {
        self.change(|state| state.announce(kind, body));
    }
}

pub(super) fn add_private(state: &mut State, user: &User) -> i64 {
    let chat =
        Chat { kind: "private", name: user.name.clone(), username: user.username.clone(), ..Chat::default() };
    state.chats.entry(user.id).or_insert(chat);
    user.id
}

pub(super) fn add_group(state: &mut State, kind: &'static str, title: &str, forum: bool) -> i64 {
    let number = state.chats.len() as i64 + 1;
    let id = if kind == "group" { -4000 - number } else { -1_001_000_000_000 - number };
    state.chats.insert(id, Chat { kind, name: title.to_owned(), forum, ..Chat::default() });
    id
}

pub(super) fn add_post(state: &mut State, post: &Post) -> i64 {
    let mut message = state.message(post.chat, &post.from.json(), post.thread);
    let (text, entities) = match &post.media {
        Some(media) => {
            state.attach(&mut message, media);
            ("caption", "caption_entities")
        }
        None => ("text", "entities"),
    };
    if !post.text.is_empty() {
        message[text] = post.text.as_str().into();
        let marked = post.entities.clone().unwrap_or_else(|| found(&post.text).into());
        if marked.as_array().is_some_and(|marked| !marked.is_empty()) {
            message[entities] = marked;
        }
    }
    if let Some(quoted) = post.reply_to.and_then(|id| state.quoted(post.chat, id)) {
        message["reply_to_message"] = quoted;
    }
    if let Some(album) = &post.album {
        message["media_group_id"] = album.as_str().into();
    }
    for (name, value) in post.more.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    state.keep(&message);
    let id = message["message_id"].as_i64().unwrap_or_default();
    state.announce("message", message);
    id
}

pub(super) fn edit_post(state: &mut State, chat: i64, id: i64, text: &str) {
    let now = state.clock.now() as i64;
    let mut message = state.chats[&chat].messages[&id].clone();
    let (name, entities) = match message.get("caption") {
        Some(_) => ("caption", "caption_entities"),
        None => ("text", "entities"),
    };
    message[name] = text.into();
    message[entities] = found(text).into();
    message["edit_date"] = now.into();
    state.keep(&message);
    state.announce("edited_message", message);
}

pub(super) fn add_topic(state: &mut State, chat: i64, from: &User, name: &str) -> i64 {
    let mut message = state.message(chat, &from.json(), None);
    let id = message["message_id"].as_i64().unwrap_or_default();
    message["message_thread_id"] = id.into();
    message["is_topic_message"] = true.into();
    message["forum_topic_created"] = json!({"name": name, "icon_color": 7_322_096});
    state.chats.get_mut(&chat).unwrap().topics.insert(id);
    state.keep(&message);
    state.announce("message", message);
    id
}

pub(super) fn migrated(state: &mut State, group: i64, by: &User) -> i64 {
    let title = state.chats[&group].name.clone();
    let new = add_group(state, "supergroup", &title, false);
    state.chats.get_mut(&group).unwrap().moved = Some(new);
    for (chat, name, other) in [(group, "migrate_to_chat_id", new), (new, "migrate_from_chat_id", group)] {
        let mut message = state.message(chat, &by.json(), None);
        message[name] = other.into();
        state.keep(&message);
        state.announce("message", message);
    }
    new
}

pub(super) fn replayed(state: &mut State, count: usize) {
    for _ in 0..count {
        if let Some(update) = state.confirmed.pop_back() {
            state.updates.push_front(update);
        }
    }
}
