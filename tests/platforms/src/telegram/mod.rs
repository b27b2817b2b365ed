//! A small Bot API server: what <https://core.telegram.org/bots/api> says, and what its source, `tdlib/telegram-bot-api`, adds
//! (the words of errors, who is told of a conflict, what an offset forgets).
//!
//! Stricter than the real one where it is vague: rates are enforced to the letter once they are, and lengths are in UTF-16.

mod clock;
mod control;
mod html;
mod levers;
mod limits;
mod methods;
mod poll;
mod post;
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
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{methods::Failure, state::State};
use crate::{Answer, Faults, Handler, Reply, Request, Server, args::Args};

pub use self::post::{Kind, Post, Sent, User};

/// Reads a text as `parse_mode=HTML` does: what people see of it.
///
/// # Errors
/// What Telegram says of it, after "can't parse entities: ".
pub fn read_html(source: &str) -> Result<String, String> {
    html::parse(source).map(|(text, _)| text)
}

/// The bot's user name.
pub const USERNAME: &str = "claw_bot";

/// A running Bot API server with one bot, `@claw_bot`. It ends when it is dropped.
#[derive(Debug)]
pub struct Telegram {
    shared: Arc<Shared>,
    server: Server,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    conflict: Mutex<Option<Instant>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telegram {
    /// A server on a port that the system chooses, whose bot has this token (`NUMBER:ANYTHING`).
    pub async fn start(token: &str) -> Self {
        Self::start_on(0, token).await.unwrap()
    }

    /// The same on this port.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start_on(port: u16, token: &str) -> std::io::Result<Self> {
        let id: i64 = token.split(':').next().and_then(|id| id.parse().ok()).unwrap_or(42);
        let me = json!({
            "id": id, "is_bot": true, "first_name": "Claw", "username": USERNAME, "can_join_groups": true,
            "can_read_all_group_messages": false, "supports_inline_queries": false, "can_connect_to_business": false,
            "has_main_web_app": false,
        });
        let (token, next_update) = (token.to_owned(), 500_000_000);
        let state = State { token, me, next_update, ..State::default() };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), changed: Notify::new(), conflict: Mutex::default() });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(stop.clone().run_until_cancelled_owned(poll::courier(Arc::clone(&shared))));
        let server = Server::start(port, Arc::new(Front(Arc::clone(&shared)))).await?;
        Ok(Self { shared, server, stop })
    }

    /// What clients are given as the address of the Bot API.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The faults to come; parts of paths are `/METHOD`, such as `/sendMessage`.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Cuts every connection there is.
    pub fn cut_all(&self) {
        self.server.cut_all();
    }

    /// What the bot sent so far, in order, as it is now.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.state().sent.clone()
    }

    /// The same of one chat.
    #[must_use]
    pub fn sent_in(&self, chat: i64) -> Vec<Sent> {
        self.shared.state().sent.iter().filter(|sent| sent.chat == chat).cloned().collect()
    }

    /// The calls so far: method in lower case, and chat.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, Option<i64>)> {
        self.shared.state().calls.clone()
    }

    /// How many updates wait, not confirmed by an offset.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.state().updates.len()
    }

    /// The bot's commands with their descriptions.
    #[must_use]
    pub fn commands(&self) -> Vec<(String, String)> {
        self.shared.state().commands.clone()
    }

    /// Where updates are posted.
    #[must_use]
    pub fn webhook(&self) -> Option<String> {
        self.shared.state().webhook.as_ref().map(|webhook| webhook.url.clone())
    }

    /// What is shown with each of them.
    #[must_use]
    pub fn webhook_secret(&self) -> Option<String> {
        self.shared.state().webhook.as_ref().map(|webhook| webhook.secret.clone())
    }

    /// How often somebody was told to wait (429).
    #[must_use]
    pub fn refused(&self) -> usize {
        self.shared.state().limits.refused
    }

    /// Waits until `reached` says so of the server; looks after every call. Whether it did within `deadline`.
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

    /// The bot's messages in a chat when `reached` is satisfied with them.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub async fn wait_sent(&self, chat: i64, mut reached: impl FnMut(&[Sent]) -> bool) -> Vec<Sent> {
        let done = self.wait(Duration::from_secs(10), |bot| reached(&bot.sent_in(chat))).await;
        let sent = self.sent_in(chat);
        assert!(done, "the bot did not send what was waited for; in chat {chat} it sent {sent:#?}");
        sent
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.stop.cancel();
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
        if let Some(rest) = request.path.strip_prefix("/file/bot") {
            return file(shared, rest).into();
        }
        let Some((token, method)) = request.path.strip_prefix("/bot").and_then(|rest| rest.split_once('/'))
        else {
            return answer(Err(Failure::new(404, "Not Found"))).into();
        };
        let token = token.replace("%3A", ":");
        let method = method.to_ascii_lowercase();
        let args = Args::of(&request);
        answer(called(shared, &token, &method, &args).await).into()
    }
}

async fn called(shared: &Shared, token: &str, method: &str, args: &Args) -> methods::Outcome {
    // A token of the wrong form is no token: the hosted server says "Not Found".
    if !token.contains(':') {
        return Err(Failure::new(404, "Not Found"));
    }
    {
        let mut state = shared.state();
        if token != state.token || state.revoked {
            return Err(Failure::unauthorized());
        }
        let chat = args.integer("chat_id");
        state.calls.push((method.to_owned(), chat));
        let now = state.clock.now();
        let counted = method.starts_with("send") && method != "sendchataction" || method == "editmessagetext";
        if let Err(seconds) = state.limits.check(chat, counted, now) {
            drop(state);
            shared.changed.notify_waiters();
            return Err(Failure::flood(seconds));
        }
    }
    match method {
        "getupdates" => poll::get_updates(shared, args).await,
        "setwebhook" => poll::set_webhook(shared, args),
        "deletewebhook" => poll::set_webhook(shared, &args.without("url")),
        "getwebhookinfo" => poll::webhook_info(shared),
        _ => methods::call(shared, method, args),
    }
}

fn answer(outcome: methods::Outcome) -> Reply {
    match outcome {
        Ok(result) => Reply::json(200, &json!({"ok": true, "result": result})),
        Err(failure) => {
            let mut body =
                json!({"ok": false, "error_code": failure.code, "description": failure.description});
            if !failure.parameters.is_null() {
                body["parameters"] = failure.parameters.clone();
            }
            let reply = Reply::json(failure.code, &body);
            match &failure.parameters["retry_after"] {
                Value::Null => reply,
                seconds => reply.header("Retry-After", seconds),
            }
        }
    }
}

/// `TOKEN/PATH`: a file's bytes.
fn file(shared: &Shared, path: &str) -> Reply {
    let state = shared.state();
    let (token, path) = path.split_once('/').unwrap_or_default();
    if token.replace("%3A", ":") != state.token || state.revoked {
        return answer(Err(Failure::unauthorized()));
    }
    match state.files.values().find(|file| file.path == path) {
        Some(file) => {
            let headers = vec![("content-type".to_owned(), "application/octet-stream".to_owned())];
            Reply { status: 200, headers, body: file.bytes.clone() }
        }
        None => answer(Err(Failure::new(404, "Not Found"))),
    }
}
