//! Telegram, Discord and Slack, with some people on each, every one in a direct chat with the bot.

use openclaw_platforms::{Discord, Faults, Slack, Telegram, discord, telegram};
use tokio::runtime::{Builder, Runtime};

use super::moments::{Moment, Moment::*};

/// People, and so chats.
pub(super) const CHATS: usize = 5;

pub(super) trait Platform {
    fn name(&self) -> &'static str;
    /// The channel's keys in `gateway.yaml`.
    fn yaml(&self) -> String;
    fn faults(&self) -> &Faults;
    /// The person of this chat writes.
    fn say(&self, chat: usize, text: &str);
    /// What the bot's messages in this chat say now, oldest first.
    fn answers(&self, chat: usize) -> Vec<String>;
    /// How many messages the platform would tell again, as far as it lets that be seen.
    fn unconfirmed(&self) -> usize;
    /// Whether it knows what was sent by a key, so that nothing need be sent twice.
    fn knows_keys(&self) -> bool;
    /// Where a gateway is killed.
    fn moments(&self) -> Vec<Moment>;
    /// Pause between pieces of an answer, so that it is seen growing.
    fn pause(&self) -> u64;
}

/// A platform, and what it runs on.
pub(super) struct On<T> {
    server: T,
    chats: Vec<String>,
    _runtime: Runtime,
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn person(chat: usize) -> (u64, String) {
    (1000 + chat as u64, format!("Person {chat}"))
}

fn allowed() -> Vec<String> {
    (0..CHATS).map(|chat| person(chat).0.to_string()).collect()
}

fn section(name: &str, token: &str, url: &str, users: &[String], more: &str) -> String {
    format!(
        "channels:\n  {name}:\n    token: \"{token}\"\n    base_url: \"{url}\"\n    allowed_users: {users:?}\n{more}"
    )
}

impl On<Telegram> {
    const TOKEN: &str = "42:TEST";

    pub(super) fn telegram() -> Self {
        let runtime = runtime();
        let server = runtime.block_on(Telegram::start(Self::TOKEN));
        server.enforce_limits(true);
        let chats = (0..CHATS).map(|chat| server.private(&Self::user(chat)).to_string()).collect();
        Self { server, chats, _runtime: runtime }
    }

    fn user(chat: usize) -> telegram::User {
        let (id, name) = person(chat);
        telegram::User::new(id as i64, &name)
    }

    fn chat(&self, chat: usize) -> i64 {
        self.chats[chat].parse().unwrap()
    }
}

impl Platform for On<Telegram> {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn yaml(&self) -> String {
        section("telegram", Self::TOKEN, &self.server.url(), &allowed(), "")
    }

    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        self.server.say(self.chat(chat), &Self::user(chat), text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        let sent = self.server.sent_in(self.chat(chat));
        sent.into_iter().filter(|sent| !sent.deleted).map(|sent| sent.text).collect()
    }

    fn unconfirmed(&self) -> usize {
        self.server.pending()
    }

    fn knows_keys(&self) -> bool {
        false
    }

    fn moments(&self) -> Vec<Moment> {
        let edit = "/editMessageText";
        vec![
            Before("/getMe", 0),
            After("/getUpdates", 0),
            After("/getUpdates", 1),
            Logged,
            Journaled,
            Confirmed,
            Asked,
            Before("/sendMessage", 0),
            After("/sendMessage", 0),
            After("/sendMessage", 2),
            Shown,
            BeforeEdit(edit),
            AfterEdit(edit),
            Answered,
        ]
    }

    fn pause(&self) -> u64 {
        700
    }
}

impl On<Discord> {
    const TOKEN: &str = "discord-test-token";

    pub(super) fn discord() -> Self {
        let runtime = runtime();
        let server = runtime.block_on(Discord::start(Self::TOKEN));
        let chats = (0..CHATS).map(|chat| server.dm(&Self::user(chat)).to_string()).collect();
        Self { server, chats, _runtime: runtime }
    }

    fn user(chat: usize) -> discord::User {
        let (id, name) = person(chat);
        discord::User::new(id, &name)
    }

    fn chat(&self, chat: usize) -> u64 {
        self.chats[chat].parse().unwrap()
    }
}

impl Platform for On<Discord> {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn yaml(&self) -> String {
        section("discord", Self::TOKEN, &format!("{}/api", self.server.url()), &allowed(), "")
    }

    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        self.server.say(self.chat(chat), &Self::user(chat), text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        let sent = self.server.sent_in(self.chat(chat));
        sent.into_iter().filter(|sent| !sent.deleted).map(|sent| sent.text).collect()
    }

    fn unconfirmed(&self) -> usize {
        // Where a session was read to is told with the next RESUME only.
        0
    }

    fn knows_keys(&self) -> bool {
        true
    }

    fn moments(&self) -> Vec<Moment> {
        // Also reads of what was said, where it is looked whether an answer is there.
        let (send, edit) = ("/messages", "/messages/");
        vec![
            Before("/users/@me", 0),
            Before("/ws", 0),
            After("/ws", 0),
            Logged,
            Logged,
            Journaled,
            Asked,
            Before(send, 0),
            Before(send, 1),
            After(send, 0),
            After(send, 2),
            Shown,
            BeforeEdit(edit),
            AfterEdit(edit),
            Answered,
        ]
    }

    fn pause(&self) -> u64 {
        1000
    }
}

impl On<Slack> {
    const TOKENS: (&str, &str) = ("xoxb-test", "xapp-test");

    pub(super) fn slack() -> Self {
        let runtime = runtime();
        let server = runtime.block_on(Slack::start(Self::TOKENS.0, Self::TOKENS.1));
        let chats = (0..CHATS).map(|chat| server.im(&Self::user(chat))).collect();
        Self { server, chats, _runtime: runtime }
    }

    fn user(chat: usize) -> String {
        format!("U{}", person(chat).0)
    }
}

impl Platform for On<Slack> {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn yaml(&self) -> String {
        let users: Vec<_> = (0..CHATS).map(Self::user).collect();
        let secrets = format!("    secrets:\n      app_token: \"{}\"\n", Self::TOKENS.1);
        section("slack", Self::TOKENS.0, &format!("{}/api", self.server.url()), &users, &secrets)
    }

    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        self.server.say(&self.chats[chat], &Self::user(chat), text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        self.server.answers(&self.chats[chat]).into_iter().map(|post| post.text).collect()
    }

    fn unconfirmed(&self) -> usize {
        self.server.unacked()
    }

    fn knows_keys(&self) -> bool {
        true
    }

    fn moments(&self) -> Vec<Moment> {
        let (send, edit) = ("/api/chat.postMessage", "/api/chat.update");
        vec![
            Before("/api/apps.connections.open", 0),
            After("/link/", 0),
            Before("/api/users.info", 0),
            Logged,
            Journaled,
            Confirmed,
            Asked,
            Before(send, 0),
            After(send, 0),
            After(send, 2),
            Shown,
            BeforeEdit(edit),
            AfterEdit(edit),
            Answered,
        ]
    }

    fn pause(&self) -> u64 {
        1300
    }
}
