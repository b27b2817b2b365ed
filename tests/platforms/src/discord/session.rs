//! What clients are told of: sessions, and the connections that tell them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::state::{DIRECT_MESSAGES, GUILD_MESSAGES, GUILDS, MESSAGE_CONTENT, State};

/// What a client is told of, from its IDENTIFY on.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) intents: u64,
    pub(super) events: Vec<String>,
    pub(super) connection: u64,
}

/// A WebSocket.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) session: Option<String>,
    pub(super) orders: VecDeque<Order>,
    /// How many of the session's events it was sent.
    pub(super) sent: usize,
    /// Reads, and does nothing.
    pub(super) zombie: bool,
    /// Does not even read.
    pub(super) half_open: bool,
}

/// What a connection is to do beside its events.
#[derive(Debug, Clone)]
pub(super) enum Order {
    Say(Value),
    Close(u16),
    Cut,
}

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the server says HELLO.
    Connected,
    /// After it said it.
    Hello,
    /// When it gets an IDENTIFY, before it is carried out.
    Identify,
    /// After READY.
    Ready,
    /// When it gets a RESUME, before it is carried out.
    Resume,
    /// After RESUMED.
    Resumed,
    /// When it gets a heartbeat.
    Heartbeat,
    /// After it told of a message.
    Message,
}

/// What goes wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is cut.
    Cut,
    /// It is closed with this code.
    Close(u16),
    /// It stays open, and nothing is read or written any more.
    Hang,
    /// Something that is no JSON is sent, and all goes on.
    Garbage,
}

impl State {
    pub(super) fn connect(&mut self) -> u64 {
        self.opened += 1;
        self.connections.insert(self.opened, Connection::default());
        self.opened
    }

    /// Tells every session that wants to know.
    pub(super) fn dispatch(&mut self, name: &str, data: &Value) {
        if self.deaf {
            return;
        }
        let me = self.me.id.to_string();
        for session in self.sessions.values_mut() {
            let guild = data.get("guild_id").is_some();
            let needed = match name {
                "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" if guild => {
                    GUILD_MESSAGES
                }
                "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "MESSAGE_DELETE" => DIRECT_MESSAGES,
                "GUILD_CREATE" | "CHANNEL_CREATE" | "CHANNEL_DELETE" | "THREAD_CREATE" | "GUILD_DELETE" => {
                    GUILDS
                }
                _ => 0,
            };
            if session.intents & needed != needed {
                continue;
            }
            let is_message = matches!(name, "MESSAGE_CREATE" | "MESSAGE_UPDATE");
            if is_message && guild && session.intents & MESSAGE_CONTENT == 0 && !is_for(data, &me) {
                let mut blank = data.clone();
                blank["content"] = "".into();
                for list in ["attachments", "embeds", "components"] {
                    blank[list] = json!([]);
                }
                session.push(name, &blank);
            } else {
                session.push(name, data);
            }
        }
    }

    pub(super) fn trouble(&mut self, stage: Stage) -> Option<Trouble> {
        let at = self.troubles.iter().position(|(at, _)| *at == stage)?;
        self.troubles.remove(at).map(|(_, trouble)| trouble)
    }

    pub(super) fn connection(&mut self, number: u64) -> &mut Connection {
        self.connections.entry(number).or_default()
    }

    /// The next thing that a connection has to send.
    pub(super) fn due(&mut self, number: u64) -> Option<Order> {
        let connection = self.connections.get_mut(&number)?;
        if connection.zombie || connection.half_open {
            return None;
        }
        if let Some(order) = connection.orders.pop_front() {
            return Some(order);
        }
        let session = self.sessions.get(connection.session.as_ref()?)?;
        if session.connection != number {
            return None;
        }
        let event = session.events.get(connection.sent)?;
        connection.sent += 1;
        Some(Order::Say(serde_json::from_str(event).unwrap_or_default()))
    }
}

/// Whose content an app sees without the intent: its own, and what mentions it.
fn is_for(message: &Value, me: &str) -> bool {
    let mentions = message["mentions"].as_array();
    message["author"]["id"] == me || mentions.is_some_and(|list| list.iter().any(|user| user["id"] == me))
}

impl Session {
    pub(super) fn push(&mut self, name: &str, data: &Value) {
        let seq = self.events.len() + 1;
        self.events.push(json!({"op": 0, "s": seq, "t": name, "d": data}).to_string());
    }

    /// The last `count` messages come again, as events of their own.
    pub(super) fn repeat(&mut self, count: usize) {
        let read = |event: &String| serde_json::from_str::<Value>(event).unwrap_or_default();
        let messages: Vec<Value> =
            self.events.iter().map(read).filter(|event| event["t"] == "MESSAGE_CREATE").collect();
        for event in messages.iter().skip(messages.len().saturating_sub(count)) {
            self.push("MESSAGE_CREATE", &event["d"]);
        }
    }
}
