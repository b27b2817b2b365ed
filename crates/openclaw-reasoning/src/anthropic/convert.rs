//! Between our messages and Anthropic's, both ways.

use std::{borrow::Cow, collections::VecDeque, ops::ControlFlow};

use openclaw_core::{AttachmentSource, Role, TokenUsage};

use super::wire::{
    Block, BlockKind, Body, CacheControl, Delta, ErrorBody, Event, Message, Source, StartedBlock, Tool, Usage,
};
use crate::{
    ModelEvent, ModelRequest, ProviderError, StopReason,
    prompt::{Part, Turn, turns},
    remote::{EventReader, Remote, SseEvents, to_json},
    stream::malformed,
    text::Base64,
    tools::{Assembling, Schema, ToolNames, wire_id},
};

/// The request as JSON. Cache breakpoints stand after the tools, after the system prompt, at the end, and where the next turn
/// will still begin with the same: at the end of the user's turn before, or, when memories are recalled, which the next turn
/// won't repeat, right before them.
pub(super) fn body(
    request: &ModelRequest,
    remote: &Remote,
    names: &ToolNames,
) -> Result<Vec<u8>, ProviderError> {
    let Remote { model, temperature, .. } = remote;
    let turns = turns(request, model);
    let mut system = Vec::new();
    if !request.system.is_empty() {
        system.push(text(&request.system));
    }
    let mut messages: Vec<Message<'_>> = Vec::with_capacity(turns.len());
    for turn in &turns {
        let blocks = turn.parts.iter().map(|part| block(part, names));
        let role = match turn.role {
            Role::System => {
                system.extend(blocks);
                continue;
            }
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        match messages.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => messages.push(Message { role, content: results_first(turn, blocks.collect()) }),
        }
    }
    if let Some(last) = system.last_mut() {
        last.cache_control = Some(CacheControl::Ephemeral);
    }
    let last = messages.iter().rposition(|message| message.role == "user");
    let kept = match &request.recalled {
        Some(recalled) => before(&messages, recalled),
        None => last.and_then(|last| end_of_user(&messages, last)),
    };
    let end = last.and_then(|last| Some((last, messages.get(last)?.content.len().checked_sub(1)?)));
    for (message, block) in [end, kept].into_iter().flatten() {
        if let Some(block) = messages.get_mut(message).and_then(|message| message.content.get_mut(block)) {
            block.cache_control = Some(CacheControl::Ephemeral);
        }
    }
    let last_tool = request.tools.len();
    let tools = request.tools.iter().enumerate().map(|(index, tool)| Tool {
        name: names.wire(&tool.name),
        description: &tool.description,
        input_schema: Schema(&tool.parameters),
        cache_control: (index + 1 == last_tool).then_some(CacheControl::Ephemeral),
    });
    let body = Body {
        model: &model.name,
        max_tokens: request.answer_tokens(model),
        stream: true,
        temperature: *temperature,
        system,
        tools: tools.collect(),
        messages,
    };
    to_json(&body)
}

/// Message and block before `recalled`.
fn before(messages: &[Message<'_>], recalled: &str) -> Option<(usize, usize)> {
    let is_recalled = |block: &Block<'_>| matches!(block.kind, BlockKind::Text { text } if text == recalled);
    let at = messages.iter().rposition(|message| message.content.iter().any(is_recalled))?;
    match messages.get(at)?.content.iter().rposition(is_recalled)? {
        0 => {
            let at = at.checked_sub(1)?;
            Some((at, messages.get(at)?.content.len().checked_sub(1)?))
        }
        block => Some((at, block - 1)),
    }
}

/// Message and block with which the user's last turn before the message `end` ends.
fn end_of_user(messages: &[Message<'_>], end: usize) -> Option<(usize, usize)> {
    let at = messages.iter().take(end).rposition(|message| message.role == "user")?;
    Some((at, messages.get(at)?.content.len().checked_sub(1)?))
}

fn text(text: &str) -> Block<'_> {
    Block { kind: BlockKind::Text { text }, cache_control: None }
}

fn block<'a>(part: &'a Part<'_>, names: &'a ToolNames) -> Block<'a> {
    let kind = match part {
        Part::Text(text) => BlockKind::Text { text },
        Part::Image { mime_type, source } => BlockKind::Image {
            source: match source {
                AttachmentSource::Data(bytes) => {
                    Source::Base64 { media_type: mime_type, data: Base64 { prefix: None, bytes } }
                }
                AttachmentSource::Url(url) => Source::Url { url },
            },
        },
        Part::Call(call) => BlockKind::ToolUse {
            id: wire_id(&call.id),
            name: names.wire(&call.name),
            input: if call.arguments.is_object() {
                Cow::Borrowed(&call.arguments)
            } else {
                // The vendor takes objects only; a model's broken arguments are shown back to it as they were.
                Cow::Owned(serde_json::json!({ "arguments": call.arguments }))
            },
        },
        Part::Result { of, content } => {
            BlockKind::ToolResult { tool_use_id: wire_id(&of.call_id), content, is_error: of.is_error }
        }
    };
    Block { kind, cache_control: None }
}

