//! The Web API's methods, but those about files.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    APP, BOT, BOT_USER, TEAM, files, read,
    state::{Call, Post, State},
};
use crate::{Reply, args::Args};

/// Longest text of `chat.postMessage`.
const TEXT: usize = 40_000;
/// Longest text of `chat.update`.
const UPDATE: usize = 4_000;
/// Longest `markdown_text`.
const MARKDOWN: usize = 12_000;

/// What a method answers, without `ok`.
pub(super) type Outcome = Result<Value, &'static str>;

/// Carries a call out.
pub(super) fn call(state: &mut State, method: &str, token: &str, args: &Args, form: bool) -> Reply {
    let channel = Some(args.text("channel")).filter(|channel| !channel.is_empty());
    let channel = channel.unwrap_or_else(|| args.text("channel_id")).to_owned();
    let waits = limited(state, method);
    let (method, at) = (method.to_owned(), Instant::now());
    state.calls.push(Call { method: method.clone(), channel, at, refused: waits.is_some() });
    if let Some(wait) = waits {
        let reply = Reply::json(429, &json!({"ok": false, "error": "ratelimited"}));
        return reply.header("Retry-After", wait.as_secs_f64().ceil());
    }
    let allowed = allowed(state, &method, token);
    let outcome = allowed.and_then(|()| carry_out(state, &method, args, form).map_err(str::to_owned));
    let mut body = match outcome {
        Ok(body) => body,
        Err(error) => return Reply::json(200, &json!({"ok": false, "error": error})),
    };
    body["ok"] = json!(true);
    Reply::json(200, &body)
}

/// How long the caller has to wait.
fn limited(state: &mut State, method: &str) -> Option<Duration> {
    let limit = state.limits.get_mut(method)?;
    let now = Instant::now();
    if let Some(until) = limit.until.filter(|until| *until > now) {
        limit.disobeyed += 1;
        return Some(until - now);
    }
    limit.refusals = limit.refusals.checked_sub(1)?;
    limit.until = Some(now + limit.retry_after);
    Some(limit.retry_after)
}

fn allowed(state: &State, method: &str, token: &str) -> Result<(), String> {
    if token.is_empty() {
        return Err("not_authed".to_owned());
    }
    if let Some(error) = state.dead.get(token) {
        return Err(error.clone());
    }
    let for_app = method == "apps.connections.open";
    match (token == state.bot_token, token == state.app_token) {
        (false, false) => Err("invalid_auth".to_owned()),
        (bot, _) if bot == for_app => Err("not_allowed_token_type".to_owned()),
        _ => Ok(()),
    }
}

fn carry_out(state: &mut State, method: &str, args: &Args, form: bool) -> Outcome {
    match method {
        "api.test" => Ok(json!({})),
        "auth.test" => Ok(json!({
            "url": format!("{}/", state.url), "team": "Claw", "user": "claw", "team_id": TEAM, "user_id": BOT_USER,
            "bot_id": BOT, "is_enterprise_install": false
        })),
        "apps.connections.open" => {
            let (ticket, host) = (state.hub.ticket(), state.url.replacen("http", "ws", 1));
            Ok(json!({"url": format!("{host}/link/?ticket={ticket}&app_id={APP}")}))
        }
        "chat.postMessage" => post(state, args),
        "chat.postEphemeral" => {
            place(state, args.text("channel"))?;
            Ok(json!({"message_ts": state.ts()}))
        }
        "chat.update" => update(state, args),
        "chat.delete" => {
            own(state, args, "cant_delete_message")?;
            let (channel, ts) = (args.text("channel"), args.text("ts"));
            super::levers::deleted(state, channel, ts);
            Ok(json!({"channel": channel, "ts": ts}))
        }
        "reactions.add" => {
            let (channel, ts) = (args.text("channel"), args.text("timestamp"));
            state.post(channel, ts).ok_or("message_not_found")?;
            let post = state.channel(channel).posts.get_mut(ts).unwrap();
            let name = args.text("name").to_owned();
            if post.reactions.contains(&name) {
                return Err("already_reacted");
            }
            post.reactions.push(name);
            Ok(json!({}))
        }
        "assistant.threads.setStatus"
        | "assistant.threads.setTitle"
        | "assistant.threads.setSuggestedPrompts" => pane(state, method, args),
        _ if method.starts_with("files.") => files::call(state, method, args, form),
        _ => read::call(state, method, args),
    }
}

