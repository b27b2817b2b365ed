//! The levers over HTTP, for clients in other languages: `POST /control/VERB` with JSON.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    levers::{changed, commanded, deleted, pane_opened, said, shared},
    state::{Channel, Post, State},
};
use crate::Reply;

pub(super) fn handle(state: &mut State, verb: &str, body: &Value) -> Reply {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let (channel, ts) = (text("channel"), text("ts"));
    let user = if text("user").is_empty() { "U0ANNA" } else { text("user") };
    let seconds = Duration::from_secs_f64(body["seconds"].as_f64().unwrap_or_default());
    let thread_ts = Some(text("thread").to_owned()).filter(|thread| !thread.is_empty());
    let post = Post { thread_ts, ..said(channel, user, text("text")) };
    let answer = match verb {
        "user" => json!(state.users.insert(user.to_owned(), text("name").to_owned())),
        "channel" => {
            let made = Channel {
                name: channel.to_lowercase(),
                member: body["member"] != false,
                ..Channel::default()
            };
            json!(state.channels.insert(channel.to_owned(), made).is_some())
        }
        "archive" => {
            state.channel(channel).archived = true;
            Value::Null
        }
        "im" => json!(state.im(user)),
        "say" => json!(state.add(post)),
        "share" => {
            let bytes = Bytes::from(text("content").to_owned());
            json!(shared(state, post, text("name"), text("mime_type"), bytes))
        }
        "edit" => {
            changed(state, channel, ts, |post| text("text").clone_into(&mut post.text));
            Value::Null
        }
        "delete" => {
            deleted(state, channel, ts);
            Value::Null
        }
        "pane" => {
            let (channel, ts) = pane_opened(state, user);
            json!({"channel": channel, "ts": ts})
        }
        "shown" => {
            let pane = state.panes.get(&(channel.to_owned(), ts.to_owned())).cloned().unwrap_or_default();
            json!({"statuses": pane.statuses, "title": pane.title, "prompts": pane.prompts})
        }
        "command" => json!(commanded(state, channel, user, text("command"), text("text"))),
        "acked" => {
            let at = body["delivery"].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
            let acked = state.hub.deliveries.get(at).and_then(|delivery| delivery.acked.clone());
            json!({"acked": acked.is_some(), "payload": acked})
        }
        "unacked" => json!(state.hub.unacked()),
        "connections" => json!({"open": state.hub.connections(), "opened": state.hub.opened}),
        "responses" => json!(state.responses),
        "count" => {
            let posts = state.channels.values().flat_map(|channel| channel.posts.values());
            let refused = state.calls.iter().filter(|call| call.refused).count();
            json!({"answers": posts.filter(|post| post.by_bot).count(), "refused": refused})
        }
        "posts" => {
            let posts = state.channels.get(channel).into_iter().flat_map(|channel| channel.posts.values());
            posts.map(|post| json!({
                "ts": post.ts, "thread": post.thread_ts, "text": post.text, "history": post.history, "by_bot": post.by_bot,
                "deleted": post.deleted, "metadata": post.metadata, "files": post.files, "reactions": post.reactions,
            })).collect()
        }
        "storm" => {
            let limit = state.limits.entry(text("method").to_owned()).or_default();
            let times = body["times"].as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or(1);
            (limit.refusals, limit.retry_after) = (times, seconds);
            Value::Null
        }
        "disobeyed" => json!(state.limits.values().map(|limit| limit.disobeyed).sum::<usize>()),
        "disconnect" => {
            state.hub.disconnect(text("reason"), seconds);
            Value::Null
        }
        "duplicate" => {
            state.hub.duplicate();
            Value::Null
        }
        "revoke" => {
            state.dead.insert(text("token").to_owned(), text("error").to_owned());
            Value::Null
        }
        "restore" => {
            state.dead.clear();
            Value::Null
        }
        _ => return Reply::json(404, &json!({"error": format!("there is no lever `{verb}`")})),
    };
    Reply::json(200, &answer)
}
