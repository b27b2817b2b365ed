//! Answers on their way into chats: in order per chat, kept in the journal at every step, so that a restart goes on where it was.

mod deliver;
mod draft;
mod follow;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_core::{RunId, port::AgentPort};
use tokio::{sync::watch, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::error;

use crate::{
    adapter::Adapter,
    health::Health,
    inbound::Clock,
    journal::{ChatKey, Delivery, Journal, JournalError, State},
    message::Address,
    notice::Notices,
    pause::Pause,
    sync::lock,
};

/// One channel's outbox.
pub(crate) struct Outbox {
    parts: OutboxParts,
    lanes: Mutex<HashMap<ChatKey, VecDeque<RunId>>>,
    failed: AtomicU64,
    expired: AtomicU64,
}

/// What an outbox is made of.
pub(crate) struct OutboxParts {
    pub(crate) kind: Arc<str>,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) health: Arc<Health>,
    pub(crate) journal: Journal,
    pub(crate) agent: Arc<dyn AgentPort>,
    pub(crate) clock: Clock,
    pub(crate) notices: Notices,
    pub(crate) died: TokenDied,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) max_age: Duration,
}

/// Tells the supervisor that the platform does not take the token any more.
#[derive(Debug, Clone)]
pub(crate) struct TokenDied(Arc<watch::Sender<Option<String>>>);

impl Default for TokenDied {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl TokenDied {
    pub(crate) fn tell(&self, reason: &str) {
        self.0.send_if_modified(|told| {
            told.is_none() && {
                *told = Some(reason.to_owned());
                true
            }
        });
    }

    /// Returns the reason when it has.
    pub(crate) async fn told(&self) -> String {
        let mut told = self.0.subscribe();
        // The sender is ours: it can't be gone.
        told.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone()).unwrap_or_default()
    }
}

impl Outbox {
    pub(crate) fn new(parts: OutboxParts) -> Self {
        Self { parts, lanes: Mutex::default(), failed: AtomicU64::new(0), expired: AtomicU64::new(0) }
    }

    /// Takes up what an earlier process left.
    pub(crate) fn resume(self: &Arc<Self>) -> Result<(), JournalError> {
        let count = |state: State| move |delivery: &Delivery| delivery.state == state;
        let known = |state| self.parts.journal.deliveries(&self.parts.kind, count(state));
        self.failed.store(known(State::Failed)?.len() as u64, Ordering::Relaxed);
        self.expired.store(known(State::Expired)?.len() as u64, Ordering::Relaxed);
        let open = self.parts.journal.deliveries(&self.parts.kind, |delivery| delivery.state.is_open())?;
        for delivery in open {
            self.add(&delivery);
        }
        Ok(())
    }

    /// One more answer; it follows those of its chat.
    pub(crate) fn add(self: &Arc<Self>, delivery: &Delivery) {
        let Some(run) = delivery.run else { return };
        let chat = delivery.chat();
        let mut lanes = lock(&self.lanes);
        if let Some(lane) = lanes.get_mut(&chat) {
            if !lane.contains(&run) {
                lane.push_back(run);
            }
            return;
        }
        lanes.insert(chat.clone(), VecDeque::from([run]));
        drop(lanes);
        let outbox = Arc::clone(self);
        let stop = self.parts.stop.clone();
        self.parts.tasks.spawn(stop.run_until_cancelled_owned(async move { outbox.lane(&chat).await }));
    }

    /// The answers of a chat that are on their way, first the one that is being given.
    pub(crate) fn open(&self, chat: &ChatKey) -> Vec<RunId> {
        lock(&self.lanes).get(chat).map(|lane| lane.iter().copied().collect()).unwrap_or_default()
    }

    pub(crate) fn waiting(&self) -> u64 {
        lock(&self.lanes).values().map(|lane| lane.len() as u64).sum()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Sends the answers of a chat that had become too old; how many there are.
    pub(crate) async fn send_expired(self: &Arc<Self>, to: &Address) -> Result<usize, JournalError> {
        let is_wanted = |delivery: &Delivery| delivery.state == State::Expired && delivery.to == *to;
        let expired = self.parts.journal.deliveries(&self.parts.kind, is_wanted)?;
        let count = expired.len();
        for mut delivery in expired {
            delivery.state = State::Wanted;
            self.parts.journal.save(&delivery).await?;
            self.expired.fetch_sub(1, Ordering::Relaxed);
            self.add(&delivery);
        }
        Ok(count)
    }

    /// Gives the answers of one chat, one after the other, until there are none.
    async fn lane(&self, chat: &ChatKey) {
        let (mut expired, mut pause) = (Vec::new(), Pause::sending());
        loop {
            let next = lock(&self.lanes).get(chat).and_then(|lane| lane.front().copied());
            let Some(run) = next else {
                // Nobody can add to the lane between the look and the removal: both are under the lock.
                let mut lanes = lock(&self.lanes);
                if lanes.get(chat).is_none_or(VecDeque::is_empty) {
                    lanes.remove(chat);
                    drop(lanes);
                    break;
                }
                continue;
            };
            match self.parts.journal.delivery(run) {
                Ok(Some(delivery)) if delivery.state.is_open() => {
                    let delivery = self.deliver(delivery).await;
                    if delivery.state == State::Expired {
                        expired.push(delivery);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    error!(channel = &*self.parts.kind, %run, %error, "an answer can't be looked up");
                    // It stays the first of its lane.
                    sleep(pause.next()).await;
                    continue;
                }
            }
            if let Some(lane) = lock(&self.lanes).get_mut(chat) {
                lane.pop_front();
            }
        }
        self.offer(&chat.address, expired).await;
    }

    /// Says that there are answers which came too late. They are written down as such afterwards: a crash in between says it twice.
    async fn offer(&self, to: &Address, expired: Vec<Delivery>) {
        if expired.is_empty() {
            return;
        }
        let answers =
            if expired.len() == 1 { "an answer".to_owned() } else { format!("{} answers", expired.len()) };
        let mark = self.parts.adapter.command_mark();
        let text = format!(
            "While I could not reach you, {answers} became too old to be sent just like that. Send {mark}missed to get what you missed."
        );
        let mut pause = Pause::sending();
        loop {
            self.parts.health.until_connected().await;
            if self.parts.notices.say(to, None, &text).await {
                break;
            }
            sleep(pause.next()).await;
        }
        self.close(expired).await;
    }
}
