//! The REST API: <https://docs.discord.com/developers/reference>. Who asks, how often, and for what.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Duration;

use super::{
    Shared,
    ids::http_date,
    interactions, messages,
    multipart::{Form, form},
    state::State,
};
use crate::{Reply, Request};

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) code: u64,
    pub(super) message: String,
    errors: Value,
}

impl Failure {
    pub(super) fn new(status: u16, code: u64, message: &str) -> Self {
        Self { status, code, message: message.to_owned(), errors: Value::Null }
    }

    pub(super) fn unknown(code: u64, what: &str) -> Self {
        Self::new(404, code, &format!("Unknown {what}"))
    }

    /// What is wrong with a field of the body.
    pub(super) fn field(name: &str, code: &str, message: &str) -> Self {
        let errors = json!({name: {"_errors": [{"code": code, "message": message}]}});
        Self { errors, ..Self::new(400, 50035, "Invalid Form Body") }
    }

    fn json(&self) -> Value {
        let mut body = json!({"message": self.message, "code": self.code});
        if !self.errors.is_null() {
            body["errors"] = self.errors.clone();
        }
        body
    }
}

/// What a call comes to: a status and a body (null: none).
pub(super) type Outcome = Result<(u16, Value), Failure>;

/// A call, with its path in pieces.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) query: Vec<(String, String)>,
    pub(super) form: Form,
    pub(super) path: Vec<&'a str>,
}

impl Call<'_> {
    pub(super) fn number(&self, at: usize) -> u64 {
        self.path.get(at).and_then(|part| part.parse().ok()).unwrap_or_default()
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

pub(super) fn handle(shared: &Arc<Shared>, request: &Request) -> Reply {
    let Some(path) = request.path.strip_prefix("/api/v10/") else {
        return Reply::json(404, &json!({"message": "404: Not Found", "code": 0}));
    };
    let method = request.method.as_str();
    let path: Vec<&str> = path.split('/').collect();
    let route = format!("{method} {}", template(&path));
    let mut state = shared.state();
    state.calls.push((route.clone(), path.get(1).copied().unwrap_or_default().to_owned()));
    // These have a token of their own.
    let is_free = matches!(path.first(), Some(&"interactions" | &"webhooks"));
    let now = state.clock.now();
    let reply = answer(&mut state, request, method, path, &route, is_free);
    if matches!(reply.status, 401 | 403 | 429) {
        state.invalid += 1;
    }
    drop(state);
    shared.changed.notify_waiters();
    reply.header("Date", http_date(now))
}

fn answer(
    state: &mut State,
    request: &Request,
    method: &str,
    path: Vec<&str>,
    route: &str,
    is_free: bool,
) -> Reply {
    let is_known = request.header("authorization") == format!("Bot {}", state.token) && !state.revoked;
    if !is_free && !is_known {
        return Reply::json(401, &json!({"message": "401: Unauthorized", "code": 0}));
    }
    let major = match path.first() {
        Some(&"channels" | &"webhooks") => path.get(1).copied().unwrap_or_default(),
        _ => "",
    };
    let measure = state.limits.count(route, major, is_free);
    let now = state.clock.now();
    let counted = |reply: Reply| {
        let reset = (now as f64 + measure.resets.as_millis() as f64) / 1000.0;
        reply
            .header("X-RateLimit-Limit", measure.limit)
            .header("X-RateLimit-Remaining", measure.left)
            .header("X-RateLimit-Reset", format!("{reset:.3}"))
            .header("X-RateLimit-Reset-After", format!("{:.3}", measure.resets.as_secs_f64()))
            .header("X-RateLimit-Bucket", &measure.bucket)
            .header("Via", "1.1 google")
    };
    if let Some((wait, global)) = measure.refused {
        return refused(wait, global, counted);
    }
    let Some(form) = form(request) else {
        return counted(failed(&Failure::new(400, 50109, "The request body contains invalid JSON.")));
    };
    let query = request.query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let call = Call { method, query, form, path };
    counted(match outcome(state, &call) {
        Ok((status, Value::Null)) => Reply { status, headers: Vec::new(), body: Default::default() },
        Ok((status, body)) => Reply::json(status, &body),
        Err(failure) => failed(&failure),
    })
}

fn failed(failure: &Failure) -> Reply {
    Reply::json(failure.status, &failure.json())
}

fn refused(wait: Duration, global: bool, counted: impl Fn(Reply) -> Reply) -> Reply {
    let seconds = wait.as_secs_f64().max(0.001);
    let body = json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
    let reply = Reply::json(429, &body).header("Retry-After", seconds.ceil());
    if global {
        return reply
            .header("X-RateLimit-Global", true)
            .header("X-RateLimit-Scope", "global")
            .header("Via", "1.1 google");
    }
    counted(reply).header("X-RateLimit-Scope", "user")
}

/// The path with `{}` for every id.
fn template(path: &[&str]) -> String {
    let mut out = String::new();
    for (at, part) in path.iter().enumerate() {
        let is_token = matches!(path[0], "interactions" | "webhooks") && at == 2;
        let is_id = is_token || part.bytes().all(|byte| byte.is_ascii_digit());
        out.push('/');
        out.push_str(if is_id { "{}" } else { part });
    }
    out
}

fn outcome(state: &mut State, call: &Call<'_>) -> Outcome {
    match (call.method, call.path.as_slice()) {
        ("GET", ["gateway"]) => Ok((200, json!({"url": gateway(state)}))),
        ("GET", ["gateway", "bot"]) => {
            let limit = json!({"total": 1000, "remaining": state.identifies, "reset_after": 3_600_000, "max_concurrency": 1});
            Ok((200, json!({"url": gateway(state), "shards": 1, "session_start_limit": limit})))
        }
        ("GET", ["users", "@me"]) => Ok((200, state.me.json())),
        ("POST", ["users", "@me", "channels"]) => messages::open_dm(state, call),
        ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => {
            Ok((200, state.application_json()))
        }
        ("PUT" | "GET", ["applications", _, "commands"]) => interactions::commands(state, call),
        (_, ["channels", _, rest @ ..]) => messages::channel(state, call, rest),
        ("POST", ["interactions", _, _, "callback"]) => interactions::callback(state, call),
        (_, ["webhooks", _, _, rest @ ..]) => interactions::webhook(state, call, rest),
        _ => Err(Failure::new(404, 0, "404: Not Found")),
    }
}

fn gateway(state: &State) -> String {
    format!("{}/ws", state.url.replace("http://", "ws://"))
}
