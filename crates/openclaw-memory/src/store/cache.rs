//! The messages said last, as prompts have them, so that a turn does not read back what was just written.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use openclaw_core::{AttachmentSource, ContentBlock, Lsn, Message};

/// Bytes of messages kept, their bookkeeping included: the last forty of fifty conversations, so that as many runs at once share
/// them. What is not here each of them has for itself.
const CACHE_BYTES: usize = 2 << 20;
/// A larger message is read from the log each time.
const MESSAGE_BYTES: usize = 32 << 10;
/// What a kept message costs over its text.
const OVERHEAD_BYTES: usize = 600;

/// The messages of one record.
pub(super) type Messages = Arc<[Arc<Message>]>;

#[derive(Debug, Default)]
struct Kept {
    records: HashMap<Lsn, (Messages, usize)>,
    /// Oldest first; may name messages that are gone.
    order: VecDeque<Lsn>,
    bytes: usize,
}

/// A bounded map from a record to its messages. First in, first out: what is asked for is what is new.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kept: Mutex<Kept>,
}

impl Cache {
    pub(super) fn insert(&self, at: Lsn, messages: &Messages) {
        let cost = messages.iter().map(|message| cost(message)).sum();
        if cost > MESSAGE_BYTES {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.records.insert(at, (Arc::clone(messages), cost)).is_some() {
            return;
        }
        kept.order.push_back(at);
        kept.bytes += cost;
        while kept.bytes > CACHE_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some((_, cost)) = kept.records.remove(&oldest) {
                kept.bytes -= cost;
            }
        }
    }

    pub(super) fn get(&self, at: Lsn) -> Option<Messages> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.records.get(&at).map(|(messages, _)| Arc::clone(messages))
    }

    pub(super) fn remove(&self, records: impl Iterator<Item = Lsn>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for at in records {
            if let Some((_, cost)) = kept.records.remove(&at) {
                kept.bytes -= cost;
            }
        }
        // Names of removed messages must not pile up.
        if kept.order.len() > 2 * kept.records.len() + 64 {
            let Kept { records, order, .. } = &mut *kept;
            order.retain(|at| records.contains_key(at));
        }
    }
}

/// Bytes of text that a message brings into a prompt.
pub(super) fn text_bytes(message: &Message) -> usize {
    let of_block = |block: &ContentBlock| match block {
        ContentBlock::Text(text) => text.len(),
        ContentBlock::ToolCall(call) => call.name.len() + json_bytes(&call.arguments),
        ContentBlock::ToolResult(result) => result.content.len(),
    };
    message.content.iter().map(of_block).sum()
}

/// About as many bytes as the value's JSON has.
fn json_bytes(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 5,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| json_bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| key.len() + json_bytes(value) + 4).sum::<usize>() + 2
        }
    }
}

fn cost(message: &Message) -> usize {
    let attached = message.metadata.attachments.iter().map(|attachment| match &attachment.source {
        AttachmentSource::Data(bytes) => bytes.len() + OVERHEAD_BYTES,
        AttachmentSource::Url(url) => url.len() + OVERHEAD_BYTES,
    });
    OVERHEAD_BYTES + text_bytes(message) + attached.sum::<usize>()
}
