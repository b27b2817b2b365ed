//! Files: up in three steps, down with the token.

use serde_json::json;

use super::{
    BOT_USER,
    methods::{Outcome, place},
    state::{Post, State, Stored},
};
use crate::{Reply, Request, args::Args};

/// Largest file, in bytes.
const FILE: usize = 1 << 30;

pub(super) fn call(state: &mut State, method: &str, args: &Args, form: bool) -> Outcome {
    match method {
        // The documentation says JSON as well; the real one answers it so.
        "files.getUploadURLExternal" if !form => Err("invalid_arguments"),
        "files.getUploadURLExternal" => {
            let length = args.integer("length").and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length > 0).ok_or("invalid_arguments")?;
            let name = args.text("filename").to_owned();
            if name.is_empty() {
                return Err("invalid_arguments");
            }
            if length > FILE {
                return Err("file_upload_size_restricted");
            }
            let (id, ticket) = (state.id("F"), state.id("up"));
            let (user, mime_type) = (BOT_USER.to_owned(), String::new());
            let file =
                Stored { id: id.clone(), name, mime_type, length, bytes: None, user, ticket: ticket.clone() };
            state.files.insert(id.clone(), file);
            Ok(json!({"upload_url": format!("{}/upload/v1/{ticket}", state.url), "file_id": id}))
        }
        "files.completeUploadExternal" => complete(state, args),
        "files.info" => {
            let file = state.files.get(args.text("file")).ok_or("file_not_found")?;
            Ok(json!({"file": state.file(file)}))
        }
        _ => Err("unknown_method"),
    }
}

fn complete(state: &mut State, args: &Args) -> Outcome {
    let wanted = args.value("files");
    let ids: Vec<_> =
        wanted.as_array().into_iter().flatten().filter_map(|file| file["id"].as_str()).collect();
    if ids.is_empty() {
        return Err("invalid_arguments");
    }
    for id in &ids {
        let file = state.files.get(*id).ok_or("file_not_found")?;
        if file.bytes.as_ref().is_none_or(|bytes| bytes.len() != file.length) {
            return Err("file_not_found");
        }
    }
    let ids: Vec<_> = ids.into_iter().map(str::to_owned).collect();
    if !args.text("channel_id").is_empty() {
        let channel = place(state, args.text("channel_id"))?;
        let thread_ts = Some(args.text("thread_ts").to_owned()).filter(|ts| !ts.is_empty());
        let (text, user) = (args.text("initial_comment").to_owned(), BOT_USER.to_owned());
        let files = ids.clone();
        let subtype = "file_share";
        state.add(Post { channel, thread_ts, user, by_bot: true, text, files, subtype, ..Post::default() });
    }
    let shown: Vec<_> =
        ids.iter().filter_map(|id| state.files.get(id)).map(|file| state.file(file)).collect();
    Ok(json!({"files": shown}))
}

/// A `POST` of the bytes to the address that was given.
pub(super) fn upload(state: &mut State, ticket: &str, request: &Request) -> Reply {
    let Some(file) = state.files.values_mut().find(|file| file.ticket == ticket) else {
        return plain(404, "no such upload");
    };
    let args = Args::of(request);
    let multipart = ["filename", "file"].into_iter().find_map(|name| args.file(name));
    let (bytes, mime_type) = match multipart {
        Some(upload) => (upload.bytes.clone(), upload.mime.clone()),
        None => (request.body.clone(), request.header("content-type").to_owned()),
    };
    let size = bytes.len();
    file.mime_type = mime_type;
    file.bytes = Some(bytes);
    plain(200, &format!("OK - {size}"))
}

/// `TEAM-FILE/[download/]NAME`. Whoever has no valid token sees a page to sign in, not an error.
pub(super) fn download(state: &State, path: &str, token: &str) -> Reply {
    let id = path.split('/').next().and_then(|first| first.split_once('-')).map_or("", |(_, id)| id);
    let sound = token == state.bot_token && !state.dead.contains_key(token);
    let Some(file) = state.files.get(id).filter(|_| sound) else {
        let reply = plain(200, "<!DOCTYPE html><html><body>Sign in to Claw</body></html>");
        return Reply {
            headers: vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())],
            ..reply
        };
    };
    let headers = vec![("content-type".to_owned(), file.mime_type.clone())];
    Reply { status: 200, headers, body: file.bytes.clone().unwrap_or_default() }
}

fn plain(status: u16, text: &str) -> Reply {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Reply { status, headers, body: text.to_owned().into() }
}
