//! A small Slack: Socket Mode and the Web API for one workspace with one app, as <https://docs.slack.dev> describes them.
//!
//! Stricter than the real one where it is vague: each redelivery has an envelope id of its own, a limit that is told is enforced to
//! the second, and texts over the documented lengths are refused.

mod control;
mod files;
mod hub;
mod levers;
mod methods;
mod read;
mod socket;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use self::state::State;
use crate::{Answer, Faults, Handler, Reply, Request, Server, args::Args, discord::http_date};

pub use self::state::{Call, Pane, Post, Stored};

/// The workspace.
pub const TEAM: &str = "T0CLAW";
/// The app.
pub const APP: &str = "A0CLAW";
/// The app's bot user: what is mentioned.
pub const BOT_USER: &str = "U0CLAW";
/// The app's bot.
pub const BOT: &str = "B0CLAW";

/// A running Slack. It ends when it is dropped.
#[derive(Debug)]
pub struct Slack {
    shared: Arc<Shared>,
    server: Server,
}

#[derive(Debug, Default)]
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

impl Slack {
    /// A Slack on a port that the system chooses, with these tokens (`xoxb-…`, `xapp-…`).
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(bot_token: &str, app_token: &str) -> Self {
        Self::start_on(0, bot_token, app_token).await.unwrap()
    }

    /// The same on this port.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start_on(port: u16, bot_token: &str, app_token: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let server = Server::start(port, Arc::new(Front(Arc::clone(&shared)))).await?;
        shared.change(|state| {
            (state.bot_token, state.app_token) = (bot_token.to_owned(), app_token.to_owned());
            state.url = server.url();
        });
        Ok(Self { shared, server })
    }

    /// Its address; the Web API is at `/api/` there.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The faults to come; parts of paths are `/api/METHOD`, `/link/`, `/upload/`, `/files-pri/`.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Cuts every connection there is, also those of the Web API.
    pub fn cut_all(&self) {
        self.server.cut_all();
    }

    /// The messages of a channel that are there, in order.
    #[must_use]
    pub fn posts(&self, channel: &str) -> Vec<Post> {
        let state = self.shared.state();
        let posts = state.channels.get(channel).into_iter().flat_map(|channel| channel.posts.values());
        posts.filter(|post| !post.deleted).cloned().collect()
    }

    /// Those of them that the bot wrote.
    #[must_use]
    pub fn answers(&self, channel: &str) -> Vec<Post> {
        self.posts(channel)
            .into_iter()
            .filter(|post| post.by_bot && post.subtype != "assistant_app_thread")
            .collect()
    }

    /// The bytes and names of files, by id.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<Stored> {
        self.shared.state().files.get(id).cloned()
    }

    /// What a thread shows beside its messages.
    #[must_use]
    pub fn pane(&self, channel: &str, thread: &str) -> Option<Pane> {
        self.shared.state().panes.get(&(channel.to_owned(), thread.to_owned())).cloned()
    }

    /// The Web API calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// How many WebSockets are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state().hub.connections()
    }

    /// How many WebSockets there ever were.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.shared.state().hub.opened
    }

    /// How many deliveries are not acknowledged.
    #[must_use]
    pub fn unacked(&self) -> usize {
        self.shared.state().hub.unacked()
    }

    /// What a delivery was acknowledged with; null: with nothing.
    #[must_use]
    pub fn acked(&self, delivery: usize) -> Option<Value> {
        self.shared.state().hub.deliveries.get(delivery)?.acked.clone()
    }

    /// What was sent to `response_url`s.
    #[must_use]
    pub fn responses(&self) -> Vec<Value> {
        self.shared.state().responses.clone()
    }

    /// How many calls came while their method was to rest (429).
    #[must_use]
    pub fn disobeyed(&self) -> usize {
        self.shared.state().limits.values().map(|limit| limit.disobeyed).sum()
    }

    /// Waits until `reached` says so of the server. Whether it did within `deadline`.
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
    pub async fn wait_answers(&self, channel: &str, mut reached: impl FnMut(&[Post]) -> bool) -> Vec<Post> {
        let done = self.wait(Duration::from_secs(10), |slack| reached(&slack.answers(channel))).await;
        let answers = self.answers(channel);
        assert!(done, "the bot did not post what was waited for; in {channel} it posted {answers:#?}");
        answers
    }
}

/// What HTTP requests come to.
struct Front(Arc<Shared>);

impl Handler for Front {
    async fn handle(&self, request: Request) -> Answer {
        let path = request.path.trim_start_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let bearer = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
        match first {
            "control" => self.0.change(|state| control::handle(state, rest, &request.json())).into(),
            "api" => {
                let args = Args::of(&request);
                let token = if bearer.is_empty() { args.text("token").to_owned() } else { bearer };
                let form = !request.header("content-type").starts_with("application/json");
                let reply = self.0.change(|state| {
                    let now = u64::try_from(state.now() / 1000).unwrap_or_default();
                    methods::call(state, rest, &token, &args, form).header("Date", http_date(now))
                });
                reply.into()
            }
            "link" => {
                let ticket = request.query.split('&').find_map(|pair| pair.strip_prefix("ticket="));
                if !self.0.change(|state| state.hub.redeem(ticket.unwrap_or_default())) {
                    return Reply::json(403, &json!({"ok": false, "error": "invalid_ticket"})).into();
                }
                let shared = Arc::clone(&self.0);
                Answer::WebSocket(Box::new(move |socket| Box::pin(socket::talk(shared, socket))))
            }
            "upload" => {
                let ticket = rest.trim_start_matches("v1/");
                self.0.change(|state| files::upload(state, ticket, &request)).into()
            }
            "files-pri" => files::download(&self.0.state(), rest, &bearer).into(),
            "commands" => {
                self.0.change(|state| state.responses.push(request.json()));
                Reply::json(200, &json!({"ok": true})).into()
            }
            _ => Reply::json(404, &json!({"ok": false, "error": "not_found"})).into(),
        }
    }
}
