//! Which earlier messages a model is shown.

use std::{collections::HashSet, sync::Arc};

use openclaw_core::{ContentBlock, Message, MessageId, Role, RunId};

use super::message_tokens;

/// What of `recent` comes before the message of `run`, in the order of the conversation, as much as fits `budget` tokens: whole
/// messages, the oldest left out first, and beginning with the user's. A tool call stays together with its result; one
/// that never got a result (the process died, or the run was cancelled) is left out, because vendors refuse it.
///
/// The log holds messages in the order in which they were written; a message that waited for its turn stands there before the
/// answer to the one before it. Runs of a conversation happen in the order of their ids, so that order is restored first.
pub(crate) fn select(mut recent: Vec<Arc<Message>>, run: RunId, budget: usize) -> Vec<Arc<Message>> {
    recent.retain(|message| match run_of(&message.id) {
        Some(of) => of < run,
        None => true,
    });
    recent.sort_by_cached_key(|message| order(message));
    latest(recent, budget)
}

/// The last of `messages`, which stand in the order of the conversation, by the rules of [`select`].
pub(super) fn latest(messages: Vec<Arc<Message>>, budget: usize) -> Vec<Arc<Message>> {
    let whole = without_orphans(messages);
    let mut used = 0;
    let mut begin = whole.len();
    while begin > 0 {
        let unit = unit_before(&whole, begin);
        used += whole.iter().take(begin).skip(unit).map(|message| message_tokens(message)).sum::<usize>();
        if used > budget {
            break;
        }
        begin = unit;
    }
    let latest = whole.into_iter().skip(begin).skip_while(|message| message.role != Role::User);
    // The cut may have gone between calls and results that the log keeps as messages of their own.
    without_orphans(latest.collect())
}

/// The run a message belongs to; `None` for an imported message.
fn run_of(id: &MessageId) -> Option<RunId> {
    RunId::of_message(id)
}

/// By run; within it the order of the log. An imported message stands by its time.
fn order(message: &Message) -> (i64, Option<RunId>, bool) {
    let run = run_of(&message.id);
    let time = run.map_or(message.timestamp, RunId::accepted_at);
    (time.unix_millis(), run, message.role != Role::User)
}

/// Begin of the unit that ends before `end`: a message, or tool results together with the message that asked for them.
fn unit_before(messages: &[Arc<Message>], end: usize) -> usize {
    let mut begin = end.saturating_sub(1);
    while begin > 0 && messages.get(begin).is_some_and(|message| message.role == Role::Tool) {
        begin -= 1;
    }
    begin
}

/// Drops tool calls without a result and results without a call; and messages that are empty then.
fn without_orphans(messages: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
    if messages.iter().all(|message| message.role != Role::Tool && !has_calls(message)) {
        return messages;
    }
    let (mut calls, mut results) = (HashSet::new(), HashSet::new());
    for message in &messages {
        let run = run_of(&message.id);
        for block in &message.content {
            match block {
                ContentBlock::ToolCall(call) => drop(calls.insert((run, call.id.clone()))),
                ContentBlock::ToolResult(result) => drop(results.insert((run, result.call_id.clone()))),
                ContentBlock::Text(_) => {}
            }
        }
    }
    let mut kept = Vec::with_capacity(messages.len());
    for message in messages {
        let run = run_of(&message.id);
        let is_whole = |block: &ContentBlock| match block {
            ContentBlock::ToolCall(call) => results.contains(&(run, call.id.clone())),
            ContentBlock::ToolResult(result) => calls.contains(&(run, result.call_id.clone())),
            ContentBlock::Text(_) => true,
        };
        if message.content.iter().all(is_whole) {
            kept.push(message);
            continue;
        }
        let mut partial = Message::clone(&message);
        partial.content.retain(is_whole);
        if !partial.content.is_empty() {
            kept.push(Arc::new(partial));
        }
    }
    kept
}

fn has_calls(message: &Message) -> bool {
    message.content.iter().any(|block| matches!(block, ContentBlock::ToolCall(_)))
}