/// Results must stand before anything else in the turn that follows their calls.
fn results_first<'a>(turn: &Turn<'_>, mut blocks: Vec<Block<'a>>) -> Vec<Block<'a>> {
    if turn.role == Role::Tool {
        openclaw_core::sort_by_key(&mut blocks, |block| !matches!(block.kind, BlockKind::ToolResult { .. }));
    }
    blocks
}

/// Reads the stream of events.
pub(super) fn decoder(names: ToolNames) -> SseEvents<Reading> {
    SseEvents::new(Reading { names, ..Reading::default() })
}

#[derive(Debug, Default)]
pub(super) struct Reading {
    names: ToolNames,
    usage: Option<TokenUsage>,
    /// The tool call at hand and the index of its block.
    call: Option<(u64, Assembling)>,
    called: bool,
    stop: Option<StopReason>,
}

impl EventReader for Reading {
    fn take(
        &mut self,
        data: &[u8],
        events: &mut VecDeque<ModelEvent>,
    ) -> Result<ControlFlow<()>, ProviderError> {
        let event: Event<'_> = serde_json::from_slice(data).map_err(|error| malformed(&error))?;
        match &*event.kind {
            "content_block_delta" => self.take_delta(event.index, event.delta, events),
            "content_block_start" => self.start_block(event.index, event.content_block, events),
            "content_block_stop" => self.finish_call(events),
            "message_start" => {
                self.count(event.message.and_then(|message| message.usage), events);
            }
            "message_delta" => {
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                self.stop = reason.map(|reason| stop_reason(&reason.0)).or(self.stop);
                self.count(event.usage, events);
            }
            "message_stop" => return Ok(ControlFlow::Break(())),
            "error" => return Err(error(event.error.as_ref())),
            // `ping`, and whatever the vendor adds: its rules are to read past the unknown.
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn stop(&self) -> Option<StopReason> {
        self.stop
    }

    fn finish(&mut self, stop: StopReason, events: &mut VecDeque<ModelEvent>) {
        if let Some((_, call)) = &self.call
            && stop == StopReason::MaxTokens
            && !call.is_whole()
        {
            // The bound cut the arguments off: a call that nobody wrote in full is not made.
            self.call = None;
        }
        self.finish_call(events);
        let stop = if self.called && stop == StopReason::EndTurn { StopReason::ToolUse } else { stop };
        events.push_back(ModelEvent::Done(stop));
    }
}

impl Reading {
    fn take_delta(&mut self, index: u64, delta: Option<Delta<'_>>, events: &mut VecDeque<ModelEvent>) {
        let Some(delta) = delta else { return };
        if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
            events.push_back(ModelEvent::Text(text.0.into_owned()));
        }
        if let (Some(json), Some((at, call))) = (delta.partial_json, &mut self.call)
            && *at == index
        {
            call.arguments.push_str(&json.0);
        }
    }

    fn start_block(
        &mut self,
        index: u64,
        block: Option<StartedBlock<'_>>,
        events: &mut VecDeque<ModelEvent>,
    ) {
        self.finish_call(events);
        let Some(block) = block else { return };
        if let Some(text) = block.text.filter(|text| !text.is_empty() && block.kind == "text") {
            events.push_back(ModelEvent::Text(text.0.into_owned()));
        }
        if block.kind == "tool_use" {
            let text = |text: Option<crate::text::Text<'_>>| {
                text.map(|text| text.0.into_owned()).unwrap_or_default()
            };
            let given = block.input.filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
            let arguments = given.map(|input| input.to_string()).unwrap_or_default();
            self.call = Some((index, Assembling { id: text(block.id), name: text(block.name), arguments }));
        }
    }

    fn finish_call(&mut self, events: &mut VecDeque<ModelEvent>) {
        if let Some((_, call)) = self.call.take() {
            self.called = true;
            events.push_back(ModelEvent::ToolCall(call.finish(&self.names)));
        }
    }

    fn count(&mut self, usage: Option<Usage>, events: &mut VecDeque<ModelEvent>) {
        let Some(usage) = usage else { return };
        let mut counted = self.usage.unwrap_or_default();
        if let Some(input) = usage.input_tokens {
            let cached = [usage.cache_creation_input_tokens, usage.cache_read_input_tokens];
            let whole = cached.into_iter().flatten().fold(input, u64::saturating_add);
            // Later events repeat the counts without the cached ones at some compatible servers.
            counted.input = counted.input.max(whole);
        }
        if let Some(output) = usage.output_tokens {
            counted.output = output;
        }
        self.usage = Some(counted);
        events.push_back(ModelEvent::Usage(counted));
    }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "tool_use" => StopReason::ToolUse,
        "max_tokens" | "model_context_window_exceeded" => StopReason::MaxTokens,
        "refusal" => StopReason::Refused,
        // `end_turn`, `stop_sequence`, `pause_turn`, and what may come.
        _ => StopReason::EndTurn,
    }
}

/// An `error` event stands for the status that the vendor would have answered with, had it known in time.
fn error(body: Option<&ErrorBody<'_>>) -> ProviderError {
    let kind = body.and_then(|body| body.kind.as_ref()).map_or("", |kind| &kind.0);
    let status = match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    };
    let message = body.and_then(|body| body.message.as_ref()).map_or(kind, |message| &message.0);
    let message = if message.is_empty() { "the vendor reported an error" } else { message };
    ProviderError::Status { status, message: message.to_owned(), retry_after: None }
}
