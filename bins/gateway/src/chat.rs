//! `gateway chat`: a conversation in the terminal.

pub(crate) mod keyboard;
pub(crate) mod questions;

use std::io::{self, IsTerminal as _, Read as _};

use hyper::Method;
use openclaw_core::{Failure, limits};
use serde_json::{Value, json};

use self::{
    keyboard::Keyboard,
    questions::{Answer, Questions},
};
use crate::{
    cli,
    client::{Client, ClientError, failure},
    exit::{Exit, Stop},
    output::{complain, harmless, line, on_terminal, print},
};

/// Longest line that a terminal hands over, in bytes (`termios(3)`, canonical mode); it drops the rest without a word.
const TERMINAL_LINE: usize = 4095;

/// What became of one message.
enum Answered {
    Whole,
    /// Ctrl-C stopped it.
    Cancelled,
    /// The run failed.
    Failed(Failure),
}

/// Sends the message of the command line, or what standard input holds, or what a person types, line by line.
pub(crate) async fn chat(client: &Client, options: cli::Chat) -> Result<Exit, Stop> {
    let is_terminal = io::stdin().is_terminal();
    let mut chat =
        Session { client, conversation: options.conversation, keyboard: Keyboard::new(is_terminal) };
    if !options.message.is_empty() {
        return chat.once(&options.message.join(" ")).await;
    }
    if !is_terminal {
        // A file piped in is one message, however many lines it has.
        let mut text = String::new();
        let most = limits::MESSAGE_BYTES as u64 + 1;
        io::stdin().lock().take(most).read_to_string(&mut text).map_err(|error| {
            Stop::new(Exit::Failure, format!("can't read the message from standard input: {error}"))
        })?;
        return chat.once(text.trim()).await;
    }
    chat.by_line().await
}

struct Session<'c> {
    client: &'c Client,
    conversation: Option<String>,
    /// Who allows what skills want to do.
    keyboard: Keyboard,
}

impl Session<'_> {
    async fn once(&mut self, text: &str) -> Result<Exit, Stop> {
        if text.is_empty() {
            return Err(Stop::new(
                Exit::Usage,
                "there is no message: say gateway chat MESSAGE, or pipe one in",
            ));
        }
        match self.send(text).await.map_err(|error| stop(&error))? {
            Answered::Whole => {
                if let Some(conversation) = self.conversation.as_ref().filter(|_| on_terminal()) {
                    complain(&format!("(go on with: gateway chat --conversation {conversation})"));
                }
                Ok(Exit::Ok)
            }
            Answered::Cancelled => Ok(Exit::Interrupted),
            Answered::Failed(failure) => Err(Stop::new(Exit::Failure, failure.message)),
        }
    }

    async fn by_line(&mut self) -> Result<Exit, Stop> {
        // A mistake in the set-up should be told before the first word is typed.
        self.client.json(Method::GET, "/status", None).await.map_err(|error| stop(&error))?;
        line("Type a message and press Enter. Ctrl-C stops an answer, Ctrl-D leaves.");
        loop {
            print("\n> ");
            let typed = tokio::select! {
                typed = self.keyboard.line() => typed,
                _ = tokio::signal::ctrl_c() => { line(""); return Ok(Exit::Interrupted) }
            };
            let Some(typed) = typed else {
                line("");
                return Ok(Exit::Ok);
            };
            let text = typed.trim();
            if text.is_empty() {
                continue;
            }
            if typed.len() >= TERMINAL_LINE {
                complain(&format!(
                    "(not sent: a terminal hands over {TERMINAL_LINE} bytes of a line and drops the rest; pipe a longer message in: \
                     gateway chat < FILE)"
                ));
                continue;
            }
            match self.send(text).await {
                Ok(Answered::Whole) => {}
                Ok(Answered::Cancelled) => complain("(stopped)"),
                Ok(Answered::Failed(failure)) => complain(&harmless(&failure.message)),
                Err(ClientError::Refused(failure)) => complain(&harmless(&failure.message)),
                Err(error) => return Err(stop(&error)),
            }
        }
    }

    /// Sends one message and prints the answer as it comes.
    async fn send(&mut self, text: &str) -> Result<Answered, ClientError> {
        let mut body = json!({"channel": "internal", "message": text, "timeout_ms": limits::TIMEOUT_MS.2});
        if let Some(conversation) = &self.conversation {
            body["conversation_id"] = json!(conversation);
        }
        let mut events = self.client.events("/message", &body).await?;
        let mut run = None;
        let mut cancelling = false;
        let mut questions = Questions::default();
        loop {
            let event = tokio::select! {
                event = events.next() => event?,
                typed = self.keyboard.answer(), if !questions.is_empty() => {
                    self.answer(&mut questions, run.as_deref().unwrap_or_default(), typed).await?;
                    continue;
                }
                _ = tokio::signal::ctrl_c() => {
                    let Some(run) = run.as_ref().filter(|_| !cancelling) else { return Ok(Answered::Cancelled) };
                    cancelling = true;
                    match self.client.json(Method::DELETE, &format!("/message/{run}"), None).await {
                        // It ended by itself a moment ago: the stream says how.
                        Ok(_) | Err(ClientError::Refused(_)) => continue,
                        Err(error) => return Err(error),
                    }
                }
            };
            let Some(event) = event else {
                if cancelling {
                    line("");
                    return Ok(Answered::Cancelled);
                }
                line("");
                let conversation = self.conversation.as_deref().unwrap_or_default();
                return Err(ClientError::Broken(format!(
                    "the answer ended early. It goes on when the gateway is back: gateway chat -c {conversation}"
                )));
            };
            match kind(&event) {
                "start" => {
                    run = event["id"].as_str().map(str::to_owned);
                    if let Some(conversation) = event["conversation_id"].as_str() {
                        self.conversation = Some(conversation.to_owned());
                    }
                }
                "token" => print(&harmless(event["content"].as_str().unwrap_or_default())),
                "skill_call" if event["status"] == "awaiting_approval" => {
                    self.ask(&mut questions, run.as_deref().unwrap_or_default(), &event).await?;
                }
                "skill_call" => {
                    settled(&mut questions, &event);
                    complain(&format!("[{} …]", harmless(event["skill"].as_str().unwrap_or("skill"))));
                }
                "skill_result" => settled(&mut questions, &event),
                "end" => {
                    line("");
                    return Ok(Answered::Whole);
                }
                "cancelled" => {
                    line("");
                    return Ok(Answered::Cancelled);
                }
                "error" => {
                    line("");
                    if cancelling {
                        return Ok(Answered::Cancelled);
                    }
                    let unknown =
                        || Failure::new(openclaw_core::ErrorCode::InternalError, "the answer failed");
                    return Ok(Answered::Failed(failure(&event).unwrap_or_else(unknown)));
                }
                _ => {}
            }
        }
    }
}

