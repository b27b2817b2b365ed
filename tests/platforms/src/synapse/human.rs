//! Somebody with a Matrix client.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use hyper::{HeaderMap, Method, header::HeaderValue};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::http::ask;

/// Somebody on the homeserver, with one session.
#[derive(Debug, Clone)]
pub struct Human {
    socket: PathBuf,
    /// `@name:localhost`.
    pub id: String,
    /// The session's access token.
    pub token: String,
    /// The session's device.
    pub device: String,
}

/// A message in a room's timeline, as it reads now.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The event's id.
    pub id: String,
    /// Who.
    pub sender: String,
    /// The body, after edits.
    pub text: String,
    /// The formatted body, after edits; empty when there is none.
    pub html: String,
    /// `m.text`, `m.file`, …; empty after a redaction.
    pub kind: String,
    /// How often it was changed.
    pub edits: usize,
    /// The root of its thread.
    pub thread: Option<String>,
    /// The message it replies to.
    pub reply_to: Option<String>,
    /// The content as it was sent first.
    pub content: Value,
}

impl Human {
    pub(super) fn nobody(socket: PathBuf) -> Self {
        Self { socket, id: String::new(), token: String::new(), device: String::new() }
    }

    pub(super) fn with_session(socket: PathBuf, session: &Value) -> Self {
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        Self { socket, id: text("user_id"), token: text("access_token"), device: text("device_id") }
    }

