//! From a run's events to the text of its answer.

use std::sync::Arc;

use futures_util::StreamExt as _;
use openclaw_core::{CallStage, Reply, RunEvent, RunEventKind, RunId, port::EventStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::warn;

use super::{Outbox, draft::Draft};
use crate::pause::Pause;

/// How a run ended, for whoever waits for its answer.
pub(super) enum Followed {
    /// With this answer, as Markdown.
    Answer(String),
    /// It was stopped after this text.
    Cancelled(String),
    /// There is no such run: its conversation was erased.
    Erased,
    /// The process leaves; the next one goes on.
    Leaving,
}

impl Outbox {
    /// Follows a run to its end. What is there so far is shown, where messages can be changed.
    pub(super) async fn follow(&self, run: RunId, draft: &mut Draft<'_>) -> Followed {
        let Some(mut events) = self.events(run).await else { return Followed::Erased };
        let abilities = self.parts.adapter.abilities();
        let mut text = String::new();
        let mut is_new = false;
        let edits = abilities.edits;
        let pace = edits.unwrap_or(crate::limits::SEND_PAUSE);
        let mut show = interval_at(Instant::now() + pace, pace);
        show.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut typing = tokio::time::interval(abilities.typing.unwrap_or(crate::limits::SEND_PAUSE));
        typing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                event = events.next() => {
                    let Some(event) = event else { return Followed::Leaving };
                    match self.read(&event, &mut text, draft).await {
                        Some(ended) => return ended,
                        None => is_new |= matches!(event.kind, RunEventKind::Token(_)),
                    }
                }
                _ = show.tick(), if is_new && edits.is_some() && self.parts.health.is_connected() => {
                    is_new = false;
                    draft.show(&text).await;
                }
                _ = typing.tick(), if abilities.typing.is_some() && self.parts.health.is_connected() => {
                    // A courtesy: nothing depends on it.
                    let _ = self.parts.adapter.typing(draft.to()).await;
                }
            }
        }
    }

    async fn read(
        &self,
        event: &Arc<RunEvent>,
        text: &mut String,
        draft: &mut Draft<'_>,
    ) -> Option<Followed> {
        match &event.kind {
            RunEventKind::Token(token) => text.push_str(token),
            RunEventKind::SkillCall { tool, arguments, stage: CallStage::Awaiting(reason), .. } => {
                let what = serde_json::to_string(arguments).unwrap_or_default();
                let what: String = what.chars().take(600).collect();
                let mark = self.parts.adapter.command_mark();
                let ask = format!(
                    "May I use `{tool}`? {reason}\n\n```\n{what}\n```\n\nSend {mark}approve or {mark}deny within ten minutes."
                );
                self.parts.notices.say(draft.to(), Some(draft.reply_to()), &ask).await;
            }
            RunEventKind::End { reply, .. } => return Some(Followed::Answer(answer(reply, text))),
            RunEventKind::Error(failure) => {
                let gap = if text.is_empty() { "" } else { "\n\n" };
                return Some(Followed::Answer(format!("{text}{gap}I could not answer: {}", failure.message)));
            }
            RunEventKind::Cancelled => return Some(Followed::Cancelled(std::mem::take(text))),
            RunEventKind::Start { .. }
            | RunEventKind::SkillCall { .. }
            | RunEventKind::SkillResult { .. } => {}
        }
        None
    }

    async fn events(&self, run: RunId) -> Option<EventStream> {
        let mut pause = Pause::sending();
        loop {
            match self.parts.agent.events(run, None).await {
                Ok(events) => return events,
                Err(error) => {
                    warn!(channel = &*self.parts.kind, %run, %error, "a run can't be read");
                    sleep(pause.next()).await;
                }
            }
        }
    }
}

/// What was streamed, when it holds the whole reply (a run with tools says more on its way than at its end), else the reply.
fn answer(reply: &Reply, streamed: &str) -> String {
    let whole =
        if streamed.trim_end().ends_with(reply.content.trim_end()) { streamed } else { &reply.content };
    if whole.trim().is_empty() { "(The answer is empty.)".to_owned() } else { whole.to_owned() }
}
