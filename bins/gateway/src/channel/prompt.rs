//! Questions in a terminal.

use std::io::{self, IsTerminal as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::{
    chat::keyboard::Keyboard,
    exit::{Exit, Stop},
};

/// Asks a person, if there is one.
pub(super) struct Prompt {
    keyboard: Keyboard,
}

impl Prompt {
    pub(super) fn new() -> Self {
        Self { keyboard: Keyboard::new(io::stdin().is_terminal() && io::stderr().is_terminal()) }
    }

    pub(super) fn is_person_there(&self) -> bool {
        self.keyboard.is_there()
    }

    /// The answer, trimmed. The end of the input ends the command.
    pub(super) async fn ask(&mut self, question: &str) -> Result<String, Stop> {
        let mut stderr = io::stderr().lock();
        // A question that can't be shown gets no answer.
        let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
        drop(stderr);
        tokio::select! {
            answer = self.keyboard.answer() => match answer {
                Some(answer) => Ok(answer.trim().to_owned()),
                None => Err(Stop::new(Exit::Failure, "no answer; nothing was changed")),
            },
            _ = tokio::signal::ctrl_c() => Err(Stop::new(Exit::Interrupted, "stopped; nothing was changed")),
        }
    }

    /// The same, without showing what is typed.
    pub(super) async fn ask_secret(&mut self, question: &str) -> Result<String, Stop> {
        let hidden = Hidden::begin();
        let answer = self.ask(question).await;
        drop(hidden);
        // The line break that was not shown.
        let _ = writeln!(io::stderr().lock());
        answer
    }
}

/// The terminal shows nothing of what is typed while this lives.
struct Hidden(Option<Termios>);

impl Hidden {
    fn begin() -> Self {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Self(None) };
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // Where it can't be hidden, it is shown.
        let _ = tcsetattr(&stdin, OptionalActions::Flush, &hidden);
        Self(Some(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
