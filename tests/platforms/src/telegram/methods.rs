//! The Bot API's methods, but those by which updates come.

use serde_json::{Value, json};

use super::{
    Shared, html,
    post::{Kind, Media, Sent, found},
    state::State,
};
use crate::args::{Args, Upload};

/// Longest text after its entities are read, in UTF-16 code units. (Telegram counts characters; this is the stricter reading.)
const TEXT: usize = 4096;
/// Longest caption.
const CAPTION: usize = 1024;
/// Largest file that a bot may fetch.
const FETCHED: u64 = 20 * 1024 * 1024;

/// What a method answers.
pub(super) type Outcome = Result<Value, Failure>;

/// Why a method failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) parameters: Value,
}

impl Failure {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), parameters: Value::Null }
    }

    pub(super) fn bad(what: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {what}"))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub(super) fn flood(seconds: u64) -> Self {
        let description = format!("Too Many Requests: retry after {seconds}");
        Self { code: 429, description, parameters: json!({"retry_after": seconds}) }
    }
}

/// Carries a method out; names are compared in lower case, as the real server does.
pub(super) fn call(shared: &Shared, method: &str, args: &Args) -> Outcome {
    let mut state = shared.state();
    let done = match method {
        "getme" => Ok(state.me.clone()),
        "sendmessage" => send_message(&mut state, args),
        "senddocument" => send_file(&mut state, args, Kind::Document),
        "sendphoto" => send_file(&mut state, args, Kind::Photo),
        "sendvoice" => send_file(&mut state, args, Kind::Voice),
        "editmessagetext" => edit(&mut state, args),
        "deletemessage" => delete(&mut state, args),
        "sendchataction" => chat_action(&mut state, args),
        "getfile" => get_file(&state, args),
        "getchat" => get_chat(&state, args),
        "setmycommands" => set_commands(&mut state, args),
        "getmycommands" => Ok(commands(&state)),
        "deletemycommands" => {
            state.commands.clear();
            Ok(true.into())
        }
        "answercallbackquery" => match args.text("callback_query_id") {
            "" => Err(Failure::bad("query is too old and response timeout expired or query ID is invalid")),
            _ => Ok(true.into()),
        },
        "close" => Ok(true.into()),
        "logout" => {
            state.revoked = true;
            Ok(true.into())
        }
        _ => Err(Failure::new(404, "Not Found: method not found")),
    };
    drop(state);
    shared.changed.notify_waiters();
    done
}

/// The chat of a call that writes.
fn open_chat(state: &State, args: &Args) -> Result<i64, Failure> {
    if args.text("chat_id").is_empty() {
        return Err(Failure::bad("chat_id is empty"));
    }
    let id = args.integer("chat_id").filter(|id| state.chats.contains_key(id));
    let id = id.ok_or_else(|| Failure::bad("chat not found"))?;
    let chat = &state.chats[&id];
    if let Some(moved) = chat.moved {
        let mut failure = Failure::bad("group chat was upgraded to a supergroup chat");
        failure.parameters = json!({"migrate_to_chat_id": moved});
        return Err(failure);
    }
    match chat.closed {
        Some(why) => Err(Failure::new(403, why)),
        None => Ok(id),
    }
}

/// A text as people read it, with its entities.
fn text(args: &Args, name: &str, limit: usize) -> Result<(String, Vec<Value>), Failure> {
    let source = args.text(name);
    let (text, entities) = match args.text("parse_mode").to_ascii_lowercase().as_str() {
        "html" => {
            html::parse(source).map_err(|error| Failure::bad(format!("can't parse entities: {error}")))?
        }
        "" => {
            let given = args.value(if name == "text" { "entities" } else { "caption_entities" });
            (source.to_owned(), given.as_array().cloned().unwrap_or_else(|| found(source)))
        }
        _ => return Err(Failure::bad("unsupported parse_mode")),
    };
    let text = text.trim_end().to_owned();
    let length = text.encode_utf16().count();
    if length > limit {
        return Err(Failure::bad(if name == "text" {
            "message is too long"
        } else {
            "message caption is too long"
        }));
    }
    // What was trimmed can't be marked.
    let end = |entity: &Value| entity["offset"].as_u64().unwrap_or(0) as usize;
    Ok((text, entities.into_iter().filter(|entity| end(entity) < length).collect()))
}

