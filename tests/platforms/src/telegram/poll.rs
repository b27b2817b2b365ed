//! How updates reach the bot: by long poll, or by a webhook.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Shared,
    methods::{Failure, Outcome},
    state::{State, Update},
};
use crate::args::Args;

/// Longest long poll.
const MAX_WAIT: i64 = 50;
/// A second conflict within this time is answered after it.
const CONFLICT_PAUSE: Duration = Duration::from_secs(3);
/// How long a webhook may take, and the time until it is tried again.
const WEBHOOK_WAIT: Duration = Duration::from_secs(10);
const WEBHOOK_PAUSE: Duration = Duration::from_millis(100);

const ACTIVE_WEBHOOK: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_POLL: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const OTHER_WEBHOOK: &str = "Conflict: terminated by setWebhook request";

/// Where updates are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) last_error: Option<String>,
}

pub(super) async fn get_updates(shared: &Shared, args: &Args) -> Outcome {
    let wait = args.integer("timeout").unwrap_or(0).clamp(0, MAX_WAIT) as u64;
    let end = Instant::now() + Duration::from_secs(wait);
    let mut mine = None;
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        // From here on no change is missed.
        changed.as_mut().enable();
        let found = look(&mut shared.state(), args, &mut mine, wait == 0 || Instant::now() >= end);
        match found {
            Look::Done(outcome) => return outcome,
            Look::Conflict(said) => return Err(conflict(shared, said).await),
            Look::Wait => {}
            Look::Queued => {
                // Those that waited before look again, and find that they are not the last.
                shared.changed.notify_waiters();
                continue;
            }
        }
        let _ = timeout_at(end, changed).await;
    }
}

/// What a poll finds.
enum Look {
    Done(Outcome),
    Conflict(&'static str),
    Wait,
    Queued,
}

/// `mine` is this poll's number, once it has to wait.
fn look(state: &mut State, args: &Args, mine: &mut Option<u64>, last: bool) -> Look {
    if state.revoked {
        return Look::Done(Err(Failure::unauthorized()));
    }
    if state.webhook.is_some() {
        return Look::Conflict(if mine.is_none() { ACTIVE_WEBHOOK } else { OTHER_WEBHOOK });
    }
    if mine.is_none() {
        set_allowed(&mut state.allowed, args);
        let offset = args.integer("offset").unwrap_or(0);
        // A negative one counts from the end.
        let from = if offset < 0 {
            let first = state.updates.len().saturating_sub(offset.unsigned_abs() as usize);
            state.updates.get(first).map_or(0, |update| update.id)
        } else if offset > state.next_update + 11 {
            // One that can't be: nothing is forgotten, and what waits comes from its head.
            0
        } else {
            offset
        };
        state.confirm(from);
    }
    let limit = args.integer("limit").unwrap_or(100).clamp(1, 100) as usize;
    let mut batch: Vec<Value> = state.updates.iter().take(limit).map(Update::json).collect();
    if state.backwards {
        batch.reverse();
    }
    if !batch.is_empty() || last {
        return Look::Done(Ok(batch.into()));
    }
    match *mine {
        Some(mine) if mine != state.poll => Look::Conflict(OTHER_POLL),
        Some(_) => Look::Wait,
        None => {
            state.poll += 1;
            *mine = Some(state.poll);
            Look::Queued
        }
    }
}

/// The first conflict is told at once, the next after a pause, so that two bots don't drive each other mad.
async fn conflict(shared: &Shared, said: &'static str) -> Failure {
    let now = Instant::now();
    let free = {
        let mut last = shared.conflict.lock().unwrap();
        let free = last.is_none_or(|last| last + CONFLICT_PAUSE <= now);
        if free {
            *last = Some(now);
        }
        free
    };
    if !free {
        tokio::time::sleep(CONFLICT_PAUSE).await;
    }
    Failure::new(409, said)
}

/// What is not said stays as it was; an empty list means the default, which is everything we know.
fn set_allowed(allowed: &mut Option<BTreeSet<String>>, args: &Args) {
    if let Value::Array(kinds) = args.value("allowed_updates") {
        let kinds: BTreeSet<_> = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
        *allowed = (!kinds.is_empty()).then_some(kinds);
    }
}

pub(super) fn set_webhook(shared: &Shared, args: &Args) -> Outcome {
    let (url, secret) = (args.text("url"), args.text("secret_token"));
    let mut state = shared.state();
    if args.flag("drop_pending_updates") {
        state.updates.clear();
    }
    set_allowed(&mut state.allowed, args);
    if url.is_empty() {
        state.webhook = None;
    } else {
        // The real one wants HTTPS; here a test's own server is good enough.
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::new(400, "Bad Request: invalid webhook URL specified"));
        }
        if secret.len() > 256 {
            return Err(Failure::new(400, "Bad Request: secret token is too long"));
        }
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            return Err(Failure::new(400, "Bad Request: secret token contains unallowed characters"));
        }
        state.webhook = Some(Webhook { url: url.to_owned(), secret: secret.to_owned(), last_error: None });
    }
    drop(state);
    shared.changed.notify_waiters();
    Ok(true.into())
}

pub(super) fn webhook_info(shared: &Shared) -> Outcome {
    let state = shared.state();
    let mut info =
        json!({"url": "", "has_custom_certificate": false, "pending_update_count": state.updates.len()});
    if let Some(webhook) = &state.webhook {
        info["url"] = webhook.url.as_str().into();
        info["max_connections"] = 40.into();
        if let Some(error) = &webhook.last_error {
            info["last_error_date"] = (state.clock.now() as i64).into();
            info["last_error_message"] = error.as_str().into();
        }
    }
    Ok(info)
}

/// Posts updates to the webhook for as long as there is one, each until it is taken.
pub(super) async fn courier(shared: Arc<Shared>) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let next = {
            let state = shared.state();
            let webhook = state.webhook.clone().filter(|_| !state.revoked);
            webhook.and_then(|webhook| Some((webhook, state.updates.front()?.clone())))
        };
        let Some((webhook, update)) = next else {
            changed.await;
            continue;
        };
        let posted = tokio::time::timeout(WEBHOOK_WAIT, post(&webhook, &update.json())).await;
        let error = match posted {
            Ok(Ok(status)) if (200..300).contains(&status) => None,
            Ok(Ok(status)) => Some(format!("Wrong response from the webhook: {status}")),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("Read timeout expired".to_owned()),
        };
        let failed = error.is_some();
        {
            let mut state = shared.state();
            if let Some(webhook) = &mut state.webhook {
                webhook.last_error = error;
            }
            if !failed {
                state.confirm(update.id + 1);
            }
        }
        if failed {
            tokio::time::sleep(WEBHOOK_PAUSE).await;
        }
    }
}

async fn post(webhook: &Webhook, update: &Value) -> std::io::Result<u16> {
    let address = webhook.url.split_once("://").map_or(&webhook.url[..], |(_, rest)| rest);
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let body = update.to_string();
    let secret = match webhook.secret.as_str() {
        "" => String::new(),
        secret => format!("X-Telegram-Bot-Api-Secret-Token: {secret}\r\n"),
    };
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{secret}Connection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::Error::other("Wrong response from the webhook"))
}
