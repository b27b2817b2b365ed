//! From Matrix's events to the engine's.

use openclaw_core::Timestamp;
use serde_json::Value;

use super::{
    client::{Client, Failed},
    rooms::{Known, Room, Rooms},
    text::{find_name, is_called, without_fallback, without_name},
    wire::{Event, text},
};
use crate::message::{self, Address, Change, Inbound, RemoteFile, Sender};

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Me {
    /// `@name:server`.
    pub(super) id: String,
    /// What people call us, the longest first.
    pub(super) names: Vec<String>,
}

impl Me {
    pub(super) fn new(id: String, display_name: &str) -> Self {
        let local = id.split(':').next().unwrap_or_default().to_owned();
        let names = vec![id.clone(), format!("@{display_name}"), display_name.to_owned(), local];
        Self { id, names: names.into_iter().filter(|name| name.len() > 1).collect() }
    }
}

/// What an event is to us.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// Nothing.
    Nothing,
    /// Something for the engine.
    Event(message::Event),
    /// Somebody said something that we can't read.
    Sealed,
    /// Somebody left.
    Left,
    /// The room goes on in this one.
    Moved(String),
}

/// What relates one message to another.
#[derive(Debug, Default, PartialEq)]
struct Relation {
    replaces: Option<String>,
    thread: Option<String>,
    reply_to: Option<String>,
}

fn relation(content: &Value) -> Relation {
    let relates = &content["m.relates_to"];
    let of = |kind: &str| (relates["rel_type"] == kind).then(|| text(&relates["event_id"]));
    // In a thread, clients that know none are shown a reply that nobody meant.
    let is_fallback = relates["rel_type"] == "m.thread" && relates["is_falling_back"] == true;
    let reply_to = relates["m.in_reply_to"]["event_id"].as_str().filter(|_| !is_fallback);
    Relation { replaces: of("m.replace"), thread: of("m.thread"), reply_to: reply_to.map(str::to_owned) }
}

/// Reads an event of `room`, and asks for what it speaks of.
pub(super) async fn read(
    event: &Event,
    room: &str,
    me: &Me,
    client: &Client,
    rooms: &Rooms,
) -> Result<Read, Failed> {
    match event.kind.as_str() {
        "m.room.member" => {
            rooms.changed(room);
            let left = event.state_key.as_deref() != Some(me.id.as_str())
                && matches!(event.content["membership"].as_str(), Some("leave" | "ban"));
            return Ok(if left { Read::Left } else { Read::Nothing });
        }
        "m.room.encryption" => return Ok(Read::Sealed),
        "m.room.encrypted" if event.sender != me.id => return Ok(Read::Sealed),
        "m.room.tombstone" => {
            let new = text(&event.content["replacement_room"]);
            return Ok(if new.is_empty() { Read::Nothing } else { Read::Moved(new) });
        }
        "m.room.redaction" => return redaction(event, room, me, client, rooms).await,
        "m.room.message" | "m.sticker" if !event.id.is_empty() => {}
        _ => return Ok(Read::Nothing),
    }
    let relation = relation(&event.content);
    if event.sender == me.id {
        if relation.replaces.is_none() {
            rooms.remember(&event.id, Known::of(event));
        }
        return Ok(Read::Nothing);
    }
    if let Some(changed) = &relation.replaces {
        return edit(event, changed, room, me, client, rooms).await;
    }
    rooms.remember(&event.id, Known::of(event));
    let there = rooms.room(client, room).await?;
    let replied = match &relation.reply_to {
        Some(id) => rooms.message(client, room, id).await?,
        None => None,
    };
    let inbound = inbound(event, relation, Address::chat(room), me, &there, replied.as_ref());
    Ok(inbound.map_or(Read::Nothing, |inbound| Read::Event(message::Event::Message(inbound))))
}

