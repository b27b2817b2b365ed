//! Calls of one run that wait for a person's word.

use std::sync::{Mutex, MutexGuard, PoisonError};

use openclaw_core::{
    ToolCall,
    limits::APPROVAL_TIME,
    port::{Approval, Decision},
};
use tokio::sync::oneshot;

/// What waits, oldest first; never more than the calls of one step.
#[derive(Debug, Default)]
pub(crate) struct Approvals {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Waiting>,
    asked: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    approval: Approval,
    word_tx: oneshot::Sender<Word>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Allowed,
    /// With what the person said, if anything.
    Denied(Option<String>),
    /// Nobody said anything in time.
    Silence,
}

impl Approvals {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A question is in the list or is not, whoever panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks about a call. The question stands until it is answered or dropped.
    pub(crate) fn ask(&self, call: &ToolCall, reason: &str) -> Question<'_> {
        let (word_tx, word) = oneshot::channel();
        let approval = Approval {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
            reason: reason.to_owned(),
        };
        let mut inner = self.lock();
        inner.asked += 1;
        let number = inner.asked;
        inner.waiting.push(Waiting { number, approval, word_tx });
        Question { of: self, number, word }
    }

    /// What waits now.
    pub(crate) fn waiting(&self) -> Vec<Approval> {
        self.lock().waiting.iter().map(|waiting| waiting.approval.clone()).collect()
    }

    /// Answers the questions that `decision` is about; returns the ids of their calls.
    pub(crate) fn decide(&self, decision: &Decision) -> Vec<String> {
        let is_meant = |waiting: &mut Waiting| {
            decision.call_id.as_ref().is_none_or(|id| *id == waiting.approval.call_id)
        };
        let decided: Vec<Waiting> = self.lock().waiting.extract_if(.., is_meant).collect();
        let word = if decision.approve { Word::Allowed } else { Word::Denied(decision.reason.clone()) };
        let tell = |waiting: Waiting| {
            // Whoever asked may have been stopped this moment.
            let _ = waiting.word_tx.send(word.clone());
            waiting.approval.call_id
        };
        decided.into_iter().map(tell).collect()
    }
}

/// A question that stands as long as this does.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    of: &'a Approvals,
    number: u64,
    word: oneshot::Receiver<Word>,
}

impl Question<'_> {
    /// Waits for the answer, up to [`APPROVAL_TIME`].
    pub(crate) async fn answered(mut self) -> Word {
        match tokio::time::timeout(APPROVAL_TIME, &mut self.word).await {
            Ok(Ok(word)) => word,
            Ok(Err(_)) | Err(_) => Word::Silence,
        }
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.of.lock().waiting.retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::*;

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "files.write".into(), arguments: json!({"path": "a"}) }
    }

    fn word(call_id: Option<&str>, approve: bool) -> Decision {
        Decision { call_id: call_id.map(str::to_owned), approve, reason: Some("not today".to_owned()) }
    }

    #[tokio::test(start_paused = true)]
    async fn each_question_gets_its_own_answer_once() {
        let approvals = Approvals::default();
        let [first, second, third] = ["1", "2", "3"].map(|id| approvals.ask(&call(id), "writes files"));
        assert_eq!(approvals.waiting()[1].call_id, "2");
        assert_eq!(approvals.decide(&word(Some("2"), false)), ["2"]);
        assert!(approvals.decide(&word(Some("2"), true)).is_empty(), "a word is not taken back");
        assert_eq!(second.answered().await, Word::Denied(Some("not today".to_owned())));
        assert_eq!(approvals.decide(&word(None, true)), ["1", "3"]);
        assert_eq!(first.answered().now_or_never(), Some(Word::Allowed));
        assert_eq!(third.answered().now_or_never(), Some(Word::Allowed));
        assert!(approvals.waiting().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_question_and_so_does_whoever_asked() {
        let approvals = Approvals::default();
        let begun = tokio::time::Instant::now();
        assert_eq!(approvals.ask(&call("1"), "").answered().await, Word::Silence);
        assert_eq!(begun.elapsed(), APPROVAL_TIME);
        drop(approvals.ask(&call("2"), ""));
        assert!(approvals.waiting().is_empty());
    }
}
