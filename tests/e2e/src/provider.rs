//! A provider that says what the test wrote for it. Blocking and thread by thread, as the tests are.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a vendor's API looks like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Anthropic,
    OpenAi,
}

/// One answer.
enum Script {
    Say { tokens: Vec<String>, pause: Duration, end: End },
    Call { tool: String, fragments: Vec<String> },
    Fail { status: u16, headers: String, body: String },
    Hang,
}

/// How an answer ends after its tokens.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    InSilence,
    CutOff,
}

#[derive(Default)]
struct State {
    scripts: Mutex<VecDeque<Script>>,
    requests: Mutex<Vec<Value>>,
    asked: Condvar,
}

/// A scripted provider on a port of its own. Without a script left it repeats the last user message: `echo: …`.
pub struct Provider {
    kind: Kind,
    address: SocketAddr,
    state: Arc<State>,
}

impl Provider {
    /// The key it is configured with: a canary that must never be told.
    pub const KEY: &str = "sk-canary-provider-key-2b7d";

    /// One that speaks OpenAI's chat completions.
    #[must_use]
    pub fn openai() -> Self {
        Self::start(Kind::OpenAi)
    }

    /// One that speaks Anthropic's Messages API.
    #[must_use]
    pub fn anthropic() -> Self {
        Self::start(Kind::Anthropic)
    }

    fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that goes away ends its thread.
                thread::spawn(move || serve(kind, &socket, &state).ok());
            }
        });
        Self { kind, address, state }
    }

    /// The model it serves.
    #[must_use]
    pub fn model(&self) -> &'static str {
        match self.kind {
            Kind::Anthropic => "claude-scripted",
            Kind::OpenAi => "gpt-scripted",
        }
    }

    /// Its keys in `gateway.yaml`.
    #[must_use]
    pub fn yaml(&self, indent: &str) -> String {
        let (kind, path) = match self.kind {
            Kind::Anthropic => ("anthropic", ""),
            Kind::OpenAi => ("openai", "/v1"),
        };
        format!(
            "{indent}type: {kind}\n{indent}model: {}\n{indent}api_key: {}\n{indent}base_url: http://{}{path}\n",
            self.model(),
            Self::KEY,
            self.address
        )
    }

    fn script(&self, script: Script) {
        self.state.scripts.lock().unwrap().push_back(script);
    }

    fn say(&self, tokens: &[&str], pause: Duration, end: End) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        self.script(Script::Say { tokens, pause, end });
    }

    /// The next answer is these tokens, at once.
    pub fn answers(&self, tokens: &[&str]) {
        self.say(tokens, Duration::ZERO, End::Well);
    }

    /// The next answer is these tokens with pauses of `milliseconds` before each.
    pub fn answers_slowly(&self, tokens: &[&str], milliseconds: u64) {
        self.say(tokens, Duration::from_millis(milliseconds), End::Well);
    }

    /// The next answer begins with these tokens; then nothing more ever comes.
    pub fn stalls(&self, tokens: &[&str]) {
        self.say(tokens, Duration::ZERO, End::InSilence);
    }

    /// The next answer begins with these tokens; then the connection breaks.
    pub fn cuts(&self, tokens: &[&str]) {
        self.say(tokens, Duration::ZERO, End::CutOff);
    }

    /// The next answer calls a tool; its arguments come in these fragments.
    pub fn calls(&self, tool: &str, fragments: &[&str]) {
        let fragments = fragments.iter().map(|fragment| (*fragment).to_owned()).collect();
        self.script(Script::Call { tool: tool.to_owned(), fragments });
    }

    /// The next answer is this status.
    pub fn fails(&self, status: u16, headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let body = json!({"type": "error", "error": {"type": "scripted_error", "message": "as scripted"}});
        self.script(Script::Fail { status, headers, body: body.to_string() });
    }

    /// The next answer is this status with this body.
    pub fn fails_saying(&self, status: u16, body: &str) {
        self.script(Script::Fail { status, headers: String::new(), body: body.to_owned() });
    }

    /// The next request is taken and never answered.
    pub fn hangs(&self) {
        self.script(Script::Hang);
    }

    /// The bodies of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until there were so many requests.
    pub fn await_requests(&self, count: usize) {
        let guard = self.state.requests.lock().unwrap();
        let wait = self.state.asked.wait_timeout_while(guard, PATIENCE, |requests| requests.len() < count);
        assert!(!wait.unwrap().1.timed_out(), "the provider was not asked {count} times");
    }
}

