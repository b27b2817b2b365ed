//! The methods that only look.

use serde_json::{Value, json};

use super::{
    BOT, BOT_USER,
    methods::{Outcome, place},
    state::{Channel, Post, State},
};
use crate::args::Args;

/// Messages on a page when nobody says how many, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

pub(super) fn call(state: &mut State, method: &str, args: &Args) -> Outcome {
    match method {
        "conversations.history" => history(state, args),
        "conversations.replies" => replies(state, args),
        "conversations.info" => {
            let id = args.text("channel");
            let channel = state.channels.get(id).ok_or("channel_not_found")?;
            Ok(json!({"channel": shown(id, channel)}))
        }
        "conversations.list" | "users.conversations" => {
            let types = if args.text("types").is_empty() { "public_channel" } else { args.text("types") };
            let wanted = |channel: &Channel| match channel.kind() {
                "im" => types.contains("im"),
                "group" => types.contains("private_channel") && channel.member,
                _ => types.contains("public_channel"),
            };
            let mine = method == "users.conversations";
            let found =
                state.channels.iter().filter(|(_, channel)| wanted(channel) && (channel.member || !mine));
            let found = found.filter(|(_, channel)| !channel.archived || !args.flag("exclude_archived"));
            let (from, limit) = page_asked(args);
            let mut channels: Vec<_> =
                found.skip(from).take(limit + 1).map(|(id, channel)| shown(id, channel)).collect();
            let next = if channels.len() > limit { format!("at:{}", from + limit) } else { String::new() };
            channels.truncate(limit);
            Ok(json!({"channels": channels, "response_metadata": {"next_cursor": next}}))
        }
        "conversations.open" => {
            let user = args.text("users").to_owned();
            state.users.get(&user).ok_or("user_not_found")?;
            Ok(json!({"channel": {"id": state.im(&user)}}))
        }
        "users.info" => {
            let id = args.text("user");
            let is_bot = id == BOT_USER;
            let name = if is_bot { Some("claw") } else { state.users.get(id).map(String::as_str) };
            let name = name.ok_or("user_not_found")?;
            let profile = json!({"display_name": name, "real_name": name});
            let user = json!({"id": id, "name": name.to_lowercase(), "real_name": name, "profile": profile, "is_bot": is_bot});
            Ok(json!({"user": user}))
        }
        "bots.info" => match args.text("bot") {
            BOT => Ok(json!({"bot": {"id": BOT, "name": "claw", "user_id": BOT_USER, "app_id": super::APP}})),
            _ => Err("bot_not_found"),
        },
        _ => Err("unknown_method"),
    }
}

fn shown(id: &str, channel: &Channel) -> Value {
    let kind = channel.kind();
    let mut shown = json!({
        "id": id, "is_channel": kind == "channel", "is_group": kind == "group", "is_im": kind == "im",
        "is_private": kind != "channel", "is_archived": channel.archived, "is_member": channel.member,
    });
    match &channel.with {
        Some(user) => shown["user"] = json!(user),
        None => shown["name"] = json!(channel.name),
    }
    shown
}

fn history(state: &mut State, args: &Args) -> Outcome {
    let id = place_to_read(state, args)?;
    let top = |post: &&Post| post.thread_ts.is_none() && !post.deleted;
    let mut posts: Vec<_> = state.channels[&id].posts.values().filter(top).collect();
    posts.reverse();
    Ok(page(state, args, &posts))
}

fn replies(state: &mut State, args: &Args) -> Outcome {
    let id = place_to_read(state, args)?;
    let ts = args.text("ts");
    let asked = state.post(&id, ts).ok_or("thread_not_found")?;
    let root = asked.thread_ts.as_deref().unwrap_or(ts);
    let of_thread =
        |post: &&Post| !post.deleted && (post.ts == root || post.thread_ts.as_deref() == Some(root));
    let posts: Vec<_> = state.channels[&id].posts.values().filter(of_thread).collect();
    Ok(page(state, args, &posts))
}

/// An archived channel can still be read.
fn place_to_read(state: &mut State, args: &Args) -> Result<String, &'static str> {
    let id = args.text("channel");
    match place(state, id) {
        Err("is_archived") => Ok(id.to_owned()),
        found => found,
    }
}

fn page(state: &State, args: &Args, posts: &[&Post]) -> Value {
    let (oldest, latest) = (args.text("oldest"), args.text("latest"));
    let inclusive = args.flag("inclusive");
    let within = |post: &&&Post| {
        let ts = post.ts.as_str();
        let after = oldest.is_empty() || oldest == "0" || ts > oldest || (inclusive && ts == oldest);
        after && (latest.is_empty() || ts < latest || (inclusive && ts == latest))
    };
    let (from, limit) = page_asked(args);
    let all: Vec<_> = posts.iter().filter(within).collect();
    let metadata = args.flag("include_all_metadata");
    let shown: Vec<_> = all.iter().skip(from).take(limit).map(|post| state.shown(post, metadata)).collect();
    let more = all.len() > from + limit;
    let next = if more { format!("at:{}", from + limit) } else { String::new() };
    json!({"messages": shown, "has_more": more, "response_metadata": {"next_cursor": next}})
}

/// Where the page begins that is asked for, and how much is on it.
fn page_asked(args: &Args) -> (usize, usize) {
    let from = args.text("cursor").strip_prefix("at:").and_then(|at| at.parse().ok()).unwrap_or(0_usize);
    let limit = args.integer("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    (from, limit.clamp(1, LARGEST_PAGE))
}