/// The frame of a message that the bot sends: where, in which topic, to what it replies.
fn frame(state: &mut State, args: &Args) -> Result<(Value, Sent), Failure> {
    let chat = open_chat(state, args)?;
    let thread = args.integer("message_thread_id").filter(|thread| *thread != 0);
    if let Some(topic) = thread
        && !state.chats[&chat].topics.contains(&topic)
    {
        return Err(Failure::bad("message thread not found"));
    }
    let reply = args.value("reply_parameters");
    let wanted = reply["message_id"].as_i64().or_else(|| args.integer("reply_to_message_id"));
    let quoted = wanted.and_then(|id| state.quoted(chat, id));
    let lenient = reply["allow_sending_without_reply"] == true || args.flag("allow_sending_without_reply");
    if wanted.is_some() && quoted.is_none() && !lenient {
        return Err(Failure::bad("message to be replied not found"));
    }
    let me = state.me.clone();
    let mut message = state.message(chat, &me, thread);
    let reply_to = quoted.as_ref().and(wanted);
    if let Some(quoted) = quoted {
        message["reply_to_message"] = quoted;
    }
    let sent = Sent {
        chat,
        id: message["message_id"].as_i64().unwrap_or_default(),
        thread,
        reply_to,
        text: String::new(),
        entities: Vec::new(),
        source: String::new(),
        parse_mode: args.text("parse_mode").to_owned(),
        file: None,
        history: Vec::new(),
        deleted: false,
    };
    Ok((message, sent))
}

fn send_message(state: &mut State, args: &Args) -> Outcome {
    let (text, entities) = text(args, "text", TEXT)?;
    if text.trim().is_empty() {
        return Err(Failure::bad("message text is empty"));
    }
    let (mut message, mut sent) = frame(state, args)?;
    message["text"] = text.as_str().into();
    if !entities.is_empty() {
        message["entities"] = entities.clone().into();
    }
    (sent.text, sent.entities, sent.source) = (text, entities, args.text("text").to_owned());
    state.keep(&message);
    state.record(sent);
    Ok(message)
}

fn send_file(state: &mut State, args: &Args, kind: Kind) -> Outcome {
    let field = kind.field();
    let (caption, entities) = text(args, "caption", CAPTION)?;
    let upload = match args.file(field) {
        Some(upload) => upload.clone(),
        // A file that the server has already.
        None => {
            let known = state.files.get(args.text(field));
            let bytes = known
                .ok_or_else(|| Failure::bad(format!("there is no {field} in the request")))?
                .bytes
                .clone();
            Upload { name: String::new(), mime: String::new(), bytes }
        }
    };
    if upload.bytes.is_empty() {
        return Err(Failure::bad("file must be non-empty"));
    }
    let largest = if kind == Kind::Photo { 10 } else { 50 } * 1024 * 1024;
    if upload.bytes.len() > largest {
        return Err(Failure::new(413, "Request Entity Too Large"));
    }
    let (mut message, mut sent) = frame(state, args)?;
    let Upload { name, mime, bytes } = upload;
    state.attach(
        &mut message,
        &Media { kind, name: name.clone(), mime: mime.clone(), bytes: bytes.clone(), size: None },
    );
    if !caption.is_empty() {
        message["caption"] = caption.as_str().into();
    }
    (sent.text, sent.entities, sent.source) = (caption, entities, args.text("caption").to_owned());
    sent.file = Some((name, mime, bytes));
    state.keep(&message);
    state.record(sent);
    Ok(message)
}

