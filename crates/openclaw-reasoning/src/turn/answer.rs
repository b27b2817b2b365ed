//! One call of the model: its text goes out as it comes.

use futures_util::StreamExt as _;
use openclaw_core::{Failure, RunEventKind, TokenUsage, ToolCall};

use super::{Stop, Turn, failure};
use crate::{
    ModelEvent, ModelRequest, ProviderError, StopReason,
    runs::limits::{ANSWER_BYTES, CALLS_PER_STEP, EVENTS},
};

/// What the model said, beside the text in [`Turn::text`].
pub(super) struct Answer {
    /// The text once more, when tools are called: the next request repeats it.
    pub(super) spoken: Option<String>,
    pub(super) calls: Vec<ToolCall>,
    pub(super) stop: StopReason,
    pub(super) model: String,
}

impl Turn<'_> {
    /// Asks the model, tells its text, and adds up what it cost.
    pub(super) async fn ask(&mut self, request: &ModelRequest) -> Result<Answer, Stop> {
        let mut text = std::mem::take(&mut self.text);
        let mut usage = TokenUsage::default();
        let asked = self.unless_stopped(self.listen(request, &mut text, &mut usage)).await;
        // What was told has to get into the record also when the run is stopped.
        self.text = text;
        self.usage += usage;
        let mut answer = asked??;
        if !answer.calls.is_empty() && !self.text.is_empty() {
            answer.spoken = Some(self.text.clone());
        }
        Ok(answer)
    }

    async fn listen(
        &self,
        request: &ModelRequest,
        text: &mut String,
        usage: &mut TokenUsage,
    ) -> Result<Answer, Stop> {
        let failed = |failure: Failure| Err(Stop::Failed(failure));
        let routed = match self.with.router.stream(request).await {
            Ok(routed) => routed,
            Err(error) => return failed((&error).into()),
        };
        let measure = routed.measure;
        let mut events = routed.events;
        let mut calls = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(ModelEvent::Text(piece)) if piece.is_empty() => {}
                Ok(ModelEvent::Text(piece)) => {
                    if text.len() + piece.len() > ANSWER_BYTES || self.live.log.len() >= EVENTS {
                        return failed(failure::too_long(ANSWER_BYTES));
                    }
                    text.push_str(&piece);
                    self.live.log.push(RunEventKind::Token(piece));
                }
                Ok(ModelEvent::ToolCall(call)) if calls.len() < CALLS_PER_STEP => calls.push(call),
                Ok(ModelEvent::ToolCall(_)) => {
                    let message = format!("more than {CALLS_PER_STEP} tool calls at once");
                    return failed(failure::cut(&routed.provider, &ProviderError::Malformed { message }));
                }
                Ok(ModelEvent::Usage(counts)) => *usage = counts,
                Ok(ModelEvent::Done(stop)) => {
                    if stop == StopReason::Refused {
                        calls.clear();
                    }
                    measure.counted(*usage);
                    return Ok(Answer { spoken: None, calls, stop, model: routed.model.name });
                }
                Err(error) => return failed(failure::cut(&routed.provider, &error)),
            }
        }
        let message = "it ended before the answer was whole".to_owned();
        failed(failure::cut(&routed.provider, &ProviderError::Cut { message }))
    }
}