fn inbound(
    event: &Event,
    relation: Relation,
    chat: Address,
    me: &Me,
    room: &Room,
    replied: Option<&Known>,
) -> Option<Inbound> {
    let direct = room.is_direct();
    let is_reply = relation.reply_to.is_some();
    let (said, files) = said(event, is_reply)?;
    let to_us = replied.is_some_and(|known| known.sender == me.id);
    let quoted = replied.filter(|known| !to_us && !known.text.is_empty()).map(|known| known.text.clone());
    Some(Inbound {
        id: event.id.clone(),
        address: chat.in_thread(relation.thread),
        direct,
        addressed: direct || to_us || is_mentioned(&event.content, &said, me),
        // A notice is what no program may answer.
        sender: sender(event, room, event.content["msgtype"] == "m.notice"),
        text: without_name(&said, &me.names),
        files,
        quoted,
        sent_at: event.at.map(Timestamp::from_unix_millis),
    })
}

fn sender(event: &Event, room: &Room, is_bot: bool) -> Sender {
    Sender { id: event.sender.clone(), name: room.name(&event.sender), is_bot }
}

async fn edit(
    event: &Event,
    changed: &str,
    room: &str,
    me: &Me,
    client: &Client,
    rooms: &Rooms,
) -> Result<Read, Failed> {
    // Homeservers pass on edits of what others wrote: they count for nothing.
    let known = rooms.message(client, room, changed).await?;
    let Some(known) = known.filter(|known| known.sender == event.sender) else { return Ok(Read::Nothing) };
    let there = rooms.room(client, room).await?;
    let new = text(&event.content["m.new_content"]["body"]);
    Ok(Read::Event(message::Event::Edited(Change {
        id: changed.to_owned(),
        version: event.id.clone(),
        address: Address::chat(room).in_thread(known.thread),
        sender: sender(event, &there, false),
        text: without_name(&new, &me.names),
        at: event.at.map(Timestamp::from_unix_millis),
    })))
}

async fn redaction(
    event: &Event,
    room: &str,
    me: &Me,
    client: &Client,
    rooms: &Rooms,
) -> Result<Read, Failed> {
    let known = rooms.message(client, room, &event.redacts).await?;
    rooms.redacted(&event.redacts);
    // A moderator may take back what others wrote: it is their message all the same.
    let Some(known) = known.filter(|known| known.sender != me.id) else { return Ok(Read::Nothing) };
    let there = rooms.room(client, room).await?;
    Ok(Read::Event(message::Event::Deleted(Change {
        id: event.redacts.clone(),
        version: event.id.clone(),
        address: Address::chat(room).in_thread(known.thread),
        sender: Sender { name: there.name(&known.sender), id: known.sender, is_bot: false },
        text: String::new(),
        at: event.at.map(Timestamp::from_unix_millis),
    })))
}

/// The words and the files of a message; `None`: it says nothing, or was taken back.
fn said(event: &Event, is_reply: bool) -> Option<(String, Vec<RemoteFile>)> {
    let content = &event.content;
    let body = text(&content["body"]);
    if event.kind == "m.sticker" {
        return Some((format!("[a sticker: {body}]"), Vec::new()));
    }
    let own = if is_reply { without_fallback(&body) } else { &body };
    match content["msgtype"].as_str()? {
        "m.emote" => Some((format!("*{own}*"), Vec::new())),
        "m.location" => Some((format!("[a location: {}]", text(&content["geo_uri"])), Vec::new())),
        "m.image" | "m.file" | "m.audio" | "m.video" => {
            // With a name of its own, the body is what is said of the file.
            let name = content["filename"].as_str().filter(|name| !name.is_empty());
            let caption = if name.is_some_and(|name| name != body) { own } else { "" };
            let file = file(content, name.unwrap_or(&body));
            Some(match file {
                Some(file) => (caption.to_owned(), vec![file]),
                None => (format!("[a file that can't be fetched: {body}]"), Vec::new()),
            })
        }
        _ => Some((own.to_owned(), Vec::new())),
    }
}

fn file(content: &Value, name: &str) -> Option<RemoteFile> {
    let handle = content["url"].as_str()?.strip_prefix("mxc://")?;
    let (server, id) = handle.split_once('/')?;
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte))
    };
    let mime_type = content["info"]["mimetype"].as_str().unwrap_or("application/octet-stream");
    (is_plain(server) && is_plain(id)).then(|| RemoteFile {
        name: name.to_owned(),
        mime_type: mime_type.to_owned(),
        size: content["info"]["size"].as_u64(),
        handle: handle.to_owned(),
    })
}

