//! Messages on their way out.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Matrix,
    client::{Failed, segment},
    rooms::Known,
    text::plain,
    wire::{Page, Sent},
};
use crate::{
    adapter::Resolved,
    error::SendError,
    message::{Address, Body, OutFile, Outgoing},
};

/// Where a message holds its key: what we know it by when it may have been sent by a session that is no more.
const KEY: &str = "org.openclaw.key";
/// How much of a change is shown to clients that know no changes, in characters.
const SHOWN: usize = 200;
/// Most bytes of an event's content that we send. A homeserver takes events of 65,536 bytes, with all that it adds.
const CONTENT_BYTES: usize = 60_000;
/// Pages of our own messages that are looked through for one.
const PAGES: usize = 3;
/// Uploads that are remembered, for when the message that shows them is tried again.
const UPLOADS: usize = 16;

impl Matrix {
    pub(super) async fn send_message(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let mut content = match message.body {
            Body::Rich(html) => rich(html),
            Body::Plain(text) => json!({"msgtype": "m.text", "body": text}),
            Body::File(file) => self.file(file, message.key).await?,
        };
        content[KEY] = message.key.into();
        content["m.mentions"] = self.mentions(message.reply_to);
        if let Some(relates) = relates(message.to, message.reply_to) {
            content["m.relates_to"] = relates;
        }
        check(&content)?;
        let mut sent: Sent = self.client.say(&self.path_of(message.to, message.key), &content).await?;
        if self.rooms.known(&sent.event_id).is_some_and(|known| known.gone) {
            // It was there, and somebody took it back: the same transaction would show nothing.
            let key = format!("{}_{:08x}", message.key, fastrand::u32(..));
            sent = self.client.say(&self.path_of(message.to, &key), &content).await?;
        }
        self.remember(&sent.event_id, message.to);
        Ok(sent.event_id)
    }

    pub(super) async fn edit_message(&self, to: &Address, id: &str, text: Body<'_>) -> Result<(), SendError> {
        let new = match text {
            Body::Rich(html) => rich(html),
            Body::Plain(text) => json!({"msgtype": "m.text", "body": text}),
            // Files are not changed.
            Body::File(_) => return Ok(()),
        };
        // A homeserver takes changes of what is gone, and nobody would see them.
        let known = self.rooms.message(&self.client, &to.chat, id).await?;
        if known.is_none_or(|known| known.gone) {
            return Err(SendError::Gone);
        }
        let shown: String = new["body"].as_str().unwrap_or_default().chars().take(SHOWN).collect();
        let content = json!({
            "msgtype": "m.text", "body": format!("* {shown}"), "m.new_content": new, "m.mentions": {},
            "m.relates_to": {"rel_type": "m.replace", "event_id": id},
        });
        check(&content)?;
        // The same change twice does no harm; the same key for two changes would lose one.
        let key = format!("e{:016x}", fastrand::u64(..));
        let _: Sent = self.client.say(&self.path_of(to, &key), &content).await?;
        Ok(())
    }

    /// Looks through what we said of late. What is not there is sent again under its transaction id: when it is on its way after all, the
    /// homeserver makes one of it.
    pub(super) async fn find(&self, message: Outgoing<'_>) -> Result<Resolved, SendError> {
        let filter = json!({"types": ["m.room.message"], "senders": [&self.me().id]});
        let mut from = String::new();
        for _ in 0..PAGES {
            let path = format!(
                "rooms/{}/messages?dir=b&limit=100&filter={}{from}",
                segment(&message.to.chat),
                segment(&filter.to_string())
            );
            let page: Page = self.client.get(&path).await?;
            let is_it = |content: &Value| content[KEY] == message.key;
            let found = page.chunk.iter().find(|event| {
                !event.redacted
                    && (is_it(&event.content) || event.transaction.as_deref() == Some(message.key))
            });
            if let Some(event) = found {
                return Ok(Resolved::Sent(event.id.clone()));
            }
            match page.end {
                Some(end) if !page.chunk.is_empty() => from = format!("&from={}", segment(&end)),
                _ => break,
            }
        }
        Ok(Resolved::NotSent)
    }

    /// Where a message is sent to, under its key.
    pub(super) fn path_of(&self, to: &Address, key: &str) -> String {
        format!("rooms/{}/send/m.room.message/{}", segment(&to.chat), self.transaction(to, key))
    }

    /// Transaction ids are one space for all rooms of a session.
    fn transaction(&self, to: &Address, key: &str) -> String {
        if key.len() >= 16 {
            return key.to_owned();
        }
        let digest = Sha256::digest(format!("{}\0{key}", to.chat));
        format!("{key}{}", URL_SAFE_NO_PAD.encode(&digest[..12]))
    }

    fn remember(&self, id: &str, to: &Address) {
        let known = Known { sender: self.me().id.clone(), thread: to.thread.clone(), ..Known::default() };
        self.rooms.remember(id, known);
    }

    /// Whoever is answered is told so.
    fn mentions(&self, reply_to: Option<&str>) -> Value {
        match reply_to.and_then(|id| self.rooms.known(id)) {
            Some(known) => json!({"user_ids": [known.sender]}),
            None => json!({}),
        }
    }

    async fn file(&self, file: &OutFile, key: &str) -> Result<Value, Failed> {
        let known = self.uploads().iter().find(|(known, _)| known == key).map(|(_, url)| url.clone());
        let url = match known {
            Some(url) => url,
            None => {
                let url = self.client.upload(&file.name, &file.mime_type, file.bytes.clone()).await?;
                let mut uploads = self.uploads();
                if uploads.len() >= UPLOADS {
                    uploads.pop_front();
                }
                uploads.push_back((key.to_owned(), url.clone()));
                url
            }
        };
        let kind = match file.mime_type.split('/').next() {
            Some("image") => "m.image",
            Some("audio") => "m.audio",
            Some("video") => "m.video",
            _ => "m.file",
        };
        Ok(json!({
            "msgtype": kind, "body": file.name, "filename": file.name, "url": url,
            "info": {"mimetype": file.mime_type, "size": file.bytes.len()},
        }))
    }
}

fn rich(html: &str) -> Value {
    json!({
        "msgtype": "m.text", "body": plain(html), "format": "org.matrix.custom.html", "formatted_body": html,
    })
}

fn relates(to: &Address, reply_to: Option<&str>) -> Option<Value> {
    let reply = reply_to.map(|id| json!({"event_id": id}));
    match (&to.thread, reply) {
        (Some(root), Some(reply)) => Some(json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": false, "m.in_reply_to": reply,
        })),
        (Some(root), None) => Some(json!({
            "rel_type": "m.thread", "event_id": root, "is_falling_back": true, "m.in_reply_to": {"event_id": root},
        })),
        (None, reply) => reply.map(|reply| json!({"m.in_reply_to": reply})),
    }
}

/// A message in two forms may be too long where one is not.
fn check(content: &Value) -> Result<(), SendError> {
    let size = content.to_string().len();
    if size <= CONTENT_BYTES {
        return Ok(());
    }
    Err(SendError::Markup {
        reason: format!("the message has {size} bytes; Matrix takes about {CONTENT_BYTES}"),
    })
}
