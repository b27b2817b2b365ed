//! Long texts, cut in the middle, with a word about what is missing and how to read it.

use std::sync::Arc;

use openclaw_core::{ContentBlock, Message, ToolCall, ToolResult};
use serde_json::Value;

use super::Gauge;
use crate::memory_tools::READ;

/// Least that is worth keeping of a text beside the word about the rest, in tokens.
const LEAST: usize = 24;

/// `text` in at most `budget` tokens: its head and its tail, and between them how many characters are missing, from which one
/// on, and, for a model that calls tools, the call that shows them. `id` names the text for that call.
pub(crate) fn text(gauge: &Gauge<'_>, text: &str, budget: usize, id: &str) -> String {
    let chars = text.chars().count();
    // As long as the note can become.
    let room = budget.saturating_sub(gauge.text(&note(gauge, chars, chars, id)) + 4);
    if room < LEAST {
        let short = note(gauge, chars, 0, id);
        return if gauge.text(&short) <= budget { short } else { gauge.head("[…]", budget).to_owned() };
    }
    let head = gauge.head(text, room - room / 3).trim_end();
    let rest = text.get(head.len()..).unwrap_or_default();
    let tail = gauge.tail(rest, room / 3).trim_start();
    let offset = head.chars().count();
    let missing = chars.saturating_sub(offset + tail.chars().count());
    format!("{head}\n{}\n{tail}", note(gauge, missing, offset, id))
}

fn note(gauge: &Gauge<'_>, missing: usize, offset: usize, id: &str) -> String {
    if gauge.model.tools {
        format!(
            "[… {missing} characters left out here; {READ} {{\"id\":\"{id}\",\"offset\":{offset}}} shows them]"
        )
    } else {
        format!("[… {missing} characters left out here]")
    }
}

/// `message` in about `budget` tokens; as it is when it is no longer than that. Calls and results stay, each shortened; files
/// that don't fit are only named.
pub(crate) fn message(gauge: &Gauge<'_>, message: &Arc<Message>, budget: usize) -> Arc<Message> {
    if gauge.message(message) <= budget {
        return Arc::clone(message);
    }
    let mut cut = Message::clone(message);
    leave_files_out(gauge, &mut cut, budget);
    let blocks = cut.content.len().max(1);
    let frame = gauge.message(&Message { content: Vec::new(), ..cut.clone() });
    let each = (budget.saturating_sub(frame) / blocks).saturating_sub(8);
    // What short blocks don't need, long ones may have.
    let sizes: Vec<usize> = cut.content.iter().map(|block| size(gauge, block)).collect();
    let long = sizes.iter().filter(|size| **size > each).count().max(1);
    let spare: usize = sizes.iter().map(|size| each.saturating_sub(*size)).sum();
    let each = each + spare / long;
    let id = message.id.to_string();
    for (block, size) in cut.content.iter_mut().zip(sizes) {
        if size <= each {
            continue;
        }
        match block {
            ContentBlock::Text(said) => *said = text(gauge, said, each, &id),
            ContentBlock::ToolResult(ToolResult { content, call_id, .. }) => {
                *content = text(gauge, content, each, &format!("{id}#{call_id}"));
            }
            ContentBlock::ToolCall(ToolCall { arguments, .. }) => shorten(gauge, arguments, each),
        }
    }
    Arc::new(cut)
}

fn size(gauge: &Gauge<'_>, block: &ContentBlock) -> usize {
    match block {
        ContentBlock::Text(said) => gauge.text(said),
        ContentBlock::ToolResult(result) => gauge.text(&result.content),
        ContentBlock::ToolCall(call) => gauge.text(&call.arguments.to_string()),
    }
}

/// Drops the last files until the others take at most half of `budget`, and names them in the text.
fn leave_files_out(gauge: &Gauge<'_>, cut: &mut Message, budget: usize) {
    let mut names = Vec::new();
    while !cut.metadata.attachments.is_empty() {
        let files = Message { content: Vec::new(), ..cut.clone() };
        if gauge.message(&files) <= budget / 2 {
            break;
        }
        names.extend(cut.metadata.attachments.pop().map(|file| file.name));
    }
    if names.is_empty() {
        return;
    }
    names.reverse();
    let names: String = names.join(", ").chars().filter(|c| !c.is_control()).take(200).collect();
    cut.content.push(ContentBlock::Text(format!("[Files that don't fit here: {names}]")));
}

/// Arguments are data of some shape: what is long in them is text, and is cut; if that is not enough, they go as a whole.
fn shorten(gauge: &Gauge<'_>, arguments: &mut Value, budget: usize) {
    if let Value::Object(fields) = arguments {
        let each = (budget / fields.len().max(1)).saturating_sub(8);
        for value in fields.values_mut() {
            if let Value::String(said) = value
                && gauge.text(said) > each
            {
                *said = format!("{}…", gauge.head(said, each.saturating_sub(2)));
            }
        }
    }
    let written = arguments.to_string();
    if gauge.text(&written) > budget {
        *arguments = serde_json::json!({ "left_out": written.len() });
    }
}
