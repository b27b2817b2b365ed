//! Channels and their messages: <https://docs.discord.com/developers/resources/message>.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    ids::{iso, time_of},
    post::{Sent, User},
    rest::{Call, Failure, Outcome},
    state::{Channel, DM, State, THREAD, member},
};

/// Longest content, in characters.
const CONTENT: usize = 2000;
/// Largest file, in bytes.
const FILE: usize = 10 * 1024 * 1024;
/// Longest nonce.
const NONCE: usize = 25;

/// An id, as Discord takes it: a text, or a number.
fn snowflake(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

pub(super) fn open_dm(state: &mut State, call: &Call<'_>) -> Outcome {
    let id = call.form.json["recipient_id"].as_str().and_then(|id| id.parse().ok());
    let id: u64 =
        id.ok_or_else(|| Failure::field("recipient_id", "BASE_TYPE_REQUIRED", "This field is required"))?;
    let channel = state.dm(&User::new(id, "Somebody"));
    Ok((200, state.channel_json(channel)))
}

/// `/channels/{id}/…`
pub(super) fn channel(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Outcome {
    let id = call.number(1);
    let channel = state.channels.get(&id).ok_or_else(|| Failure::unknown(10003, "Channel"))?;
    if channel.hidden {
        return Err(Failure::new(403, 50001, "Missing Access"));
    }
    let changes = call.method != "GET";
    if let Some(closed) = channel.closed.as_ref().filter(|_| changes) {
        return Err(closed.clone());
    }
    match (call.method, rest) {
        ("GET", []) => Ok((200, state.channel_json(id))),
        ("GET", ["messages"]) => list(channel, call, state.signature),
        ("GET", ["messages", _]) => {
            let message =
                channel.messages.get(&call.number(3)).ok_or_else(|| Failure::unknown(10008, "Message"))?;
            Ok((200, fetched(message, state.signature)))
        }
        ("POST", ["messages"]) => create(state, call, id).map(|message| (200, message)),
        ("PATCH", ["messages", _]) => {
            edit(state, call.number(3), id, &call.form.json).map(|message| (200, message))
        }
        ("DELETE", ["messages", _]) => {
            delete(state, id, call.number(3))?;
            Ok((204, Value::Null))
        }
        ("POST", ["messages", _, "threads"]) => thread(state, call, id, Some(call.number(3))),
        ("POST", ["threads"]) => thread(state, call, id, None),
        ("POST", ["typing"]) => {
            state.typing.push(id);
            Ok((204, Value::Null))
        }
        _ => Err(Failure::new(405, 0, "405: Method Not Allowed")),
    }
}

fn list(channel: &Channel, call: &Call<'_>, signature: u64) -> Outcome {
    let fetched = |message: &Value| fetched(message, signature);
    let number = |name: &str| call.query(name).and_then(|value| value.parse::<u64>().ok());
    let limit = number("limit").unwrap_or(50) as usize;
    if !(1..=100).contains(&limit) {
        return Err(Failure::field("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100."));
    }
    let messages = &channel.messages;
    // Always the newest first; "after" means those right after it.
    let mut page: Vec<Value> = match (number("after"), number("before")) {
        (Some(after), _) => {
            messages.range(after + 1..).take(limit).map(|(_, message)| fetched(message)).collect()
        }
        (None, Some(before)) => {
            messages.range(..before).rev().take(limit).map(|(_, message)| fetched(message)).collect()
        }
        (None, None) => messages.values().rev().take(limit).map(fetched).collect(),
    };
    if number("after").is_some() {
        page.reverse();
    }
    Ok((200, page.into()))
}

/// A message as it is fetched: without what only its making told, and with links that are valid.
fn fetched(message: &Value, signature: u64) -> Value {
    let mut message = message.clone();
    if let Some(fields) = message.as_object_mut() {
        for name in ["nonce", "guild_id", "member", "channel_type"] {
            fields.remove(name);
        }
    }
    for file in message["attachments"].as_array_mut().into_iter().flatten() {
        let url = file["url"].as_str().unwrap_or_default();
        let url = url.split("&hm=").next().unwrap_or_default();
        file["url"] = format!("{url}&hm={signature}").into();
    }
    message
}

/// Makes a message of `author`'s, without any content yet.
pub(super) fn blank(state: &mut State, channel: u64, author: &User) -> Value {
    let id = state.clock.id();
    json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "author": author.json(), "content": "",
        "timestamp": time_of(id), "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "components": [],
        "pinned": false, "type": 0, "flags": 0,
    })
}

/// Keeps a message and tells of it.
pub(super) fn publish(state: &mut State, mut message: Value) -> u64 {
    let id: u64 = snowflake(&message["id"]).unwrap_or_default();
    let channel: u64 = snowflake(&message["channel_id"]).unwrap_or_default();
    let known = state.channels.get_mut(&channel).unwrap();
    if let Some(guild) = known.guild {
        message["guild_id"] = guild.to_string().into();
        message["member"] = member().into();
    }
    message["channel_type"] = known.kind.into();
    known.last = known.last.max(id);
    known.messages.insert(id, message.clone());
    state.dispatch("MESSAGE_CREATE", &message);
    id
}

