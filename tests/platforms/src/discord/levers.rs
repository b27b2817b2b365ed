//! What people do, and what goes wrong.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::{
    Discord, messages,
    post::{Post, User},
    rest::Failure,
    session::{Order, Stage, Trouble},
    state::{Channel, Guild, Interaction, State, TEXT},
};

impl Discord {
    /// A new server (guild) that the bot is in.
    pub fn guild(&self, name: &str) -> u64 {
        self.shared.change(|state| add_guild(state, name))
    }

    /// A new text channel.
    pub fn channel(&self, guild: u64, name: &str) -> u64 {
        self.shared.change(|state| add_channel(state, guild, name))
    }

    /// The direct chat with somebody.
    pub fn dm(&self, user: &User) -> u64 {
        self.shared.change(|state| state.dm(user))
    }

    /// A new thread; one that begins at a message has its id.
    pub fn thread(&self, parent: u64, name: &str, message: Option<u64>) -> u64 {
        self.shared.change(|state| state.thread(parent, name, message))
    }

    /// Somebody posts; the message's id.
    pub fn post(&self, post: &Post) -> u64 {
        self.shared.change(|state| add_post(state, post))
    }

    /// Somebody writes; the message's id.
    pub fn say(&self, channel: u64, from: &User, text: &str) -> u64 {
        self.post(&Post::new(channel, from, text))
    }

    /// Somebody changes what they wrote.
    pub fn edit(&self, channel: u64, message: u64, text: &str) {
        self.shared.change(|state| edit_post(state, channel, message, text));
    }

    /// A message gets a preview of its link: an update that nobody made.
    pub fn unfurl(&self, channel: u64, message: u64) {
        self.shared.change(|state| {
            let known = state.channels.get_mut(&channel).unwrap().messages.get_mut(&message).unwrap();
            known["embeds"] = json!([{"type": "link", "url": "https://example.org", "title": "Example"}]);
            let event = known.clone();
            state.dispatch("MESSAGE_UPDATE", &event);
        });
    }

    /// Somebody deletes a message.
    pub fn delete(&self, channel: u64, message: u64) {
        self.shared.change(|state| messages::delete(state, channel, message).unwrap());
    }

    /// Somebody uses a slash command; the interaction's id.
    pub fn command(&self, channel: u64, by: &User, name: &str) -> u64 {
        self.shared.change(|state| add_command(state, channel, by, name))
    }

    /// An event of any kind, as the gateway has it.
    pub fn dispatch(&self, name: &str, data: &Value) {
        self.shared.change(|state| state.dispatch(name, data));
    }

    /// The token is valid no more, and connections that use it are closed with 4004.
    pub fn revoke(&self) {
        self.shared.change(|state| {
            state.revoked = true;
            state.order(Order::Close(4004));
        });
    }

    /// From now on the bot has this token.
    pub fn renew(&self, token: &str) {
        self.shared.change(|state| {
            state.token = token.to_owned();
            state.revoked = false;
        });
    }

    /// Whether the app may ask for MESSAGE_CONTENT.
    pub fn allow_content(&self, allowed: bool) {
        self.shared.change(|state| state.content_allowed = allowed);
    }

    /// So many IDENTIFYs are left today.
    pub fn identifies_left(&self, count: u64) {
        self.shared.change(|state| state.identifies = count);
    }

    /// The heartbeat interval of connections to come.
    pub fn heartbeat(&self, interval: Duration) {
        self.shared.change(|state| state.heartbeat = interval);
    }

    /// The answer to a heartbeat takes so long, and so does everything behind it.
    pub fn slow_heartbeats(&self, time: Duration) {
        self.shared.change(|state| state.slow = time);
    }

    /// The bot may not write there any more: 403, with Discord's code.
    pub fn forbid(&self, channel: u64, code: u64, message: &str) {
        let failure = Failure::new(403, code, message);
        self.shared.change(|state| state.channels.get_mut(&channel).unwrap().closed = Some(failure));
    }

