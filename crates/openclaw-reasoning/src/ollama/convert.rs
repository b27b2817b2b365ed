//! Between our messages and Ollama's, both ways.

use std::{borrow::Cow, collections::VecDeque};

use memchr::memchr;
use openclaw_core::{AttachmentSource, Role, TokenUsage, ToolCall};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::wire::{Body, Call, CallFunction, Line, Message, Options, Tag, Tags};
use crate::{
    ModelEvent, ModelRequest, ProviderError, StopReason,
    prompt::{Part, Turn, turns},
    remote::{Remote, to_json},
    sse::{EventTooLong, MAX_EVENT_BYTES},
    stream::{Decoder, malformed},
    text::{Base64, push_paragraph},
    tools::{FunctionTool, ToolNames, make_id},
};

/// The request as JSON.
pub(super) fn body(
    request: &ModelRequest,
    remote: &Remote,
    names: &ToolNames,
) -> Result<Vec<u8>, ProviderError> {
    let Remote { model, temperature, .. } = remote;
    let turns = turns(request, model);
    let mut messages = Vec::with_capacity(turns.len() + 1);
    if !request.system.is_empty() {
        messages.push(said("system", Cow::Borrowed(&request.system)));
    }
    for turn in &turns {
        push_turn(turn, names, &mut messages);
    }
    let options = Options {
        num_ctx: model.context_window,
        num_predict: request.answer_tokens(model),
        temperature: *temperature,
    };
    let tools = FunctionTool::all(&request.tools, names);
    let body = Body { model: &model.name, stream: true, options, tools, messages };
    to_json(&body)
}

fn said<'a>(role: &'static str, content: Cow<'a, str>) -> Message<'a> {
    Message { role, content, images: Vec::new(), tool_calls: Vec::new(), tool_name: None }
}

fn push_turn<'a>(turn: &'a Turn<'_>, names: &'a ToolNames, messages: &mut Vec<Message<'a>>) {
    let role = match turn.role {
        Role::System => "system",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    };
    let mut message = said(role, Cow::Borrowed(""));
    for part in &turn.parts {
        match part {
            Part::Text(text) => push_paragraph(&mut message.content, text),
            Part::Image { source: AttachmentSource::Data(bytes), .. } => {
                message.images.push(Base64 { prefix: None, bytes });
            }
            // This server fetches nothing; the model is told the address at least.
            Part::Image { source: AttachmentSource::Url(url), .. } => {
                let joined = message.content.to_mut();
                joined.push_str("[An image at ");
                joined.push_str(url);
                joined.push_str(", which you can't see]\n");
            }
            Part::Call(call) => message.tool_calls.push(Call {
                function: CallFunction { name: names.wire(&call.name), arguments: &call.arguments },
            }),
            Part::Result { of, content } => {
                let tool_name = Some(names.wire(&of.name));
                messages.push(Message { tool_name, ..said("tool", Cow::Borrowed(content)) });
            }
        }
    }
    if !message.content.is_empty() || !message.images.is_empty() || !message.tool_calls.is_empty() {
        messages.push(message);
    }
}

/// Reads lines of JSON.
#[derive(Debug, Default)]
pub(super) struct StreamDecoder {
    names: ToolNames,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    called: bool,
    done: bool,
}

impl StreamDecoder {
    pub(super) fn new(names: ToolNames) -> Self {
        Self { names, ..Self::default() }
    }

    fn take(&mut self, line: &[u8], events: &mut VecDeque<ModelEvent>) -> Result<(), ProviderError> {
        if self.done || line.trim_ascii().is_empty() {
            return Ok(());
        }
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| malformed(&error))?;
        if let Some(error) = line.error {
            return Err(ProviderError::Status {
                status: 500,
                message: error.0.into_owned(),
                retry_after: None,
            });
        }
        if let Some(message) = line.message {
            if let Some(text) = message.content.filter(|text| !text.is_empty()) {
                events.push_back(ModelEvent::Text(text.0.into_owned()));
            }
            for call in message.tool_calls.into_iter().flatten() {
                self.called = true;
                let arguments = match call.function.arguments {
                    Value::Null => Value::Object(serde_json::Map::new()),
                    other => other,
                };
                let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(make_id);
                let name = self.names.original(call.function.name);
                events.push_back(ModelEvent::ToolCall(ToolCall { id, name, arguments }));
            }
        }
        if line.done {
            self.done = true;
            if line.prompt_eval_count.is_some() || line.eval_count.is_some() {
                // A prompt that was cached whole comes without its count.
                let usage = TokenUsage {
                    input: line.prompt_eval_count.unwrap_or(0),
                    output: line.eval_count.unwrap_or(0),
                };
                events.push_back(ModelEvent::Usage(usage));
            }
            let reason = line.done_reason.as_ref().map_or("stop", |reason| &reason.0);
            events.push_back(ModelEvent::Done(match reason {
                "length" => StopReason::MaxTokens,
                _ if self.called => StopReason::ToolUse,
                _ => StopReason::EndTurn,
            }));
        }
        Ok(())
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, mut bytes: &[u8], events: &mut VecDeque<ModelEvent>) -> Result<(), ProviderError> {
        while let Some(end) = memchr(b'\n', bytes) {
            if self.line.is_empty() {
                self.take(&bytes[..end], events)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.take(&line, events)?;
                line.clear();
                self.line = line;
            }
            bytes = &bytes[end + 1..];
        }
        if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(EventTooLong.into());
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, events: &mut VecDeque<ModelEvent>) {
        // The last line may lack its end; half a line is no line.
        let line = std::mem::take(&mut self.line);
        let _ = self.take(&line, events);
    }
}

/// The model of `/api/tags` that was pulled or changed last and is no embedding model.
pub(super) fn newest(tags: &[u8]) -> Option<String> {
    let tags: Tags = serde_json::from_slice(tags).ok()?;
    let at = |tag: &Tag| OffsetDateTime::parse(&tag.modified_at, &Rfc3339).ok();
    tags.models.into_iter().filter(|tag| !embeds(tag)).max_by_key(at).map(|tag| tag.name)
}

fn embeds(tag: &Tag) -> bool {
    let name = tag.name.to_ascii_lowercase();
    let families = tag.details.families.iter().flatten().chain(&tag.details.family);
    let mut families = families.map(|family| family.to_ascii_lowercase());
    let known = ["embed", "bge-", "minilm", "reranker", "/e5-"];
    known.iter().any(|part| name.contains(part)) || families.any(|family| family.contains("bert"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_model_that_talks_is_preferred() {
        let tags = br#"{"models":[
            {"name":"old:latest","modified_at":"2026-01-02T10:00:00.123456789+02:00","details":{"family":"llama"}},
            {"name":"new:8b","modified_at":"2026-11-02T10:00:00Z","details":{"families":["qwen3"]}},
            {"name":"nomic-embed-text:latest","modified_at":"2026-11-20T10:00:00Z"},
            {"name":"my-encoder","modified_at":"2026-11-21T10:00:00Z","details":{"family":"nomic-bert"}},
            {"name":"undated"}
        ]}"#;
        assert_eq!(newest(tags).as_deref(), Some("new:8b"));
        assert_eq!(newest(br#"{"models":[]}"#), None);
        assert_eq!(newest(b"hello"), None);
    }
}