/// In a group: whether we are meant. Clients say whom they mean; of those that do not, names are looked for.
fn is_mentioned(content: &Value, said: &str, me: &Me) -> bool {
    if let Some(mentions) = content.get("m.mentions").filter(|mentions| mentions.is_object()) {
        let users = mentions["user_ids"].as_array();
        if users.is_some_and(|users| users.iter().any(|user| user == me.id.as_str())) {
            return true;
        }
        // A name typed by hand.
        return is_called(said, &me.names);
    }
    let html = text(&content["formatted_body"]);
    let pill = html.contains(&format!("matrix.to/#/{}", me.id))
        || html.contains(&format!("matrix.to/#/{}", super::client::segment(&me.id)));
    pill || find_name(said, &me.names).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn me() -> Me {
        Me::new("@claw:x.org".to_owned(), "Claw Bot")
    }

    fn said_by(kind: &str, content: &Value) -> Event {
        let event = json!({"event_id": "$1", "type": kind, "sender": "@bo:x.org", "content": content});
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn who_is_meant() {
        let pill = r#"<a href="https://matrix.to/#/@claw:x.org">Claw</a> hi"#;
        for (content, expected) in [
            (json!({"body": "hi", "m.mentions": {"user_ids": ["@claw:x.org"]}}), true),
            (json!({"body": "hi Claw Bot", "m.mentions": {}}), false),
            (json!({"body": "Claw Bot: hi", "m.mentions": {}}), true),
            (json!({"body": "hi Claw Bot"}), true),
            (json!({"body": "Claw hi", "formatted_body": pill}), true),
            (json!({"body": "hi @claw:x.org"}), true),
            (json!({"body": "clawing", "m.mentions": 5}), false),
        ] {
            let said = text(&content["body"]);
            assert_eq!(is_mentioned(&content, &said, &me()), expected, "{content}");
        }
    }

    #[test]
    fn what_is_said() {
        let picture =
            json!({"msgtype": "m.image", "body": "a.png", "url": "mxc://x.org/abc", "info": {"size": 3}});
        let (words, files) = said(&said_by("m.room.message", &picture), false).unwrap();
        assert_eq!((words.as_str(), files[0].name.as_str(), files[0].size), ("", "a.png", Some(3)));
        let named =
            json!({"msgtype": "m.file", "body": "look", "filename": "a.png", "url": "mxc://x.org/abc"});
        let (words, files) = said(&said_by("m.room.message", &named), false).unwrap();
        assert_eq!((words.as_str(), files[0].name.as_str()), ("look", "a.png"));
        for url in ["mxc://x.org/../../admin", "https://x.org/a", "mxc://x.org", "mxc://x.org/a?b"] {
            let evil = json!({"msgtype": "m.file", "body": "f", "url": url});
            assert!(said(&said_by("m.room.message", &evil), false).unwrap().1.is_empty(), "{url}");
        }
        assert_eq!(said(&said_by("m.room.message", &json!({})), false), None);
        assert_eq!(said(&said_by("m.room.message", &json!([1])), false), None);
    }

    #[test]
    fn what_it_relates_to() {
        let reply = json!({"m.relates_to": {"m.in_reply_to": {"event_id": "$2"}}});
        assert_eq!(relation(&reply).reply_to.as_deref(), Some("$2"));
        let mut thread = json!({"m.relates_to": {
            "rel_type": "m.thread", "event_id": "$3", "is_falling_back": true, "m.in_reply_to": {"event_id": "$2"},
        }});
        let read = relation(&thread);
        assert_eq!((read.thread.as_deref(), read.reply_to), (Some("$3"), None));
        thread["m.relates_to"]["is_falling_back"] = false.into();
        assert_eq!(relation(&thread).reply_to.as_deref(), Some("$2"));
        for strange in [json!({"m.relates_to": 5}), json!({"m.relates_to": {"rel_type": {}}}), json!(null)] {
            assert_eq!(relation(&strange), Relation::default());
        }
    }
}