/// The channel that a message may go to; a user's id means the chat with them.
pub(super) fn place(state: &mut State, channel: &str) -> Result<String, &'static str> {
    let id = if state.users.contains_key(channel) { state.im(channel) } else { channel.to_owned() };
    let found = state.channels.get(&id).ok_or("channel_not_found")?;
    if found.archived {
        return Err("is_archived");
    }
    if !found.member {
        return Err(if found.private { "channel_not_found" } else { "not_in_channel" });
    }
    Ok(id)
}

fn text(args: &Args, limit: usize) -> Result<String, &'static str> {
    let (text, markdown) = (args.text("text"), args.text("markdown_text"));
    if !text.is_empty() && !markdown.is_empty() {
        return Err("markdown_text_conflict");
    }
    if text.chars().count() > limit || markdown.chars().count() > MARKDOWN {
        return Err("msg_too_long");
    }
    if text.is_empty() && markdown.is_empty() && args.value("blocks").is_null() {
        return Err("no_text");
    }
    Ok(if text.is_empty() { markdown } else { text }.to_owned())
}

fn metadata(args: &Args) -> Result<Value, &'static str> {
    let metadata = args.value("metadata");
    let sound = metadata["event_type"].as_str().is_some_and(|kind| !kind.is_empty())
        && metadata["event_payload"].is_object();
    if !args.text("metadata").is_empty() && !sound {
        return Err("invalid_metadata_format");
    }
    Ok(metadata)
}

fn post(state: &mut State, args: &Args) -> Outcome {
    let channel = place(state, args.text("channel"))?;
    let text = text(args, TEXT)?;
    let thread_ts = Some(args.text("thread_ts").to_owned()).filter(|ts| !ts.is_empty());
    let blocks = args.value("blocks");
    let metadata = metadata(args)?;
    let user = BOT_USER.to_owned();
    if let Some(pane) = thread_ts.clone().and_then(|ts| state.panes.get_mut(&(channel.clone(), ts))) {
        // A message in the thread takes the status away.
        pane.statuses.push(String::new());
    }
    let post = Post { channel, thread_ts, user, by_bot: true, text, metadata, blocks, ..Post::default() };
    let channel = post.channel.clone();
    let ts = state.add(post);
    let message = state.post(&channel, &ts).map(|post| state.shown(post, true));
    Ok(json!({"channel": channel, "ts": ts, "message": message}))
}

/// The bot's message that a call is about.
fn own(state: &State, args: &Args, not_own: &'static str) -> Result<(), &'static str> {
    state.channels.get(args.text("channel")).ok_or("channel_not_found")?;
    let post = state.post(args.text("channel"), args.text("ts")).ok_or("message_not_found")?;
    if post.by_bot { Ok(()) } else { Err(not_own) }
}

fn update(state: &mut State, args: &Args) -> Outcome {
    own(state, args, "cant_update_message")?;
    let (channel, ts) = (args.text("channel"), args.text("ts"));
    place(state, channel)?;
    let text = text(args, UPDATE)?;
    let (metadata, blocks) = (metadata(args)?, args.value("blocks"));
    super::levers::changed(state, channel, ts, |post| {
        post.text.clone_from(&text);
        post.blocks = blocks;
        // Without new metadata the old one stays.
        if !metadata.is_null() {
            post.metadata = metadata;
        }
    });
    Ok(json!({"channel": channel, "ts": ts, "text": text}))
}

fn pane(state: &mut State, method: &str, args: &Args) -> Outcome {
    let (channel, ts) = (args.text("channel_id").to_owned(), args.text("thread_ts").to_owned());
    place(state, &channel)?;
    state.post(&channel, &ts).ok_or("invalid_thread_ts")?;
    let known = state.panes.contains_key(&(channel.clone(), ts.clone()));
    let pane = state.panes.entry((channel, ts)).or_default();
    match method {
        "assistant.threads.setStatus" => pane.statuses.push(args.text("status").to_owned()),
        _ if !known => return Err("invalid_thread_ts"),
        "assistant.threads.setTitle" => args.text("title").clone_into(&mut pane.title),
        _ => pane.prompts = args.value("prompts"),
    }
    Ok(json!({}))
}
