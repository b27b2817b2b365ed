//! Between our messages and the chat completions', both ways.

use std::{borrow::Cow, collections::VecDeque, ops::ControlFlow};

use openclaw_core::{AttachmentSource, Role, TokenUsage};

use super::wire::{
    Address, Arguments, Body, Call, CallDelta, CallFunction, Chunk, Content, ContentPart, ImageUrl, Message,
    StreamOptions, Usage,
};
use crate::{
    ModelEvent, ModelRequest, ProviderError, StopReason,
    http::words_of,
    prompt::{Part, Turn, turns},
    remote::{EventReader, Remote, SseEvents, to_json},
    stream::malformed,
    text::{Base64, push_paragraph},
    tools::{AsText, Assembling, FunctionTool, ToolNames},
};

/// How a server differs from the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Takes `max_completion_tokens` (OpenAI's newer models do, and nothing else) rather than `max_tokens`.
    pub(super) completion_tokens: bool,
    /// Takes `stream_options`, without which most send no counts.
    pub(super) stream_options: bool,
}

/// The request as JSON.
pub(super) fn body(
    request: &ModelRequest,
    remote: &Remote,
    names: &ToolNames,
    dialect: Dialect,
) -> Result<Vec<u8>, ProviderError> {
    let Remote { model, temperature, .. } = remote;
    let turns = turns(request, model);
    let mut messages = Vec::with_capacity(turns.len() + 1);
    if !request.system.is_empty() {
        messages.push(Message::System { content: (&request.system).into() });
    }
    for turn in &turns {
        push_turn(turn, names, &mut messages);
    }
    let most = request.answer_tokens(model);
    let body = Body {
        model: &model.name,
        stream: true,
        stream_options: dialect.stream_options.then_some(StreamOptions { include_usage: true }),
        max_tokens: (!dialect.completion_tokens).then_some(most),
        max_completion_tokens: dialect.completion_tokens.then_some(most),
        temperature: *temperature,
        tools: FunctionTool::all(&request.tools, names),
        messages,
    };
    to_json(&body)
}

fn push_turn<'a>(turn: &'a Turn<'_>, names: &'a ToolNames, messages: &mut Vec<Message<'a>>) {
    // Results are messages of their own and must follow their calls before anything else.
    for part in &turn.parts {
        if let Part::Result { of, content } = part {
            messages.push(Message::Tool { tool_call_id: &of.call_id, content });
        }
    }
    let texts = texts(turn);
    match turn.role {
        Role::System => messages.extend(texts.map(|content| Message::System { content })),
        Role::Assistant => {
            let calls = turn.parts.iter().filter_map(|part| match part {
                Part::Call(call) => Some(Call {
                    id: &call.id,
                    kind: "function",
                    function: CallFunction {
                        name: names.wire(&call.name),
                        arguments: AsText(&call.arguments),
                    },
                }),
                _ => None,
            });
            let tool_calls: Vec<_> = calls.collect();
            if texts.is_some() || !tool_calls.is_empty() {
                messages.push(Message::Assistant { content: texts, tool_calls });
            }
        }
        Role::User | Role::Tool => {
            if turn.parts.iter().any(|part| matches!(part, Part::Image { .. })) {
                let parts = turn.parts.iter().filter_map(content_part).collect();
                messages.push(Message::User { content: Content::Parts(parts) });
            } else if let Some(text) = texts {
                messages.push(Message::User { content: Content::Text(text) });
            }
        }
    }
}

fn texts<'a>(turn: &'a Turn<'_>) -> Option<Cow<'a, str>> {
    let mut texts = Cow::Borrowed("");
    for part in &turn.parts {
        if let Part::Text(text) = part {
            push_paragraph(&mut texts, text);
        }
    }
    (!texts.is_empty()).then_some(texts)
}

fn content_part<'a>(part: &'a Part<'_>) -> Option<ContentPart<'a>> {
    match part {
        Part::Text(text) => Some(ContentPart::Text { text }),
        Part::Image { mime_type, source } => {
            let url = match source {
                AttachmentSource::Data(bytes) => Address::Data(Base64 { prefix: Some(mime_type), bytes }),
                AttachmentSource::Url(url) => Address::Url(url),
            };
            Some(ContentPart::ImageUrl { image_url: ImageUrl { url } })
        }
        Part::Call(_) | Part::Result { .. } => None,
    }
}

/// Reads the stream of chunks.
pub(super) fn decoder(names: ToolNames) -> SseEvents<Reading> {
    SseEvents::new(Reading { names, ..Reading::default() })
}

#[derive(Debug, Default)]
pub(super) struct Reading {
    names: ToolNames,
    /// The calls so far with the index the server gave them.
    calls: Vec<(u64, Assembling)>,
    spoke: bool,
    refused: bool,
    stop: Option<StopReason>,
}