    /// Asks the homeserver. `path` stands below `/_matrix/client/v3/`, unless it begins with a slash.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<(u16, Value)> {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.send_bytes(method, path, "application/json", bytes).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or_default()))
    }

    async fn send_bytes(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> std::io::Result<super::Answer> {
        let mut headers = HeaderMap::new();
        if !self.token.is_empty() {
            headers.insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        }
        headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
        let target =
            if path.starts_with('/') { path.to_owned() } else { format!("/_matrix/client/v3/{path}") };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        ask(&self.socket, method, &target, headers, body).await
    }

    /// The same, and it has to succeed; where the homeserver asks to wait, it is waited.
    pub async fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        loop {
            let (status, answer) = self.call(method, path, Some(body)).await.unwrap();
            if status == 429 {
                let wait = answer["retry_after_ms"].as_u64().unwrap_or(1000);
                tokio::time::sleep(Duration::from_millis(wait)).await;
                continue;
            }
            assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
            return answer;
        }
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, None).await.unwrap();
        assert!((200..300).contains(&status), "GET {path}: {status} {answer}");
        answer
    }

    /// A direct chat with somebody, who has to join it.
    pub async fn direct(&self, other: &str) -> String {
        let room = json!({"preset": "trusted_private_chat", "is_direct": true, "invite": [other]});
        self.create(&room).await
    }

    /// A group.
    pub async fn group(&self, name: &str, others: &[&str]) -> String {
        self.create(&json!({"preset": "private_chat", "name": name, "invite": others})).await
    }

    /// A room as `createRoom` makes it of this.
    pub async fn create(&self, room: &Value) -> String {
        self.ok("POST", "createRoom", room).await["room_id"].as_str().unwrap().to_owned()
    }

    /// Joins a room.
    pub async fn join(&self, room: &str) {
        self.ok("POST", &format!("rooms/{room}/join"), &json!({})).await;
    }

    /// Leaves a room.
    pub async fn leave(&self, room: &str) {
        self.ok("POST", &format!("rooms/{room}/leave"), &json!({})).await;
    }

    /// Invites somebody into a room.
    pub async fn invite(&self, room: &str, other: &str) {
        self.ok("POST", &format!("rooms/{room}/invite"), &json!({"user_id": other})).await;
    }

    /// Puts somebody out of a room.
    pub async fn kick(&self, room: &str, other: &str) {
        self.ok("POST", &format!("rooms/{room}/kick"), &json!({"user_id": other})).await;
    }

    /// Ends this session: its token is dead.
    pub async fn log_out(&self) {
        self.ok("POST", "logout", &json!({})).await;
    }

    /// Sends an event; its id.
    pub async fn send(&self, room: &str, kind: &str, content: &Value) -> String {
        // Nothing here is sent twice: any number will do.
        let key =
            format!("{:?}{:p}", Instant::now(), content).replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let sent = self.ok("PUT", &format!("rooms/{room}/send/{kind}/{key}"), content).await;
        sent["event_id"].as_str().unwrap().to_owned()
    }

    /// Says something.
    pub async fn say(&self, room: &str, text: &str) -> String {
        self.send(room, "m.room.message", &json!({"msgtype": "m.text", "body": text})).await
    }

    /// Says something to somebody in particular.
    pub async fn mention(&self, room: &str, who: &str, text: &str) -> String {
        let content = json!({"msgtype": "m.text", "body": text, "m.mentions": {"user_ids": [who]}});
        self.send(room, "m.room.message", &content).await
    }

    /// Replies to a message.
    pub async fn reply(&self, room: &str, to: &str, text: &str) -> String {
        let relates = json!({"m.in_reply_to": {"event_id": to}});
        let content = json!({"msgtype": "m.text", "body": text, "m.relates_to": relates});
        self.send(room, "m.room.message", &content).await
    }

    /// Says something in a thread.
    pub async fn say_in_thread(&self, room: &str, root: &str, text: &str) -> String {
        let relates = json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": true,
            "m.in_reply_to": {"event_id": root},
        });
        let content = json!({"msgtype": "m.text", "body": text, "m.relates_to": relates});
        self.send(room, "m.room.message", &content).await
    }

    /// Changes what was said.
    pub async fn edit(&self, room: &str, id: &str, text: &str) -> String {
        let content = json!({
            "msgtype": "m.text", "body": format!("* {text}"),
            "m.new_content": {"msgtype": "m.text", "body": text},
            "m.relates_to": {"rel_type": "m.replace", "event_id": id},
        });
        self.send(room, "m.room.message", &content).await
    }

    /// Takes back what was said.
    pub async fn redact(&self, room: &str, id: &str) {
        self.ok("PUT", &format!("rooms/{room}/redact/{id}/redact{}", id.trim_start_matches('$')), &json!({}))
            .await;
    }

    /// Uploads a file; its `mxc://` address.
    pub async fn upload(&self, name: &str, mime_type: &str, bytes: impl Into<Bytes>) -> String {
        let path = format!("/_matrix/media/v3/upload?filename={name}");
        let answer = self.send_bytes("POST", &path, mime_type, bytes.into()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["content_uri"].as_str().unwrap_or_else(|| panic!("upload: {answer}")).to_owned()
    }

    /// The bytes behind an `mxc://` address.
    pub async fn download(&self, address: &str) -> Bytes {
        let path = format!("/_matrix/client/v1/media/download/{}", address.trim_start_matches("mxc://"));
        let answer = self.send_bytes("GET", &path, "application/json", Bytes::new()).await.unwrap();
        assert_eq!(answer.status, 200, "{address}");
        answer.body
    }

    /// One sync; waits so long for something new.
    pub async fn sync(&self, since: Option<&str>, wait: Duration) -> Value {
        let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
        self.get(&format!("sync?timeout={}{since}", wait.as_millis())).await
    }

    /// Who is in a room.
    pub async fn members(&self, room: &str) -> Vec<String> {
        let joined = self.get(&format!("rooms/{room}/joined_members")).await;
        joined["joined"].as_object().unwrap().keys().cloned().collect()
    }

    /// What a room's members said, in order, as it reads now.
    pub async fn timeline(&self, room: &str) -> Vec<Said> {
        let (mut said, mut from): (Vec<Said>, _) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("rooms/{room}/messages?dir=f&limit=500{from}")).await;
            for event in page["chunk"].as_array().unwrap() {
                take(&mut said, event);
            }
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => return said,
            }
        }
    }

    /// Waits, at most a minute, until the timeline is as wanted.
    pub async fn until(&self, room: &str, mut reached: impl FnMut(&[Said]) -> bool) -> Vec<Said> {
        let begun = Instant::now();
        let mut since = None;
        loop {
            let synced = self.sync(since.as_deref(), Duration::from_millis(500)).await;
            since = synced["next_batch"].as_str().map(str::to_owned);
            let said = self.timeline(room).await;
            if reached(&said) {
                return said;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "in {room} there is only {said:#?}");
        }
    }
}

/// An event of a timeline.
fn take(said: &mut Vec<Said>, event: &Value) {
    if event["type"] != "m.room.message" {
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let content = &event["content"];
    let relates = &content["m.relates_to"];
    if relates["rel_type"] == "m.replace" {
        let edited = said.iter_mut().find(|said| said.id == relates["event_id"]);
        if let Some(edited) = edited.filter(|said| said.sender == event["sender"]) {
            edited.text = text(&content["m.new_content"]["body"]);
            edited.html = text(&content["m.new_content"]["formatted_body"]);
            edited.edits += 1;
        }
        return;
    }
    said.push(Said {
        id: text(&event["event_id"]),
        sender: text(&event["sender"]),
        text: text(&content["body"]),
        html: text(&content["formatted_body"]),
        kind: text(&content["msgtype"]),
        edits: 0,
        thread: (relates["rel_type"] == "m.thread").then(|| text(&relates["event_id"])),
        reply_to: relates["m.in_reply_to"]["event_id"].as_str().map(str::to_owned),
        content: content.clone(),
    });
}
