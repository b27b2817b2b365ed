//! Summing up by a model: [`DistillPort`] over the [`Router`].
//!
//! The conversation is cut to what the model's window takes, each piece is asked about by itself, and the answer is read line by
//! line. What the conversation says is data to the model, fenced as such; what the model says is no more than a proposal, which
//! the memory checks.

mod answer;
mod prompt;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use openclaw_core::port::{DistillError, DistillPort, Distilled, Material};
use tokio::{sync::watch, time::Instant};
use tracing::debug;

use self::prompt::Piece;
use crate::{ModelEvent, ModelRequest, Router, StopReason};

/// Longest answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// Asks the router in force.
#[derive(Debug, Clone)]
pub struct Distiller {
    router: watch::Receiver<Arc<Router>>,
}

impl Distiller {
    /// A distiller that asks whichever router is in force.
    #[must_use]
    pub fn new(router: watch::Receiver<Arc<Router>>) -> Self {
        Self { router }
    }
}

#[async_trait]
impl DistillPort for Distiller {
    fn is_ready(&self) -> bool {
        !self.router.borrow().is_empty()
    }

    async fn distill(&self, material: Material, deadline: Duration) -> Result<Distilled, DistillError> {
        let until = Instant::now() + deadline;
        let router = Arc::clone(&self.router.borrow());
        let Some((_, model)) = router.primary() else {
            return Err(DistillError { reason: "no model provider is configured".to_owned() });
        };
        let mut distilled = Distilled::default();
        let mut failed = None;
        let mut asked = 0_usize;
        for piece in prompt::pieces(&material, &model) {
            // After a failure the rest is left to extraction at once: the provider has been tried again already.
            let answered = match &failed {
                Some(_) => None,
                None => match tokio::time::timeout_at(until, ask(&router, &piece.request)).await {
                    Ok(Ok(answer)) => Some(answer),
                    Ok(Err(reason)) => {
                        failed = Some(reason);
                        None
                    }
                    Err(_) => {
                        failed = Some(format!("no answer within {} s", deadline.as_secs()));
                        None
                    }
                },
            };
            asked += usize::from(answered.is_some());
            take(&piece, answered, &mut distilled);
        }
        match failed {
            Some(reason) if asked == 0 => Err(DistillError { reason }),
            failed => {
                if let Some(reason) = failed {
                    debug!(reason, missed = distilled.missed.len(), "a model summed up a part only");
                }
                Ok(distilled)
            }
        }
    }
}

/// Adds what an answer proposes; without one that can be read, the piece's messages are missed.
fn take(piece: &Piece<'_>, answer: Option<Answer>, distilled: &mut Distilled) {
    let read = answer.map(|answer| (answer::read(&answer.text, piece), answer.whole));
    match read {
        Some((read, whole)) if whole || !read.proposals.is_empty() => {
            distilled.unreadable += read.unreadable;
            if read.proposals.is_empty() && read.unreadable > 0 {
                distilled.missed.extend(piece.ids().cloned());
            }
            distilled.proposals.extend(read.proposals);
        }
        _ => distilled.missed.extend(piece.ids().cloned()),
    }
}

/// What a model said.
struct Answer {
    text: String,
    /// It said all it had to.
    whole: bool,
}

/// One answer, collected. The error says why without quoting anybody.
async fn ask(router: &Router, request: &ModelRequest) -> Result<Answer, String> {
    let routed = router.stream(request).await.map_err(|error| error.to_string())?;
    let (mut events, mut text) = (routed.events, String::new());
    while let Some(event) = events.next().await {
        match event {
            Ok(ModelEvent::Text(piece)) => {
                text.push_str(&piece);
                if text.len() > ANSWER_BYTES {
                    return Ok(Answer { text, whole: false });
                }
            }
            Ok(ModelEvent::ToolCall(_) | ModelEvent::Usage(_)) => {}
            Ok(ModelEvent::Done(StopReason::Refused)) => {
                return Err("the vendor's safety rules kept it from answering".to_owned());
            }
            Ok(ModelEvent::Done(stop)) => return Ok(Answer { text, whole: stop != StopReason::MaxTokens }),
            Err(error) => return Err(format!("`{}` broke off: {error}", routed.provider)),
        }
    }
    Err(format!("`{}` ended before the answer was whole", routed.provider))
}
