//! What to answer, in words that fit every vendor.

use std::time::Duration;

use serde_json::Value;

/// A tool call for a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedCall {
    /// Its id.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// The arguments.
    pub arguments: Value,
}

impl ScriptedCall {
    /// A call of `name` with `arguments`, under `id`.
    #[must_use]
    pub fn new(id: &str, name: &str, arguments: Value) -> Self {
        Self { id: id.into(), name: name.into(), arguments }
    }
}

/// One answer of a [`super::ScriptedProvider`]: a streamed answer, an error, or bytes as they are; then what goes wrong.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) kind: Kind,
    pub(super) headers: Vec<(String, String)>,
    pub(super) fault: Fault,
    pub(super) delay: Duration,
    pub(super) split: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Answer(Answer),
    /// The last user message, or only the last line of it.
    Echo {
        last_line: bool,
    },
    Error {
        status: u16,
        message: String,
    },
    Raw {
        status: u16,
        content_type: String,
        body: Vec<u8>,
    },
    Hang,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) tokens: Vec<String>,
    pub(super) calls: Vec<ScriptedCall>,
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
    pub(super) counts: bool,
    pub(super) stop: Option<String>,
    pub(super) ends: bool,
    pub(super) error_after: Option<(usize, String, String)>,
}

/// What goes wrong with a body, after so many of its pieces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    None,
    HangAfter(usize),
    CutAfter(usize),
}

impl Reply {
    /// The answer `text`, a word at a time (each word with the blank after it).
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::tokens(text.split_inclusive(' '))
    }

    /// An answer of exactly these tokens. It counts 10 tokens of input, and one of output per token.
    #[must_use]
    pub fn tokens(tokens: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tokens: Vec<String> = tokens.into_iter().map(Into::into).collect();
        let output = tokens.len() as u64;
        Self::of(Kind::Answer(Answer {
            tokens,
            calls: Vec::new(),
            input: 10,
            cached: 0,
            output,
            counts: true,
            stop: None,
            ends: true,
            error_after: None,
        }))
    }

    /// The answer `echo: ` and the last user message, in two tokens.
    #[must_use]
    pub fn echo() -> Self {
        Self::of(Kind::Echo { last_line: false })
    }

    /// The same with only the last line of that message: what somebody said, without what the gateway wrote above it.
    #[must_use]
    pub fn echo_last_line() -> Self {
        Self::of(Kind::Echo { last_line: true })
    }

    /// An answer that calls tools, each call's arguments split over several pieces.
    #[must_use]
    pub fn calls(calls: impl IntoIterator<Item = ScriptedCall>) -> Self {
        Self::tokens(Vec::<String>::new()).and_calls(calls)
    }

    /// An error in the vendor's own form.
    #[must_use]
    pub fn error(status: u16, message: &str) -> Self {
        Self::of(Kind::Error { status, message: message.into() })
    }

    /// Exactly this: malformed JSON, garbage, a page of HTML, ….
    #[must_use]
    pub fn raw(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::of(Kind::Raw { status, content_type: content_type.into(), body: body.into() })
    }

    /// A stream of these bytes.
    #[must_use]
    pub fn raw_stream(body: impl Into<Vec<u8>>) -> Self {
        Self::raw(200, "text/event-stream", body)
    }

    /// Nothing, not even headers, until the server goes away.
    #[must_use]
    pub fn hang() -> Self {
        Self::of(Kind::Hang)
    }

    fn of(kind: Kind) -> Self {
        Self { kind, headers: Vec::new(), fault: Fault::None, delay: Duration::ZERO, split: None }
    }

    /// The same with tool calls after the text.
    #[must_use]
    pub fn and_calls(self, calls: impl IntoIterator<Item = ScriptedCall>) -> Self {
        self.answer(|answer| answer.calls = calls.into_iter().collect())
    }

    /// The same with these counts; `cached` is part of `input`.
    #[must_use]
    pub fn usage(self, input: u64, cached: u64, output: u64) -> Self {
        self.answer(|answer| (answer.input, answer.cached, answer.output) = (input, cached, output))
    }

    /// The same without counts.
    #[must_use]
    pub fn without_usage(self) -> Self {
        self.answer(|answer| answer.counts = false)
    }

    /// The same with this stop reason, in the vendor's words.
    #[must_use]
    pub fn stop_reason(self, reason: &str) -> Self {
        self.answer(|answer| answer.stop = Some(reason.into()))
    }

    /// The same without the vendor's mark of the end (`message_stop`, `[DONE]`): the body ends properly all the same.
    #[must_use]
    pub fn without_end_mark(self) -> Self {
        self.answer(|answer| answer.ends = false)
    }

    /// The same with an error inside the stream after `tokens` tokens, of this kind in the vendor's words.
    #[must_use]
    pub fn error_after(self, tokens: usize, kind: &str, message: &str) -> Self {
        self.answer(|answer| answer.error_after = Some((tokens, kind.into(), message.into())))
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same, but nothing comes after the first `pieces` pieces of the body; the connection stays open.
    #[must_use]
    pub fn hang_after(mut self, pieces: usize) -> Self {
        self.fault = Fault::HangAfter(pieces);
        self
    }

    /// The same, but the connection breaks after the first `pieces` pieces of the body.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.fault = Fault::CutAfter(pieces);
        self
    }

    /// The same with a pause between pieces. Default: none.
    #[must_use]
    pub fn drip(mut self, pause: Duration) -> Self {
        self.delay = pause;
        self
    }

    /// The same bytes, but in pieces of `bytes` bytes wherever that cuts.
    #[must_use]
    pub fn split_every(mut self, bytes: usize) -> Self {
        self.split = Some(bytes.max(1));
        self
    }

    /// What an echo is when `request` asks for it.
    pub(super) fn resolved(self, request: &Value) -> Self {
        let Kind::Echo { last_line } = self.kind else { return self };
        let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let last = messages.iter().rev().find(|message| message["role"] == "user");
        let mut text = match last.map(|message| &message["content"]) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            _ => String::new(),
        };
        if last_line {
            text = text.lines().last().unwrap_or_default().to_owned();
        }
        let Self { headers, fault, delay, split, .. } = self;
        Self { headers, fault, delay, split, ..Self::tokens(["echo: ".to_owned(), text]) }
    }

    fn answer(mut self, change: impl FnOnce(&mut Answer)) -> Self {
        if let Kind::Answer(answer) = &mut self.kind {
            change(answer);
        }
        self
    }
}
