//! The same levers over HTTP, for clients in other languages: `POST /control/VERB` with JSON. Ids are texts.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Duration;

use super::{Discord, Post, Shared, User};
use crate::Reply;

pub(super) fn handle(shared: &Arc<Shared>, verb: &str, body: &Value) -> Reply {
    let levers = Discord { shared: Arc::clone(shared), server: None };
    let id = |name: &str| body[name].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let number = |name: &str| body[name].as_f64().unwrap_or(1.0);
    let user = User { id: id("user").max(7), name: "Anna".to_owned(), bot: body["bot"] == true };
    match verb {
        "edit" => levers.edit(id("channel"), id("message"), text("text")),
        "delete" => levers.delete(id("channel"), id("message")),
        "close" => levers.close(number("code") as u16),
        "cut" => levers.cut(),
        "reconnect" => levers.ask_to_reconnect(),
        "invalidate" => levers.invalidate(body["resumable"] == true),
        "zombie" => levers.zombie(),
        "heartbeat" => levers.heartbeat(Duration::from_secs_f64(number("seconds"))),
        "storm" => levers.storm(body["route"].as_str(), Duration::from_secs_f64(number("seconds"))),
        "allow_content" => levers.allow_content(body["allowed"] == true),
        "revoke" => levers.revoke(),
        _ => return asked(&levers, verb, body, &user),
    }
    Reply::json(200, &json!({"result": null}))
}

/// Levers that have something to say.
fn asked(levers: &Discord, verb: &str, body: &Value, user: &User) -> Reply {
    let id = |name: &str| body[name].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let said = |id: u64| json!(id.to_string());
    let result = match verb {
        "guild" => said(levers.guild(text("name"))),
        "channel" => said(levers.channel(id("guild"), text("name"))),
        "dm" => said(levers.dm(user)),
        "thread" => said(levers.thread(id("channel"), text("name"), None)),
        "post" => {
            let mut post = Post::new(id("channel"), user, text("text"));
            if !body["reply_to"].is_null() {
                post = post.reply_to(id("reply_to"));
            }
            if !body["file"].is_null() {
                post = post.file(text("file"), "text/plain", text("content").to_owned());
            }
            said(levers.post(&post))
        }
        "command" => said(levers.command(id("channel"), user, text("name"))),
        "count" => json!({"answers": levers.sent().len(), "refused": levers.refused()}),
        "state" => json!({
            "identified": levers.identified(), "resumed": levers.resumed(), "refused": levers.refused(),
            "invalid": levers.invalid(), "commands": levers.commands(),
        }),
        _ => return Reply::json(404, &json!({"message": "there is no such lever"})),
    };
    Reply::json(200, &json!({"result": result}))
}
