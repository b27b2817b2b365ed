//! One answer, from its run to its receipt.

use std::sync::atomic::Ordering;

use openclaw_core::RunId;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    Outbox,
    draft::{Draft, NotGiven},
    follow::Followed,
};
use crate::{
    journal::{Change, Delivery, State},
    pause::Pause,
};

impl Outbox {
    /// Gives an answer. Returns it with the state it has then; one that is [`State::Expired`] is not written down as such yet: its
    /// people are told first.
    pub(super) async fn deliver(&self, delivery: Delivery) -> Delivery {
        let Some(run) = delivery.run else { return delivery };
        let mut draft = Draft::new(self, delivery);
        let given = if draft.is_too_old() {
            Err(NotGiven::TooOld)
        } else {
            match self.follow_to_end(run, &mut draft).await {
                Followed::Answer(text) => self.finish(&mut draft, &text).await,
                // Nothing was shown, and whoever stopped it was told.
                Followed::Cancelled(_) if draft.delivery.parts.is_empty() => Ok(()),
                Followed::Cancelled(text) => self.finish(&mut draft, &format!("{text}\n\n(Stopped.)")).await,
                Followed::Leaving => return draft.delivery,
                Followed::Erased => Err(NotGiven::Rejected("the conversation was erased".to_owned())),
            }
        };
        let (state, error) = match given {
            Ok(()) => (State::Delivered, None),
            Err(NotGiven::TooOld) => (State::Expired, None),
            Err(NotGiven::Rejected(reason)) => (State::Failed, Some(reason)),
            Err(NotGiven::Journal(error)) => (State::Failed, Some(error.to_string())),
        };
        let (kind, chat, messages) = (&*self.parts.kind, draft.to(), draft.delivery.parts.len());
        match &error {
            Some(reason) => warn!(channel = kind, %chat, %run, reason, "an answer was not taken"),
            None => info!(channel = kind, %chat, %run, ?state, messages, "answer"),
        }
        draft.delivery.state = state;
        draft.delivery.error = error;
        draft.delivery.changed_at = (self.parts.clock)();
        if state != State::Expired {
            self.close(vec![draft.delivery.clone()]).await;
        }
        draft.delivery
    }

    /// Follows a run over the agent's troubles: events that end without an end are those of a process that leaves, or of a log that can't
    /// be written at the moment.
    async fn follow_to_end(&self, run: RunId, draft: &mut Draft<'_>) -> Followed {
        let mut pause = Pause::sending();
        loop {
            match self.follow(run, draft).await {
                Followed::Leaving => sleep(pause.next()).await,
                ended => return ended,
            }
        }
    }

    /// Until the platform has the answer, or it is clear that it never will. A disk that is full is waited for.
    async fn finish(&self, draft: &mut Draft<'_>, text: &str) -> Result<(), NotGiven> {
        let mut pause = Pause::sending();
        loop {
            match draft.finish(text).await {
                Err(NotGiven::Journal(error)) => {
                    warn!(channel = &*self.parts.kind, %error, "an answer has to wait");
                    sleep(pause.next()).await;
                }
                given => return given,
            }
        }
    }

    /// Writes down what became of answers.
    pub(super) async fn close(&self, deliveries: Vec<Delivery>) {
        for delivery in &deliveries {
            match delivery.state {
                State::Failed => self.failed.fetch_add(1, Ordering::Relaxed),
                State::Expired => self.expired.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
        }
        let changes: Vec<_> = deliveries.into_iter().map(Change::Delivery).collect();
        let mut pause = Pause::sending();
        while let Err(error) = self.parts.journal.write(changes.clone()).await {
            warn!(channel = &*self.parts.kind, %error, "a receipt can't be written down");
            sleep(pause.next()).await;
        }
    }
}
