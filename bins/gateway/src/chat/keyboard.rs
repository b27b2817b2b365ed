//! Lines that a person types.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _},
};

use tokio::sync::mpsc;

/// Standard input, if it is a terminal with a person before it.
pub(crate) struct Keyboard {
    is_there: bool,
    lines: Option<mpsc::Receiver<String>>,
    /// Typed before something was asked: no answer to that.
    ahead: VecDeque<String>,
}

impl Keyboard {
    pub(crate) fn new(is_there: bool) -> Self {
        Self { is_there, lines: None, ahead: VecDeque::new() }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }

    /// The next line; `None` when there is none any more. Cancel safe.
    pub(crate) async fn line(&mut self) -> Option<String> {
        match self.ahead.pop_front() {
            Some(line) => Some(line),
            None => self.answer().await,
        }
    }

    /// Puts what was typed already aside: the next [`answer`](Self::answer) is to what is asked now.
    pub(crate) fn ask(&mut self) {
        while let Some(line) = self.lines.as_mut().and_then(|lines| lines.try_recv().ok()) {
            self.ahead.push_back(line);
        }
    }

    /// The next line that is typed from now on. Cancel safe.
    pub(crate) async fn answer(&mut self) -> Option<String> {
        if !self.is_there {
            return None;
        }
        self.lines.get_or_insert_with(lines).recv().await
    }
}

/// Lines of standard input, read by a thread: reading a terminal can't be cancelled. One line waits at most.
fn lines() -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::channel(1);
    let read = move || {
        for typed in io::stdin().lock().lines() {
            let Ok(typed) = typed else { return };
            if tx.blocking_send(typed).is_err() {
                return;
            }
        }
    };
    // Without the thread the channel is closed, which ends the chat like Ctrl-D. The process's end ends the thread.
    let _ = std::thread::Builder::new().name("stdin".to_owned()).spawn(read);
    rx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_typed_before_a_question_is_no_answer_to_it() {
        let (tx, rx) = mpsc::channel(1);
        let mut keyboard = Keyboard { is_there: true, lines: Some(rx), ahead: VecDeque::new() };
        tx.send("and then tell me more".to_owned()).await.unwrap();
        keyboard.ask();
        tx.send("y".to_owned()).await.unwrap();
        assert_eq!(keyboard.answer().await.as_deref(), Some("y"));
        assert_eq!(keyboard.line().await.as_deref(), Some("and then tell me more"));
        drop(tx);
        assert_eq!(keyboard.line().await, None);
        assert_eq!(Keyboard::new(false).answer().await, None);
    }
}