    /// The bot may write there again.
    pub fn permit(&self, channel: u64) {
        self.shared.change(|state| state.channels.get_mut(&channel).unwrap().closed = None);
    }

    /// The channel is gone.
    pub fn remove(&self, channel: u64) {
        self.shared.change(|state| {
            let gone = state.channel_json(channel);
            state.channels.remove(&channel);
            state.dispatch("CHANNEL_DELETE", &gone);
        });
    }

    /// Links to files that were given so far are valid no more.
    pub fn expire_links(&self) {
        self.shared.change(|state| state.signature += 1);
    }

    /// Calls whose route (`POST /channels/{}/messages`) contains `route`, or all, are refused with 429 for this time.
    pub fn storm(&self, route: Option<&str>, time: Duration) {
        self.shared.change(|state| state.limits.storm(route, time));
    }

    /// What happens from now on is told by no gateway connection, now or later: only REST knows.
    pub fn deaf(&self, deaf: bool) {
        self.shared.change(|state| state.deaf = deaf);
    }

    /// Every connection is closed with this code. The sessions stay, but for codes that end them.
    pub fn close(&self, code: u16) {
        self.shared.change(|state| state.order(Order::Close(code)));
    }

    /// Every gateway connection is cut, without a goodbye.
    pub fn cut(&self) {
        self.shared.change(|state| state.order(Order::Cut));
    }

    /// RECONNECT (op 7).
    pub fn ask_to_reconnect(&self) {
        self.say_all(&json!({"op": 7, "d": null, "s": null, "t": null}));
    }

    /// A heartbeat is asked for (op 1).
    pub fn ask_for_heartbeat(&self) {
        self.say_all(&json!({"op": 1, "d": null, "s": null, "t": null}));
    }

    /// INVALID_SESSION (op 9). One that can't be resumed is forgotten.
    pub fn invalidate(&self, resumable: bool) {
        if !resumable {
            self.forget_sessions();
        }
        self.say_all(&json!({"op": 9, "d": resumable, "s": null, "t": null}));
    }

    fn say_all(&self, event: &Value) {
        self.shared.change(|state| state.order(Order::Say(event.clone())));
    }

    /// No session can be resumed any more. Connections stay, and hear nothing.
    pub fn forget_sessions(&self) {
        self.shared.change(|state| state.sessions.clear());
    }

    /// The connections there are stay open, and nothing is read or written any more.
    pub fn half_open(&self) {
        self.shared.change(|state| {
            state.connections.values_mut().for_each(|connection| connection.half_open = true);
        });
    }

    /// The connections there are answer pings, but no heartbeat, and tell nothing any more.
    pub fn zombie(&self) {
        self.shared.change(|state| {
            state.connections.values_mut().for_each(|connection| connection.zombie = true);
        });
    }

    /// The next time a connection comes to `stage`, `trouble` happens.
    pub fn trouble(&self, stage: Stage, trouble: Trouble) {
        self.shared.change(|state| state.troubles.push_back((stage, trouble)));
    }

    /// No more of that.
    pub fn no_trouble(&self) {
        self.shared.change(|state| state.troubles.clear());
    }

    /// The last `count` messages are told again, as new events.
    pub fn repeat(&self, count: usize) {
        self.shared.change(|state| state.sessions.values_mut().for_each(|session| session.repeat(count)));
    }

    /// The server's clock jumps to this Unix time, in milliseconds.
    pub fn set_time(&self, unix_millis: u64) {
        self.shared.change(|state| state.clock.set(unix_millis));
    }
}

impl State {
    fn order(&mut self, order: Order) {
        for connection in self.connections.values_mut() {
            connection.orders.push_back(order.clone());
        }
    }