fn create(state: &mut State, call: &Call<'_>, channel: u64) -> Result<Value, Failure> {
    let body = &call.form.json;
    let nonce = nonce(body)?;
    let enforced = nonce.as_ref().filter(|_| body["enforce_nonce"] == true);
    if let Some((channel, id)) = enforced.and_then(|nonce| state.known(nonce)) {
        // One that was deleted meanwhile is not made again.
        let message = state.channels[&channel].messages.get(&id);
        return message.cloned().ok_or_else(|| Failure::unknown(10008, "Message"));
    }
    let message = compose(state, call, channel)?;
    let mut message = message;
    if let Some(nonce) = &nonce {
        message["nonce"] = nonce.as_str().into();
    }
    let id = publish(state, message.clone());
    if let Some(nonce) = &nonce {
        state.nonces.insert(nonce.clone(), (Instant::now(), channel, id));
    }
    note(state, call, &message, nonce, None);
    Ok(message)
}

fn nonce(body: &Value) -> Result<Option<String>, Failure> {
    let nonce = match &body["nonce"] {
        Value::Null => return Ok(None),
        Value::String(nonce) => nonce.clone(),
        nonce => nonce.to_string(),
    };
    if nonce.chars().count() > NONCE {
        let message = "Must be 25 or fewer in length.";
        return Err(Failure::field("nonce", "BASE_TYPE_MAX_LENGTH", message));
    }
    Ok(Some(nonce))
}

/// A message of the bot's, from a body.
pub(super) fn compose(state: &mut State, call: &Call<'_>, channel: u64) -> Result<Value, Failure> {
    let body = &call.form.json;
    let content = content(body)?;
    if content.is_empty() && call.form.files.is_empty() && body["embeds"].as_array().is_none_or(Vec::is_empty)
    {
        return Err(Failure::new(400, 50006, "Cannot send an empty message"));
    }
    if call.form.files.iter().any(|(.., bytes)| bytes.len() > FILE) {
        return Err(Failure::new(413, 40005, "Request entity too large"));
    }
    let me = state.me.clone();
    let mut message = blank(state, channel, &me);
    message["content"] = content.into();
    let reference = &body["message_reference"];
    if let Some(to) = snowflake(&reference["message_id"]) {
        refer(state, &mut message, channel, to, reference["fail_if_not_exists"] != false)?;
    }
    message["mentions"] = mentions(state, &message);
    let files: Vec<Value> = call
        .form
        .files
        .iter()
        .map(|(number, name, kind, bytes)| {
            let described = body["attachments"].as_array().into_iter().flatten();
            let is_it =
                |known: &&Value| known["id"] == *number || known["id"].as_str() == Some(&number.to_string());
            let name =
                described.clone().find(is_it).and_then(|known| known["filename"].as_str()).unwrap_or(name);
            state.attach(channel, name, kind, bytes.clone())
        })
        .collect();
    message["attachments"] = files.into();
    Ok(message)
}

fn content(body: &Value) -> Result<String, Failure> {
    let content = body["content"].as_str().unwrap_or_default().trim().to_owned();
    if content.chars().count() > CONTENT {
        let message = "Must be 2000 or fewer in length.";
        return Err(Failure::field("content", "BASE_TYPE_MAX_LENGTH", message));
    }
    Ok(content)
}

/// Makes `message` a reply.
pub(super) fn refer(
    state: &State,
    message: &mut Value,
    channel: u64,
    to: u64,
    must_exist: bool,
) -> Result<(), Failure> {
    let Some(referenced) = state.channels[&channel].messages.get(&to) else {
        if must_exist {
            return Err(Failure::field("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message"));
        }
        return Ok(());
    };
    message["type"] = 19.into();
    message["message_reference"] =
        json!({"type": 0, "channel_id": channel.to_string(), "message_id": to.to_string()});
    message["referenced_message"] = fetched(referenced, state.signature);
    Ok(())
}

/// The users that a text mentions.
pub(super) fn mentions(state: &State, message: &Value) -> Value {
    let text = message["content"].as_str().unwrap_or_default();
    let mut found = Vec::new();
    for part in text.split("<@").skip(1) {
        let id = part.split('>').next().unwrap_or_default().trim_start_matches('!');
        if let Ok(id) = id.parse::<u64>() {
            let user = if id == state.me.id { state.me.clone() } else { User::new(id, &format!("User{id}")) };
            found.push(user.json());
        }
    }
    found.into()
}

