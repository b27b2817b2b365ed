//! The same levers over HTTP, for clients in other languages: `POST /control/VERB` with JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Shared,
    levers::{add_group, add_post, add_private, add_topic, edit_post, migrated, replayed},
    post::{Kind, Post, User},
};
use crate::Reply;

pub(super) fn handle(shared: &Shared, verb: &str, body: &Value) -> Reply {
    let mut state = shared.state();
    let number = |name: &str| body[name].as_i64();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let user = User {
        id: number("user").unwrap_or(7),
        name: body["name"].as_str().unwrap_or("Anna").to_owned(),
        username: text("username").to_owned(),
        bot: body["bot"] == true,
    };
    let chat = number("chat").unwrap_or_default();
    let result = match verb {
        "private" => json!(add_private(&mut state, &user)),
        "group" => json!(add_group(&mut state, "group", text("title"), false)),
        "supergroup" => json!(add_group(&mut state, "supergroup", text("title"), body["forum"] == true)),
        "post" => {
            let mut post = Post::new(chat, &user, text("text"));
            post.reply_to = number("reply_to");
            post.thread = number("thread");
            let content = text("content").to_owned();
            post = match text("kind") {
                "photo" => post.file(Kind::Photo, "", "image/jpeg", content),
                "document" => post.file(Kind::Document, text("file_name"), "text/plain", content),
                _ => post,
            };
            json!(add_post(&mut state, &post))
        }
        "edit" => {
            edit_post(&mut state, chat, number("message").unwrap_or_default(), text("text"));
            Value::Null
        }
        "topic" => json!(add_topic(&mut state, chat, &user, text("title"))),
        "migrate" => json!(migrated(&mut state, chat, &user)),
        "replay" => {
            replayed(&mut state, 1);
            Value::Null
        }
        "storm" => {
            let time = Duration::from_secs_f64(body["seconds"].as_f64().unwrap_or(1.0));
            let until = state.clock.now() + time.as_secs_f64();
            state.limits.storm(number("chat"), until);
            Value::Null
        }
        "close" => {
            let closed = Some("Forbidden: bot was blocked by the user");
            state.chats.entry(chat).or_default().closed = closed;
            Value::Null
        }
        "revoke" => {
            state.revoked = true;
            Value::Null
        }
        "enforce" => {
            state.limits.enforced = body["enforce"] == true;
            Value::Null
        }
        "count" => json!({"answers": state.sent.len(), "refused": state.limits.refused}),
        "sent" => {
            let shown = state.sent.iter().filter(|sent| number("chat").is_none_or(|chat| chat == sent.chat)).map(|sent| {
                let file = sent.file.as_ref().map(|(name, _, bytes)| json!([name, String::from_utf8_lossy(bytes)]));
                json!({
                    "id": sent.id, "text": sent.text, "entities": sent.entities, "reply_to": sent.reply_to, "file": file,
                    "history": sent.history, "deleted": sent.deleted,
                })
            });
            shown.collect::<Vec<_>>().into()
        }
        _ => return Reply::json(404, &json!({"error": format!("there is no lever `{verb}`")})),
    };
    drop(state);
    shared.changed.notify_waiters();
    Reply::json(200, &result)
}