    /// Keeps a file; the attachment that it is.
    pub(super) fn attach(&mut self, channel: u64, name: &str, kind: &str, bytes: Bytes) -> Value {
        let id = self.clock.id();
        let size = bytes.len();
        self.files.insert(id, (kind.to_owned(), bytes));
        let url =
            format!("{}/attachments/{channel}/{id}/{name}?ex=ffffffff&is=0&hm={}", self.url, self.signature);
        json!({
            "id": id.to_string(), "filename": name, "size": size, "url": url, "proxy_url": url, "content_type": kind,
        })
    }
}

pub(super) fn add_guild(state: &mut State, name: &str) -> u64 {
    let (id, role) = (state.clock.id(), state.clock.id());
    state.guilds.insert(id, Guild { name: name.to_owned(), role });
    let event = state.guild_json(id);
    state.dispatch("GUILD_CREATE", &event);
    id
}

pub(super) fn add_channel(state: &mut State, guild: u64, name: &str) -> u64 {
    let id = state.clock.id();
    let channel = Channel { kind: TEXT, name: name.to_owned(), guild: Some(guild), ..Channel::default() };
    state.channels.insert(id, channel);
    let event = state.channel_json(id);
    state.dispatch("CHANNEL_CREATE", &event);
    id
}

pub(super) fn add_post(state: &mut State, post: &Post) -> u64 {
    let mut message = messages::blank(state, post.channel, &post.from);
    message["content"] = post.text.as_str().into();
    message["mentions"] = messages::mentions(state, &message);
    if let Some(to) = post.reply_to {
        messages::refer(state, &mut message, post.channel, to, true).unwrap();
        let author = message["referenced_message"]["author"].clone();
        if let Some(mentions) = message["mentions"].as_array_mut().filter(|_| post.pings) {
            mentions.push(author);
        }
    }
    let files = post.files.iter();
    let files = files.map(|(name, kind, bytes)| state.attach(post.channel, name, kind, bytes.clone()));
    message["attachments"] = files.collect();
    for (name, value) in post.more.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    messages::publish(state, message)
}

pub(super) fn edit_post(state: &mut State, channel: u64, id: u64, text: &str) {
    let now = super::ids::iso(state.clock.now());
    let message = state.channels.get_mut(&channel).unwrap().messages.get_mut(&id).unwrap();
    message["content"] = text.into();
    message["edited_timestamp"] = now.into();
    let event = message.clone();
    state.dispatch("MESSAGE_UPDATE", &event);
}

pub(super) fn add_command(state: &mut State, channel: u64, by: &User, name: &str) -> u64 {
    let id = state.clock.id();
    let token = format!("interaction-token-{id}");
    let command = state.commands.iter().find(|command| command["name"] == name);
    let command_id = command.map_or_else(|| id.to_string().into(), |command| command["id"].clone());
    let mut event = json!({
        "id": id.to_string(), "application_id": super::APPLICATION.to_string(), "type": 2, "token": token, "version": 1,
        "data": {"id": command_id, "name": name, "type": 1}, "channel_id": channel.to_string(),
        "channel": state.channel_json(channel), "locale": "en-US", "entitlements": [], "attachment_size_limit": 10_485_760,
        "app_permissions": "2248473465835073", "authorizing_integration_owners": {}, "context": 1,
    });
    match state.channels[&channel].guild {
        Some(guild) => {
            let mut member = state.member_json(by);
            member["permissions"] = "2248473465835073".into();
            event["member"] = member;
            event["guild_id"] = guild.to_string().into();
            event["guild"] = json!({"id": guild.to_string(), "locale": "en-US", "features": []});
            event["guild_locale"] = "en-US".into();
            event["context"] = 0.into();
        }
        None => event["user"] = by.json(),
    }
    let interaction = Interaction {
        token,
        channel,
        by: by.json(),
        command: name.to_owned(),
        made: Instant::now(),
        answered: None,
        took: None,
        original: None,
    };
    state.interactions.insert(id, interaction);
    state.dispatch("INTERACTION_CREATE", &event);
    id
}