/// Notes what the bot said, and who hears of it.
pub(super) fn note(
    state: &mut State,
    call: &Call<'_>,
    message: &Value,
    nonce: Option<String>,
    interaction: Option<u64>,
) {
    let text = message["content"].as_str().unwrap_or_default().to_owned();
    state.sent.push(Sent {
        id: snowflake(&message["id"]).unwrap_or_default(),
        channel: snowflake(&message["channel_id"]).unwrap_or_default(),
        history: vec![text.clone()],
        pinged: pinged(message, &text, &call.form.json["allowed_mentions"]),
        text,
        reply_to: snowflake(&message["message_reference"]["message_id"]),
        nonce,
        files: call.form.files.iter().map(|(_, name, _, bytes)| (name.clone(), bytes.clone())).collect(),
        interaction,
        deleted: false,
    });
}

/// <https://docs.discord.com/developers/resources/message#allowed-mentions-object>
fn pinged(message: &Value, text: &str, allowed: &Value) -> Vec<String> {
    let parses = |kind: &str| {
        allowed.is_null()
            || allowed["parse"].as_array().is_some_and(|list| list.iter().any(|known| known == kind))
    };
    let named =
        |id: &str| allowed["users"].as_array().is_some_and(|list| list.iter().any(|known| known == id));
    let mut heard: Vec<String> = message["mentions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|user| user["id"].as_str())
        .filter(|id| parses("users") || named(id))
        .map(str::to_owned)
        .collect();
    if (text.contains("@everyone") || text.contains("@here")) && parses("everyone") {
        heard.push("everyone".to_owned());
    }
    if let Some(author) = message["referenced_message"]["author"]["id"].as_str()
        && (allowed["replied_user"] == true || allowed.is_null())
    {
        heard.push(author.to_owned());
    }
    heard
}

/// Changes a message of the bot's.
pub(super) fn edit(state: &mut State, id: u64, channel: u64, body: &Value) -> Result<Value, Failure> {
    let (me, now) = (state.me.id.to_string(), state.clock.now());
    let known = state.channels.get_mut(&channel).ok_or_else(|| Failure::unknown(10003, "Channel"))?;
    let message = known.messages.get_mut(&id).ok_or_else(|| Failure::unknown(10008, "Message"))?;
    if message["author"]["id"] != me.as_str() {
        return Err(Failure::new(403, 50005, "Cannot edit a message authored by another user"));
    }
    if !body["content"].is_null() {
        let text = content(body)?;
        if text.is_empty() && message["attachments"].as_array().is_none_or(Vec::is_empty) {
            return Err(Failure::new(400, 50006, "Cannot send an empty message"));
        }
        message["content"] = text.into();
    }
    message["edited_timestamp"] = iso(now).into();
    let message = message.clone();
    if let Some(sent) = state.sent_mut(id) {
        sent.text = message["content"].as_str().unwrap_or_default().to_owned();
        sent.history.push(sent.text.clone());
    }
    state.dispatch("MESSAGE_UPDATE", &message);
    Ok(message)
}

/// Takes a message away.
pub(super) fn delete(state: &mut State, channel: u64, id: u64) -> Result<(), Failure> {
    let known = state.channels.get_mut(&channel).ok_or_else(|| Failure::unknown(10003, "Channel"))?;
    known.messages.remove(&id).ok_or_else(|| Failure::unknown(10008, "Message"))?;
    let mut event = json!({"id": id.to_string(), "channel_id": channel.to_string()});
    if let Some(guild) = known.guild {
        event["guild_id"] = guild.to_string().into();
    }
    if let Some(sent) = state.sent_mut(id) {
        sent.deleted = true;
    }
    state.dispatch("MESSAGE_DELETE", &event);
    Ok(())
}

fn thread(state: &mut State, call: &Call<'_>, parent: u64, message: Option<u64>) -> Outcome {
    if matches!(state.channels[&parent].kind, DM | THREAD) {
        return Err(Failure::new(400, 50024, "Cannot execute action on this channel type"));
    }
    if message.is_some_and(|id| state.channels.contains_key(&id)) {
        return Err(Failure::new(400, 160_004, "A thread has already been created for this message"));
    }
    let name = call.form.json["name"].as_str().unwrap_or("Thread").to_owned();
    let id = state.thread(parent, &name, message);
    Ok((201, state.channel_json(id)))
}

impl State {
    /// A new thread; one that begins at a message has its id.
    pub(super) fn thread(&mut self, parent: u64, name: &str, message: Option<u64>) -> u64 {
        let id = message.unwrap_or_else(|| self.clock.id());
        let guild = self.channels[&parent].guild;
        let thread = Channel {
            kind: THREAD,
            name: name.to_owned(),
            guild,
            parent: Some(parent),
            ..Channel::default()
        };
        self.channels.insert(id, thread);
        let mut event = self.channel_json(id);
        event["newly_created"] = true.into();
        self.dispatch("THREAD_CREATE", &event);
        id
    }
}
