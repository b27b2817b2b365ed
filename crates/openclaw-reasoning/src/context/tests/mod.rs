//! What a model is shown of a conversation and of the memory.

mod budget;
mod calibration;
mod history;
mod recalled;

use std::{borrow::Cow, sync::Arc};

use openclaw_core::{
    ContentBlock, Message, MessageId, Metadata, Role, RunId, Timestamp, ToolCall, ToolDefinition, ToolResult,
    config::ProviderKind,
};
use serde_json::json;

use super::*;
use crate::ModelInfo;

/// The run number `n`; runs are a minute apart.
fn run(n: u16) -> RunId {
    let mut bytes = [0; 16];
    let millis = (u64::from(n) + 1) * 60_000;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[15] = 1;
    RunId::from_bytes(bytes)
}

fn message(id: MessageId, role: Role, content: Vec<ContentBlock>) -> Arc<Message> {
    let timestamp = RunId::of_message(&id).map_or(Timestamp::from_unix_millis(0), RunId::accepted_at);
    Arc::new(Message { id, role, content, timestamp, metadata: Metadata::default() })
}

fn text(text: &str) -> Vec<ContentBlock> {
    vec![ContentBlock::Text(text.to_owned())]
}

fn says(n: u16, said: &str) -> Arc<Message> {
    message(run(n).user_message_id(), Role::User, text(said))
}

fn answers(n: u16, said: &str) -> Arc<Message> {
    message(run(n).reply_id(), Role::Assistant, text(said))
}

fn user(n: u16) -> Arc<Message> {
    says(n, &format!("question {n}"))
}

fn reply(n: u16) -> Arc<Message> {
    answers(n, &format!("answer {n}"))
}

fn call(n: u16, index: usize, id: &str) -> Arc<Message> {
    let call = ToolCall { id: id.into(), name: "t".into(), arguments: json!({}) };
    message(run(n).step_message_id(index), Role::Assistant, vec![ContentBlock::ToolCall(call)])
}

fn brings(n: u16, index: usize, id: &str, content: &str) -> Arc<Message> {
    let result =
        ToolResult { call_id: id.into(), name: "t".into(), content: content.into(), is_error: false };
    message(run(n).step_message_id(index), Role::Tool, vec![ContentBlock::ToolResult(result)])
}

fn result(n: u16, index: usize, id: &str) -> Arc<Message> {
    brings(n, index, id, "r")
}

fn shown(messages: &[Arc<Message>]) -> Vec<String> {
    messages.iter().map(|message| format!("{:?} {}", message.role, message.text())).collect()
}

fn model(context_window: u32, tools: bool) -> ModelInfo {
    ModelInfo { name: "m".into(), context_window, max_tokens: 4096, vision: true, tools }
}

fn gauge(model: &ModelInfo) -> Gauge<'_> {
    Calibration::new(ProviderKind::OpenAi).gauge(model)
}

fn tool(n: usize, words: usize) -> ToolDefinition {
    ToolDefinition { name: format!("tool-{n}"), description: "word ".repeat(words), parameters: json!({}) }
}

fn ingredients<'a>(persona: &'a str, message: Arc<Message>, tools: Vec<ToolDefinition>) -> Ingredients<'a> {
    Ingredients { persona, channel: "api", now: Timestamp::from_unix_millis(0), message, tools }
}

/// The ids that pair calls with results, both in order.
fn pairs(messages: &[Arc<Message>]) -> (Vec<String>, Vec<String>) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for block in messages.iter().flat_map(|message| &message.content) {
        match block {
            ContentBlock::Text(_) => {}
            ContentBlock::ToolCall(call) => calls.push(call.id.clone()),
            ContentBlock::ToolResult(result) => results.push(result.call_id.clone()),
        }
    }
    (calls, results)
}
