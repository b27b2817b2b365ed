//! A provider that says what the test wrote for it: the kit's, driven from blocking tests.

use std::{sync::Arc, time::Duration};

use openclaw_testkit::{Reply, ScriptedCall, ScriptedProvider};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// What a vendor's API looks like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Anthropic,
    OpenAi,
}

/// A scripted provider on a port of its own; it runs until its last clone is gone. Without a script left it repeats the last user message: `echo: …`.
#[derive(Clone)]
pub struct Provider {
    kind: Kind,
    server: Arc<ScriptedProvider>,
    runtime: Arc<Runtime>,
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
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(ScriptedProvider::start([Reply::echo()]));
        Self { kind, server: Arc::new(server), runtime: Arc::new(runtime) }
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
        let kind = match self.kind {
            Kind::Anthropic => "anthropic",
            Kind::OpenAi => "openai",
        };
        format!(
            "{indent}type: {kind}\n{indent}model: {}\n{indent}api_key: {}\n{indent}base_url: {}/v1\n",
            self.model(),
            Self::KEY,
            self.server.url()
        )
    }

    /// Pieces of a streamed body before its first token.
    fn pieces_before_tokens(&self) -> usize {
        match self.kind {
            Kind::Anthropic => 3,
            Kind::OpenAi => 1,
        }
    }

    /// The next answer is these tokens, at once.
    pub fn answers(&self, tokens: &[&str]) {
        self.server.queue(Reply::tokens(tokens.iter().copied()));
    }

    /// The next answer is these tokens with pauses of `milliseconds` between them.
    pub fn answers_slowly(&self, tokens: &[&str], milliseconds: u64) {
        self.server.queue(Reply::tokens(tokens.iter().copied()).drip(Duration::from_millis(milliseconds)));
    }

    /// The next answer begins with these tokens; then nothing more ever comes.
    pub fn stalls(&self, tokens: &[&str]) {
        let pieces = self.pieces_before_tokens() + tokens.len();
        self.server.queue(Reply::tokens(tokens.iter().copied()).hang_after(pieces));
    }

    /// The next answer begins with these tokens; then the connection breaks.
    pub fn cuts(&self, tokens: &[&str]) {
        let pieces = self.pieces_before_tokens() + tokens.len();
        self.server.queue(Reply::tokens(tokens.iter().copied()).cut_after(pieces));
    }

    /// The next answer begins with these tokens; then the provider tells an error in the stream, with this message.
    pub fn breaks_saying(&self, tokens: &[&str], message: &str) {
        // The script puts an error in front of a token.
        let tokens_and_one = tokens.iter().copied().chain(["never sent"]);
        self.server.queue(Reply::tokens(tokens_and_one).error_after(tokens.len(), "server_error", message));
    }

    /// The next answer calls a tool, its arguments split over several pieces.
    pub fn calls(&self, tool: &str, arguments: Value) {
        self.server.queue(Reply::calls([ScriptedCall::new("call_1", tool, arguments)]));
    }

    /// From now on every answer is the last line of the last user message, in pieces with pauses of `milliseconds` between them.
    pub fn echoes(&self, milliseconds: u64) {
        self.server.set_script([Reply::echo_last_line().drip(Duration::from_millis(milliseconds))]);
    }

    /// The next answer is this status.
    pub fn fails(&self, status: u16, headers: &[(&str, &str)]) {
        self.fails_saying(status, headers, "as scripted");
    }

    /// The next answer is this status with this message.
    pub fn fails_saying(&self, status: u16, headers: &[(&str, &str)], message: &str) {
        let reply = Reply::error(status, message);
        self.server.queue(headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value)));
    }

    /// The next request is taken and never answered.
    pub fn hangs(&self) {
        self.server.queue(Reply::hang());
    }

    /// The bodies of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        self.server.requests().iter().map(openclaw_testkit::Recorded::json).collect()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.server.requests().len()
    }

    /// Waits until there were so many requests.
    pub fn await_requests(&self, count: usize) {
        self.runtime.block_on(self.server.wait_for(count));
    }
}
