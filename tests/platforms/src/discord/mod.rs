//! A small Discord: the gateway and the REST API, version 10, as <https://docs.discord.com/developers> has them, for one app in servers
//! that are made on demand.
//!
//! Stricter than the real one where that is vague: limits are enforced to the letter, and what has no field there has none here (a
//! message that is fetched tells no nonce).

mod control;
mod gateway;
mod ids;
mod interactions;
mod levers;
mod limits;
mod messages;
mod multipart;
mod post;
mod rest;
mod session;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use self::state::State;
use crate::{Answer, Faults, Handler, Reply, Request, Server};

pub(crate) use self::ids::http_date;
pub use self::{
    post::{Post, Sent, User},
    session::{Stage, Trouble},
};

/// The bot's user id.
pub const BOT: u64 = 1_100_000_000_000_000_001;
/// The id of its app.
pub const APPLICATION: u64 = 1_100_000_000_000_000_002;

/// A running Discord with one bot, `@claw`. It ends when it is dropped.
#[derive(Debug)]
pub struct Discord {
    shared: Arc<Shared>,
    /// None: only its levers.
    server: Option<Server>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state());
        self.changed.notify_waiters();
        done
    }
}

impl Discord {
    /// A server on a port that the system chooses, whose bot has this token.
    pub async fn start(token: &str) -> Self {
        Self::start_on(0, token).await.unwrap()
    }

    /// The same on this port.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start_on(port: u16, token: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(token)), changed: Notify::new() });
        let server = Server::start(port, Arc::new(Front(Arc::clone(&shared)))).await?;
        shared.state().url = server.url();
        Ok(Self { shared, server: Some(server) })
    }

    /// Where it is. The REST API is below `/api`.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.state().url.clone()
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// The faults to come. Parts of paths are those of the REST API; `/ws` is the gateway, `/ws-resume` where sessions are resumed.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server().faults()
    }

    /// Cuts every connection there is.
    pub fn cut_all(&self) {
        self.server().cut_all();
    }

    /// What the bot sent so far, in order, as it is now.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.state().sent.clone()
    }

    /// The same of one channel.
    #[must_use]
    pub fn sent_in(&self, channel: u64) -> Vec<Sent> {
        self.shared.state().sent.iter().filter(|sent| sent.channel == channel).cloned().collect()
    }

    /// The calls so far: the route, such as `POST /channels/{}/messages`, and the channel or what else comes second.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String)> {
        self.shared.state().calls.clone()
    }

    /// Where the bot showed that it types.
    #[must_use]
    pub fn typing(&self) -> Vec<u64> {
        self.shared.state().typing.clone()
    }

    /// The commands that the bot registered, by name.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        let state = self.shared.state();
        state.commands.iter().filter_map(|command| command["name"].as_str()).map(str::to_owned).collect()
    }

    /// How long the first answer to an interaction took; `None`: there is none.
    #[must_use]
    pub fn answered(&self, interaction: u64) -> Option<Duration> {
        self.shared.state().interactions[&interaction].took
    }

    /// Whether an interaction still shows that the bot is thinking.
    #[must_use]
    pub fn is_thinking(&self, interaction: u64) -> bool {
        let state = self.shared.state();
        let known = &state.interactions[&interaction];
        let original = known.original.and_then(|id| state.channels[&known.channel].messages.get(&id));
        original.is_some_and(|message| message["flags"] == interactions::LOADING)
    }

    /// Most events that one connection sent within a minute.
    #[must_use]
    pub fn most_in_a_minute(&self) -> usize {
        self.shared.state().pace
    }

    /// How often somebody began a session.
    #[must_use]
    pub fn identified(&self) -> u64 {
        self.shared.state().identified
    }

    /// How often somebody went on with one.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.shared.state().resumed
    }

    /// The gateway connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().connections.len()
    }

    /// How often somebody was told to wait (429).
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.state().limits.refused
    }

    /// Requests that Discord counts as invalid: 401, 403, 429.
    #[must_use]
    pub fn invalid(&self) -> usize {
        self.shared.state().invalid
    }

    /// The server's time in Unix milliseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.shared.state().clock.now()
    }

    /// Waits until `reached` says so of the server; looks after every change. Whether it did within `deadline`.
    pub async fn wait(&self, deadline: Duration, mut reached: impl FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + deadline;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if reached(self) {
                return true;
            }
            if timeout_at(end, changed).await.is_err() {
                return reached(self);
            }
        }
    }

    /// The bot's messages in a channel when `reached` is satisfied with them.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub async fn wait_sent(&self, channel: u64, mut reached: impl FnMut(&[Sent]) -> bool) -> Vec<Sent> {
        let done = self.wait(Duration::from_secs(10), |bot| reached(&bot.sent_in(channel))).await;
        let sent = self.sent_in(channel);
        assert!(done, "the bot did not send what was waited for; in channel {channel} it sent {sent:#?}");
        sent
    }
}

/// What HTTP requests come to.
struct Front(Arc<Shared>);

impl Handler for Front {
    async fn handle(&self, request: Request) -> Answer {
        let shared = &self.0;
        if let Some(verb) = request.path.strip_prefix("/control/") {
            return control::handle(shared, verb, &request.json()).into();
        }
        if let Some(rest) = request.path.strip_prefix("/attachments/") {
            return file(shared, rest, &request.query).into();
        }
        if matches!(request.path.trim_end_matches('/'), "/ws" | "/ws-resume") {
            let shared = Arc::clone(shared);
            return Answer::WebSocket(Box::new(|socket| {
                Box::pin(gateway::talk(shared, socket, request.query))
            }));
        }
        rest::handle(shared, &request).into()
    }
}

/// `CHANNEL/ID/NAME`: a file's bytes, for whoever has a link that is still valid.
fn file(shared: &Shared, path: &str, query: &str) -> Reply {
    let state = shared.state();
    let id = path.split('/').nth(1).and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let signed = query.split('&').any(|part| part == format!("hm={}", state.signature));
    match state.files.get(&id).filter(|_| signed) {
        Some((kind, bytes)) => {
            let headers = vec![("content-type".to_owned(), kind.clone())];
            Reply { status: 200, headers, body: bytes.clone() }
        }
        None => Reply::json(404, &json!("This content is no longer available.")),
    }
}
