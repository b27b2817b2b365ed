//! The first request of a turn.

use std::time::Duration;

use openclaw_core::{
    MessageId, RunId, Timestamp,
    port::{ContextCut, RecallQuery, Recalled},
};
use tracing::{error, warn};

use super::{Stop, Task, Turn};
use crate::{
    ModelRequest,
    context::{self, CANDIDATES, Draft, HISTORY_MESSAGES, Ingredients, Past, Selected},
};

/// How long an answer waits for the memory to recall something.
pub(super) const RECALL_TIME: Duration = Duration::from_millis(150);

impl Turn<'_> {
    /// Puts the request together, and has the memory note what it is made of if there is anything to explain.
    pub(super) async fn first_request(&self, task: &Task) -> Result<ModelRequest, Stop> {
        let Some((model, calibration)) = self.with.router.first() else {
            return Err(Stop::Failed((&crate::RouteError::NoProvider).into()));
        };
        let gauge = calibration.gauge(&model);
        let past = if task.has_history {
            self.past(task, gauge.shares().recent_bytes()).await?
        } else {
            Past::default()
        };
        let tools =
            if model.tools { self.unless_stopped(self.with.tools.definitions()).await? } else { Vec::new() };
        let ingredients = Ingredients {
            persona: &task.persona,
            channel: &task.channel,
            now: Timestamp::now(),
            message: task.message.clone(),
            tools,
        };
        let draft = Draft::new(ingredients, gauge);
        let mut history = past.select(&gauge, draft.history_budget(true));
        let (recalled, trouble) = self.unless_stopped(self.recall(task, &history)).await?;
        if recalled.is_empty() && history.is_cut() {
            history = past.select(&gauge, draft.history_budget(false));
        }
        let mut present = history.messages.clone();
        present.push(task.message.clone());
        let mut chosen = context::choose(&gauge, recalled, &present, draft.memory_budget());
        chosen.cuts.extend(trouble);
        let (request, note) = draft.finish(history, chosen);
        if let Some(note) = note
            && let Err(error) = self.unless_stopped(self.with.memory.note_context(task.run, note)).await?
        {
            warn!(run = %task.run, %error, "what the prompt was made of can't be noted");
        }
        Ok(request)
    }

    async fn past(&self, task: &Task, max_bytes: usize) -> Result<Past, Stop> {
        let recent = self.with.memory.recent(&task.conversation, HISTORY_MESSAGES, max_bytes);
        let recent = self.unless_stopped(recent).await?.map_err(|error| {
            error!(run = %task.run, %error, "the conversation can't be read");
            Stop::Failed((&error).into())
        })?;
        let is_capped = recent.len() >= HISTORY_MESSAGES;
        Ok(Past::of(recent, task.run, is_capped))
    }

    /// What the memory recalls. It may be slow or fail: the answer goes on without, and the note says so.
    async fn recall(&self, task: &Task, history: &Selected) -> (Vec<Recalled>, Option<ContextCut>) {
        let mut present: Vec<_> = history.messages.iter().map(|message| message.id.clone()).collect();
        present.push(task.message.id.clone());
        let query = RecallQuery {
            text: context::question(&task.message, &history.messages),
            conversation: task.conversation.clone(),
            present,
            limit: CANDIDATES,
        };
        if query.text.is_empty() {
            return (Vec::new(), None);
        }
        let reason = match tokio::time::timeout(RECALL_TIME, self.with.memory.recall(query)).await {
            Ok(Ok(mut recalled)) => {
                recalled.retain(|found| !is_after(&found.id, task.run));
                return (recalled, None);
            }
            Ok(Err(error)) => {
                warn!(run = %task.run, %error, "the memory can't recall anything; the answer goes on without");
                "the memory could not be asked".to_owned()
            }
            Err(_) => {
                let ms = RECALL_TIME.as_millis();
                warn!(run = %task.run, ms, "the memory took too long; the answer goes on without");
                format!("the memory did not answer within {ms} ms")
            }
        };
        (Vec::new(), Some(ContextCut { id: "recall".to_owned(), reason, tokens: 0 }))
    }
}

/// Whether that was said when this run's message had been: it waits for its own turn, or has had it elsewhere.
fn is_after(id: &str, run: RunId) -> bool {
    id.parse::<MessageId>().ok().and_then(|id| RunId::of_message(&id)).is_some_and(|of| of > run)
}