fn serve(kind: Kind, socket: &TcpStream, state: &State) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    while let Some(body) = read_request(&mut reader)? {
        let request: Value = serde_json::from_slice(&body)?;
        let script = state.scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| echo(&request));
        let streamed = request["stream"] == true;
        state.requests.lock().unwrap().push(request);
        state.asked.notify_all();
        let mut out = Out { socket: socket.try_clone()? };
        match script {
            Script::Fail { status, headers, body } => out.whole(status, &headers, &body)?,
            Script::Hang => return silence(reader),
            Script::Call { tool, fragments } => {
                out.head()?;
                for event in call_events(kind, &tool, &fragments) {
                    out.event(&event)?;
                }
                out.end()?;
            }
            Script::Say { tokens, end: End::Well, .. } if !streamed => {
                out.whole(200, "", &whole(kind, &tokens.concat()))?;
            }
            Script::Say { tokens, pause, end } => {
                out.head()?;
                let (before, after) = frame_events(kind, tokens.len());
                for event in before {
                    out.event(&event)?;
                }
                for token in &tokens {
                    thread::sleep(pause);
                    out.event(&token_event(kind, token))?;
                }
                match end {
                    End::Well => {
                        for event in after {
                            out.event(&event)?;
                        }
                        out.end()?;
                    }
                    End::InSilence => return silence(reader),
                    End::CutOff => return socket.shutdown(std::net::Shutdown::Both),
                }
            }
        }
    }
    Ok(())
}

/// Says nothing until the client goes away.
fn silence(mut reader: BufReader<TcpStream>) -> std::io::Result<()> {
    reader.read_to_end(&mut Vec::new()).map(drop)
}

fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}

/// The last user message again.
fn echo(request: &Value) -> Script {
    let messages = request["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.iter().rev().find(|message| message["role"] == "user").cloned().unwrap_or_default();
    let text = match &last["content"] {
        Value::String(text) => text.clone(),
        parts => parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect(),
    };
    Script::Say { tokens: vec!["echo: ".to_owned(), text], pause: Duration::ZERO, end: End::Well }
}

struct Out {
    socket: TcpStream,
}

impl Out {
    fn whole(&mut self, status: u16, headers: &str, body: &str) -> std::io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.socket.write_all((head + body).as_bytes())
    }

    fn head(&mut self) -> std::io::Result<()> {
        self.socket.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
    }

    fn event(&mut self, event: &str) -> std::io::Result<()> {
        self.socket.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
    }

    fn end(&mut self) -> std::io::Result<()> {
        self.socket.write_all(b"0\r\n\r\n")
    }
}

fn openai_event(delta: &Value, reason: &Value) -> String {
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    format!("data: {chunk}\n\n")
}

fn openai_end(reason: &str, output: usize) -> Vec<String> {
    let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-scripted",
        "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": output, "total_tokens": 7 + output}});
    vec![
        openai_event(&json!({}), &json!(reason)),
        format!("data: {usage}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ]
}

fn anthropic_event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn anthropic_start(block: &Value) -> Vec<String> {
    vec![
        anthropic_event(&json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
            "role": "assistant", "model": "claude-scripted", "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": {"input_tokens": 7, "output_tokens": 1}}})),
        anthropic_event(&json!({"type": "content_block_start", "index": 0, "content_block": block})),
        anthropic_event(&json!({"type": "ping"})),
    ]
}

fn anthropic_end(reason: &str, output: usize) -> Vec<String> {
    vec![
        anthropic_event(&json!({"type": "content_block_stop", "index": 0})),
        anthropic_event(&json!({"type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": output}})),
        anthropic_event(&json!({"type": "message_stop"})),
    ]
}

fn anthropic_delta(delta: &Value) -> String {
    anthropic_event(&json!({"type": "content_block_delta", "index": 0, "delta": delta}))
}

/// What stands before and after the tokens of an answer.
fn frame_events(kind: Kind, output: usize) -> (Vec<String>, Vec<String>) {
    match kind {
        Kind::Anthropic => {
            (anthropic_start(&json!({"type": "text", "text": ""})), anthropic_end("end_turn", output))
        }
        Kind::OpenAi => (
            vec![openai_event(&json!({"role": "assistant", "content": ""}), &Value::Null)],
            openai_end("stop", output),
        ),
    }
}

fn token_event(kind: Kind, token: &str) -> String {
    match kind {
        Kind::Anthropic => anthropic_delta(&json!({"type": "text_delta", "text": token})),
        Kind::OpenAi => openai_event(&json!({"content": token}), &Value::Null),
    }
}

fn call_events(kind: Kind, tool: &str, fragments: &[String]) -> Vec<String> {
    match kind {
        Kind::Anthropic => {
            let mut events =
                anthropic_start(&json!({"type": "tool_use", "id": "call_1", "name": tool, "input": {}}));
            let delta = |part| anthropic_delta(&json!({"type": "input_json_delta", "partial_json": part}));
            events.extend(fragments.iter().map(delta));
            events.extend(anthropic_end("tool_use", 5));
            events
        }
        Kind::OpenAi => {
            let call = json!([{"index": 0, "id": "call_1", "type": "function",
                "function": {"name": tool, "arguments": ""}}]);
            let mut events =
                vec![openai_event(&json!({"role": "assistant", "tool_calls": call}), &Value::Null)];
            events.extend(fragments.iter().map(|part| {
                let call = json!([{"index": 0, "function": {"arguments": part}}]);
                openai_event(&json!({"tool_calls": call}), &Value::Null)
            }));
            events.extend(openai_end("tool_calls", 5));
            events
        }
    }
}

/// The answer in one piece, for a client that does not stream.
fn whole(kind: Kind, text: &str) -> String {
    let body = match kind {
        Kind::Anthropic => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-scripted",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 7, "output_tokens": 3}})
        }
        Kind::OpenAi => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-scripted",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
        }
    };
    body.to_string()
}