impl EventReader for Reading {
    fn take(
        &mut self,
        data: &[u8],
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<ControlFlow<()>, ProviderError> {
        if data.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        if data.trim_ascii() == b"[DONE]" {
            if self.stop.is_none() && !self.spoke && self.calls.is_empty() {
                let message = "the provider ended the stream before saying anything".to_owned();
                return Err(ProviderError::Cut { message });
            }
            return Ok(ControlFlow::Break(()));
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|error| malformed(&error))?;
        if let Some(error) = chunk.error {
            return Err(in_stream(&error, data));
        }
        if let Some(choice) = chunk.choices.0 {
            if let Some(delta) = choice.delta {
                self.refused |= delta.refusal.is_some();
                for text in [delta.content.0, delta.refusal.map(|text| text.0)].into_iter().flatten() {
                    if !text.is_empty() {
                        self.spoke = true;
                        events.push_back(ModelEvent::Text(text.into_owned()));
                    }
                }
                for (position, call) in delta.tool_calls.into_iter().flatten().enumerate() {
                    self.take_call(position, call);
                }
            }
            // Empty ones come from servers that mean null.
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                self.stop = Some(stop_reason(&reason.0));
            }
        }
        let usage = chunk.usage.or_else(|| chunk.x_groq.and_then(|groq| groq.usage));
        if let Some(Usage { prompt_tokens: Some(input), completion_tokens }) = usage {
            events.push_back(ModelEvent::Usage(TokenUsage { input, output: completion_tokens.unwrap_or(0) }));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn stop(&self) -> Option<StopReason> {
        self.stop
    }

    fn finish(&mut self, stop: StopReason, events: &mut VecDeque<ModelEvent>) {
        let mut called = false;
        for (_, call) in std::mem::take(&mut self.calls) {
            // The bound cut the arguments off: a call that nobody wrote in full is not made.
            if stop == StopReason::MaxTokens && !call.is_whole() || call.name.is_empty() {
                continue;
            }
            called = true;
            events.push_back(ModelEvent::ToolCall(call.finish(&self.names)));
        }
        events.push_back(ModelEvent::Done(match stop {
            // Many servers write `stop` after calls.
            StopReason::EndTurn | StopReason::ToolUse if called => StopReason::ToolUse,
            StopReason::ToolUse => StopReason::EndTurn,
            StopReason::EndTurn if self.refused => StopReason::Refused,
            other => other,
        }));
    }

    fn is_winding_up(&self) -> bool {
        self.stop.is_some()
    }
}

impl Reading {
    /// Adds a piece to the call it belongs to: by its index; without one by its id, or else to the latest. A new id where
    /// one stands already begins a new call, since some servers give every call the index 0.
    fn take_call(&mut self, position: usize, delta: CallDelta<'_>) {
        let id = delta.id.filter(|id| !id.is_empty()).map(|id| id.0);
        let known = match (delta.index, &id) {
            (Some(index), _) => self.calls.iter().rposition(|(at, _)| *at == index),
            (None, Some(id)) => self.calls.iter().rposition(|(_, call)| call.id == **id),
            (None, None) => self.calls.len().checked_sub(1),
        };
        let known = known.filter(|at| match &id {
            Some(id) => self.calls[*at].1.id.is_empty() || self.calls[*at].1.id == **id,
            None => true,
        });
        let at = known.unwrap_or_else(|| {
            self.calls.push((delta.index.unwrap_or(position as u64), Assembling::default()));
            self.calls.len() - 1
        });
        let call = &mut self.calls[at].1;
        if let Some(id) = id {
            call.id = id.into_owned();
        }
        let Some(function) = delta.function else { return };
        if let Some(name) = function.name.filter(|name| !name.is_empty())
            && call.name.is_empty()
        {
            call.name = name.0.into_owned();
        }
        match function.arguments {
            Some(Arguments::Piece(piece)) => call.arguments.push_str(&piece),
            Some(Arguments::Whole(serde_json::Value::Null)) | None => {}
            Some(Arguments::Whole(value)) => call.arguments = value.to_string(),
        }
    }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "length" | "max_tokens" | "model_length" => StopReason::MaxTokens,
        "content_filter" | "sensitive" => StopReason::Refused,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        // `stop`, `eos`, and what servers make up.
        _ => StopReason::EndTurn,
    }
}

/// An error that came as a chunk, with the status in it if there is one.
fn in_stream(error: &serde_json::Value, data: &[u8]) -> ProviderError {
    let code = ["code", "status"].iter().find_map(|key| match error.get(key)? {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let status = code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
    let status = status.unwrap_or(500);
    ProviderError::Status { status, message: words_of(status, data), retry_after: None }
}
