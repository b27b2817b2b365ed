//! Telegram, Discord and Slack, with some people on each, every one in a direct chat with the bot.

use openclaw_platforms::{Discord, Faults, Slack, Telegram, discord, telegram};
use tokio::runtime::{Builder, Runtime};

use super::moments::{Moment, Moment::*};

/// People, and so chats.
pub(super) const CHATS: usize = 5;

/// A platform, and where a gateway on it is killed.
pub(super) struct Platform {
    pub(super) name: &'static str,
    /// The channel's keys in `gateway.yaml`.
    pub(super) yaml: String,
    pub(super) server: Box<dyn Server>,
    /// Whether it knows what was sent by a key, so that nothing need be sent twice.
    pub(super) knows_keys: bool,
    /// Pause between pieces of an answer, in milliseconds, so that it is seen growing.
    pub(super) pause: u64,
    pub(super) moments: Vec<Moment>,
    /// What the server runs on.
    pub(super) _runtime: Runtime,
}

/// What is done and seen on a platform.
pub(super) trait Server {
    fn faults(&self) -> &Faults;
    /// The person of this chat writes.
    fn say(&self, chat: usize, text: &str);
    /// What the bot's messages in this chat say now, oldest first.
    fn answers(&self, chat: usize) -> Vec<String>;
    /// How many messages the platform would tell again, as far as it lets that be seen.
    fn unconfirmed(&self) -> usize {
        0
    }
    /// Carries out what killed gateways asked for, and what was held on its way until now.
    fn settle(&self) {}
}

/// A server, and the people on it.
struct On<S, P> {
    server: S,
    people: Vec<P>,
}

impl<S, P> On<S, P> {
    fn new(server: S, person: impl Fn(&S, u64, &str) -> P) -> Self {
        let people = (0..CHATS).map(|chat| person(&server, 1000 + chat as u64, &format!("Person {chat}")));
        Self { people: people.collect(), server }
    }
}

pub(super) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub(super) fn section(name: &str, token: &str, url: &str, users: &[String], more: &str) -> String {
    format!(
        "channels:\n  {name}:\n    token: \"{token}\"\n    base_url: \"{url}\"\n    allowed_users: {users:?}\n{more}"
    )
}

/// The moments that every platform has, and its own.
pub(super) fn moments(send: &'static str, edit: &'static str, own: &[Moment]) -> Vec<Moment> {
    let mut all = vec![Logged, Journaled, Asked, Before(send, 0), After(send, 0), After(send, 2)];
    all.extend([Shown, BeforeEdit(edit), AfterEdit(edit), Answered]);
    all.extend(own);
    all
}

pub(super) fn telegram() -> Platform {
    let (runtime, token) = (runtime(), "42:TEST");
    let server = runtime.block_on(Telegram::start(token));
    server.enforce_limits(true);
    let on = On::new(server, |server, id, name| {
        let user = telegram::User::new(id as i64, name);
        (server.private(&user), user)
    });
    let users: Vec<_> = on.people.iter().map(|(_, user)| user.id.to_string()).collect();
    Platform {
        name: "telegram",
        yaml: section("telegram", token, &on.server.url(), &users, ""),
        server: Box::new(on),
        knows_keys: false,
        pause: 700,
        moments: moments(
            "/sendMessage",
            "/editMessageText",
            &[Before("/getMe", 0), After("/getUpdates", 0), After("/getUpdates", 1), Confirmed],
        ),
        _runtime: runtime,
    }
}

impl Server for On<Telegram, (i64, telegram::User)> {
    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        let (chat, user) = &self.people[chat];
        self.server.say(*chat, user, text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        let sent = self.server.sent_in(self.people[chat].0);
        sent.into_iter().filter(|sent| !sent.deleted).map(|sent| sent.text).collect()
    }

    fn unconfirmed(&self) -> usize {
        self.server.pending()
    }
}

pub(super) fn discord() -> Platform {
    let (runtime, token) = (runtime(), "discord-test-token");
    let on = On::new(runtime.block_on(Discord::start(token)), |server, id, name| {
        let user = discord::User::new(id, name);
        (server.dm(&user), user)
    });
    let users: Vec<_> = on.people.iter().map(|(_, user)| user.id.to_string()).collect();
    // Also reads of what was said, where it is looked whether an answer is there.
    let send = "/messages";
    Platform {
        name: "discord",
        yaml: section("discord", token, &format!("{}/api", on.server.url()), &users, ""),
        server: Box::new(on),
        knows_keys: true,
        pause: 1000,
        moments: moments(
            send,
            "/messages/",
            &[Before("/users/@me", 0), Before("/ws", 0), After("/ws", 0), Logged, Before(send, 1)],
        ),
        _runtime: runtime,
    }
}

/// Where a session was read to is told with the next RESUME only: nothing is seen to be unconfirmed.
impl Server for On<Discord, (u64, discord::User)> {
    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        let (chat, user) = &self.people[chat];
        self.server.say(*chat, user, text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        let sent = self.server.sent_in(self.people[chat].0);
        sent.into_iter().filter(|sent| !sent.deleted).map(|sent| sent.text).collect()
    }
}

pub(super) fn slack() -> Platform {
    let (runtime, token, app_token) = (runtime(), "xoxb-test", "xapp-test");
    let on = On::new(runtime.block_on(Slack::start(token, app_token)), |server, id, _| {
        let user = format!("U{id}");
        (server.im(&user), user)
    });
    let users: Vec<_> = on.people.iter().map(|(_, user)| user.clone()).collect();
    let secrets = format!("    secrets:\n      app_token: \"{app_token}\"\n");
    Platform {
        name: "slack",
        yaml: section("slack", token, &format!("{}/api", on.server.url()), &users, &secrets),
        server: Box::new(on),
        knows_keys: true,
        pause: 1300,
        moments: moments(
            "/api/chat.postMessage",
            "/api/chat.update",
            &[
                Before("/api/apps.connections.open", 0),
                After("/link/", 0),
                Before("/api/users.info", 0),
                Confirmed,
            ],
        ),
        _runtime: runtime,
    }
}

impl Server for On<Slack, (String, String)> {
    fn faults(&self) -> &Faults {
        self.server.faults()
    }

    fn say(&self, chat: usize, text: &str) {
        let (chat, user) = &self.people[chat];
        self.server.say(chat, user, text);
    }

    fn answers(&self, chat: usize) -> Vec<String> {
        self.server.answers(&self.people[chat].0).into_iter().map(|post| post.text).collect()
    }

    fn unconfirmed(&self) -> usize {
        self.server.unacked()
    }
}
