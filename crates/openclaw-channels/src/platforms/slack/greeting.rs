//! The first words in an assistant pane.

use serde_json::json;
use tracing::debug;

use super::{
    Slack,
    client::Failed,
    wire::{Done, Page, Place},
};
use crate::message::Address;

const HELLO: &str = "Hello! How can I help you?";

/// Says hello in a pane that was just opened. Once: an event that comes again finds the words there.
pub(super) async fn greet(slack: &Slack, thread: Address) {
    if let Err(failed) = try_to_greet(slack, &thread).await {
        debug!(channel = "slack", chat = %thread, ?failed, "a pane was not greeted");
    }
}

async fn try_to_greet(slack: &Slack, thread: &Address) -> Result<(), Failed> {
    let Some(ts) = &thread.thread else { return Ok(()) };
    let body = json!({"channel": thread.chat, "ts": ts, "limit": 10});
    let page: Page = slack.client.ask("conversations.replies", body).await?;
    if page.messages.iter().any(|message| message.ts != *ts) {
        return Ok(());
    }
    let body = json!({"channel": thread.chat, "thread_ts": ts, "text": HELLO});
    slack.client.ask::<Place>("chat.postMessage", body).await?;
    let prompts = json!([
        {"title": "What can you do?", "message": "What can you do?"},
        {"title": "How things stand", "message": "!status"},
    ]);
    let body = json!({"channel_id": thread.chat, "thread_ts": ts, "prompts": prompts});
    slack.client.ask::<Done>("assistant.threads.setSuggestedPrompts", body).await?;
    Ok(())
}
