//! The vendors' formats, as their servers write them. One element of the list is one write to the socket.

use serde_json::{Value, json};

use super::reply::{Answer, ScriptedCall};

/// Whose API a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Vendor {
    Anthropic,
    OpenAi,
    Ollama,
}

impl Vendor {
    pub(super) fn of(path: &str) -> Option<Self> {
        if path.ends_with("/messages") {
            Some(Self::Anthropic)
        } else if path.ends_with("/chat/completions") {
            Some(Self::OpenAi)
        } else if path.ends_with("/api/chat") {
            Some(Self::Ollama)
        } else {
            None
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Anthropic | Self::OpenAi => "text/event-stream; charset=utf-8",
            Self::Ollama => "application/x-ndjson",
        }
    }

    pub(super) fn error(self, status: u16, message: &str) -> String {
        match self {
            Self::Anthropic => {
                let kind = match status {
                    400 => "invalid_request_error",
                    401 => "authentication_error",
                    429 => "rate_limit_error",
                    529 => "overloaded_error",
                    _ => "api_error",
                };
                json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
            }
            Self::OpenAi => {
                json!({"error": {"message": message, "type": "error", "param": null, "code": null}})
            }
            Self::Ollama => json!({"error": message}),
        }
        .to_string()
    }

    pub(super) fn stream(self, answer: &Answer, model: &str) -> Vec<String> {
        match self {
            Self::Anthropic => anthropic(answer, model),
            Self::OpenAi => openai(answer, model),
            Self::Ollama => ollama(answer, model),
        }
    }
}

/// Arguments in pieces of a few characters, as vendors send them.
fn pieces(arguments: &Value) -> Vec<String> {
    let text: Vec<char> = arguments.to_string().chars().collect();
    text.chunks(5).map(|piece| piece.iter().collect()).collect()
}

fn anthropic(answer: &Answer, model: &str) -> Vec<String> {
    let event =
        |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default());
    let mut start = json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null,
    }});
    if answer.counts {
        start["message"]["usage"] = json!({
            "input_tokens": answer.input - answer.cached, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.cached, "output_tokens": 1,
        });
    }
    let mut events = vec![event(start), event(json!({"type": "ping"}))];
    let mut index = 0;
    if !answer.tokens.is_empty() {
        let block = json!({"type": "text", "text": ""});
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": block})));
        for (position, token) in answer.tokens.iter().enumerate() {
            if let Some((after, kind, message)) = &answer.error_after
                && *after == position
            {
                events.push(event(json!({"type": "error", "error": {"type": kind, "message": message}})));
                return events;
            }
            let delta = json!({"type": "text_delta", "text": token});
            events.push(event(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        events.push(event(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    }
    for ScriptedCall { id, name, arguments } in &answer.calls {
        let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": block})));
        for piece in pieces(arguments) {
            let delta = json!({"type": "input_json_delta", "partial_json": piece});
            events.push(event(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        events.push(event(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    }
    let stop =
        answer.stop.as_deref().unwrap_or(if answer.calls.is_empty() { "end_turn" } else { "tool_use" });
    let mut delta = json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}});
    if answer.counts {
        delta["usage"] = json!({"output_tokens": answer.output});
    }
    events.push(event(delta));
    if answer.ends {
        events.push(event(json!({"type": "message_stop"})));
    }
    events
}

fn openai(answer: &Answer, model: &str) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice],
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    for (position, token) in answer.tokens.iter().enumerate() {
        if let Some((after, kind, message)) = &answer.error_after
            && *after == position
        {
            let error = json!({"error": {"type": kind, "message": message}});
            events.push(format!("data: {error}\n\n"));
            return events;
        }
        events.push(chunk(json!({"content": token}), Value::Null));
    }
    for (index, ScriptedCall { id, name, arguments }) in answer.calls.iter().enumerate() {
        let call = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
        events.push(chunk(json!({"tool_calls": [call]}), Value::Null));
        for piece in pieces(arguments) {
            let call = json!({"index": index, "function": {"arguments": piece}});
            events.push(chunk(json!({"tool_calls": [call]}), Value::Null));
        }
    }
    let stop = answer.stop.as_deref().unwrap_or(if answer.calls.is_empty() { "stop" } else { "tool_calls" });
    events.push(chunk(json!({}), if stop == "null" { Value::Null } else { stop.into() }));
    if answer.counts {
        let usage = json!({
            "prompt_tokens": answer.input, "completion_tokens": answer.output,
            "total_tokens": answer.input + answer.output, "prompt_tokens_details": {"cached_tokens": answer.cached},
        });
        events.push(format!("data: {}\n\n", json!({"id": "chatcmpl-1", "choices": [], "usage": usage})));
    }
    if answer.ends {
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

fn ollama(answer: &Answer, model: &str) -> Vec<String> {
    let line = |message: Value| format!("{}\n", json!({"model": model, "message": message, "done": false}));
    let mut lines = Vec::new();
    for (position, token) in answer.tokens.iter().enumerate() {
        if let Some((after, _, message)) = &answer.error_after
            && *after == position
        {
            lines.push(format!("{}\n", json!({"error": message})));
            return lines;
        }
        lines.push(line(json!({"role": "assistant", "content": token})));
    }
    for call in &answer.calls {
        let call = json!({"function": {"name": call.name, "arguments": call.arguments}});
        lines.push(line(json!({"role": "assistant", "content": "", "tool_calls": [call]})));
    }
    if answer.ends {
        let stop = answer.stop.as_deref().unwrap_or("stop");
        let mut last = json!({
            "model": model, "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": stop,
        });
        if answer.counts {
            last["prompt_eval_count"] = answer.input.into();
            last["eval_count"] = answer.output.into();
        }
        lines.push(format!("{last}\n"));
    }
    lines
}