impl Session<'_> {
    /// A call waits for a person: the one at the keyboard, or nobody.
    async fn ask(&mut self, questions: &mut Questions, run: &str, event: &Value) -> Result<(), ClientError> {
        if !self.keyboard.is_there() {
            complain(&format!(
                "(not allowed: {}: nobody can be asked here. Use a terminal, or the API: POST /api/v1/message/{run}/approve while the \
                 call waits)",
                questions::described(event)
            ));
            let call = event["call_id"].as_str().map(str::to_owned);
            return self.decide(run, call, false, Some("nobody could be asked")).await;
        }
        if questions.add(event) {
            self.keyboard.ask();
            put(questions);
        }
        Ok(())
    }

    /// What the person typed, as the answer to the question at hand.
    async fn answer(
        &mut self,
        questions: &mut Questions,
        run: &str,
        typed: Option<String>,
    ) -> Result<(), ClientError> {
        let Some(typed) = typed else {
            // Ctrl-D: nobody answers any more.
            while let Some(call) = questions.answered() {
                self.decide(run, Some(call), false, None).await?;
            }
            return Ok(());
        };
        let answer = Answer::of(&typed);
        if answer == Answer::Neither {
            complain("(please say y or n)");
        } else {
            self.decide(run, questions.answered(), answer == Answer::Yes, None).await?;
        }
        put(questions);
        Ok(())
    }

    async fn decide(
        &self,
        run: &str,
        call: Option<String>,
        approve: bool,
        reason: Option<&str>,
    ) -> Result<(), ClientError> {
        let body = json!({"approve": approve, "call_id": call, "reason": reason});
        match self.client.json(Method::POST, &format!("/message/{run}/approve"), Some(&body)).await {
            // Somebody else has decided, or the time was over: the stream says so.
            Ok(_) | Err(ClientError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Puts the question at hand, if there is one.
fn put(questions: &Questions) {
    if let Some(text) = questions.text() {
        complain(text);
    }
}

/// A call that is made or has ended waits no more.
fn settled(questions: &mut Questions, event: &Value) {
    if questions.settle(event["call_id"].as_str().unwrap_or_default()) {
        complain("(decided elsewhere, or not in time)");
        put(questions);
    }
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default()
}

fn stop(error: &ClientError) -> Stop {
    let exit = match error {
        ClientError::NotRunning(_) => Exit::NotRunning,
        _ => Exit::Failure,
    };
    Stop::new(exit, harmless(&error.to_string()))
}