fn edit(state: &mut State, args: &Args) -> Outcome {
    let (text, entities) = text(args, "text", TEXT)?;
    if text.trim().is_empty() {
        return Err(Failure::bad("message text is empty"));
    }
    let chat = open_chat(state, args)?;
    let id = args.integer("message_id").unwrap_or_default();
    let now = state.clock.now() as i64;
    let Some(mut message) = state.chats[&chat].messages.get(&id).cloned() else {
        return Err(Failure::bad("message to edit not found"));
    };
    let Some(sent) = state.sent_mut(chat, id) else { return Err(Failure::bad("message can't be edited")) };
    if sent.file.is_some() {
        return Err(Failure::bad("there is no text in the message to edit"));
    }
    if sent.text == text && sent.entities == entities {
        return Err(Failure::bad(
            "message is not modified: specified new message content and reply markup are exactly the same as a current \
             content and reply markup of the message",
        ));
    }
    sent.history.push(std::mem::replace(&mut sent.text, text.clone()));
    sent.entities.clone_from(&entities);
    sent.source = args.text("text").to_owned();
    sent.parse_mode = args.text("parse_mode").to_owned();
    message["text"] = text.into();
    message["entities"] = entities.into();
    message["edit_date"] = now.into();
    state.keep(&message);
    Ok(message)
}

fn delete(state: &mut State, args: &Args) -> Outcome {
    let chat = open_chat(state, args)?;
    let id = args.integer("message_id").unwrap_or_default();
    let gone = state.chats.get_mut(&chat).and_then(|chat| chat.messages.remove(&id));
    if gone.is_none() {
        return Err(Failure::bad("message to delete not found"));
    }
    if let Some(sent) = state.sent_mut(chat, id) {
        sent.deleted = true;
    }
    Ok(true.into())
}

fn chat_action(state: &mut State, args: &Args) -> Outcome {
    open_chat(state, args)?;
    match args.text("action") {
        "typing" | "upload_photo" | "upload_document" | "upload_voice" | "record_voice"
        | "choose_sticker" => Ok(true.into()),
        _ => Err(Failure::bad("wrong parameter action in request")),
    }
}

fn get_file(state: &State, args: &Args) -> Outcome {
    let id = args.text("file_id");
    if id.is_empty() {
        return Err(Failure::bad("file_id not specified"));
    }
    let file = state.files.get(id).ok_or_else(|| Failure::bad("invalid file_id"))?;
    if file.size > FETCHED {
        return Err(Failure::bad("file is too big"));
    }
    Ok(
        json!({"file_id": id, "file_unique_id": format!("u{id}"), "file_size": file.size, "file_path": file.path}),
    )
}

fn get_chat(state: &State, args: &Args) -> Outcome {
    let id = args.integer("chat_id").filter(|id| state.chats.contains_key(id));
    let mut chat = state.chat_json(id.ok_or_else(|| Failure::bad("chat not found"))?);
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true, "premium_subscription": true,
        "gifts_from_channels": true,
    });
    Ok(chat)
}

fn set_commands(state: &mut State, args: &Args) -> Outcome {
    let given = args.value("commands");
    let given = given.as_array().ok_or_else(|| Failure::bad("can't parse commands: expected an Array"))?;
    let mut commands = Vec::new();
    for command in given {
        let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/').to_owned();
        let description = command["description"].as_str().unwrap_or_default().to_owned();
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(word) {
            return Err(Failure::bad("BOT_COMMAND_INVALID"));
        }
        if description.is_empty() || description.chars().count() > 256 {
            return Err(Failure::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        commands.push((name, description));
    }
    if commands.len() > 100 {
        return Err(Failure::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    state.commands = commands;
    Ok(true.into())
}

fn commands(state: &State) -> Value {
    let shown = |(name, description): &(String, String)| json!({"command": name, "description": description});
    state.commands.iter().map(shown).collect::<Vec<_>>().into()
}
