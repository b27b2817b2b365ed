//! Whether a message is there: what a crash between a message and its receipt is resolved by. Texts carry their key as metadata;
//! files can't, and are known by name and size.

use serde_json::{Value, json};

use super::{
    Slack,
    catchup::is_ts,
    wire::{Message, Page},
};
use crate::{
    adapter::Resolved,
    error::SendError,
    message::{Body, Outgoing},
};

/// Messages on a page; Slack advises at most 200.
const PAGE: usize = 200;
/// Pages that are looked through. What is not among the last 2,000 messages can't be told.
const PAGES: usize = 10;

pub(super) async fn resolve(slack: &Slack, me: &str, message: Outgoing<'_>) -> Result<Resolved, SendError> {
    let method = if message.to.thread.is_some() { "conversations.replies" } else { "conversations.history" };
    let mut body = json!({"channel": message.to.chat, "limit": PAGE, "include_all_metadata": true});
    if let Some(thread) = &message.to.thread {
        body["ts"] = thread.as_str().into();
    }
    // An answer stands after its question. (A slash command has no place in the chat.)
    if let Some(question) = message.reply_to.filter(|id| is_ts(id)) {
        body["oldest"] = question.into();
    }
    for _ in 0..PAGES {
        let page: Page = match slack.client.ask(method, body.clone()).await.map_err(SendError::from) {
            Ok(page) => page,
            // It can't be looked at: the scope is missing, or the thread's root is gone.
            Err(SendError::Rejected { .. }) => return Ok(Resolved::Unknowable),
            Err(error) => return Err(error),
        };
        let is_it = |said: &&Message| said.user == me && is_same(said, &message);
        if let Some(found) = page.messages.iter().find(is_it) {
            return Ok(Resolved::Sent(found.ts.clone()));
        }
        match page.response_metadata.map(|next| next.next_cursor).filter(|cursor| !cursor.is_empty()) {
            Some(cursor) => body["cursor"] = Value::from(cursor),
            None => return Ok(Resolved::NotSent),
        }
    }
    Ok(Resolved::Unknowable)
}

fn is_same(said: &Message, message: &Outgoing<'_>) -> bool {
    match message.body {
        Body::File(file) => said.files.iter().any(|known| {
            known.name.as_deref() == Some(&file.name) && known.size == Some(file.bytes.len() as u64)
        }),
        Body::Rich(_) | Body::Plain(_) => {
            said.metadata.as_ref().is_some_and(|metadata| metadata.event_payload.key == message.key)
        }
    }
}
