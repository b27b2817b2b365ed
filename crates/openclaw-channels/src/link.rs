//! What a connection knows of the engine.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{error::ConnectError, health::Health, inbound::Desk, journal::Journal, message::Event};

/// A connection's way to the engine. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Link {
    pub(crate) kind: Arc<str>,
    pub(crate) health: Arc<Health>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) journal: Journal,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Link {
    /// The connection stands, as this account (the bot's name). May be called again; it counts as a sign of life.
    pub fn connected(&self, account: &str) {
        self.health.connected(Some(account), (self.desk.parts.clock)());
    }

    /// A poll was answered, a heartbeat acknowledged, a frame received: the platform is there.
    pub fn alive(&self) {
        self.health.alive();
    }

    /// What the owner should know while the connection stands, such as a room that can't be entered; `None`: all is well.
    pub fn hint(&self, hint: Option<String>) {
        self.health.hint(hint);
    }

    /// Hands over what came in. Events of one chat are kept in the order of these calls; one slow chat does not hold up others. Returns as
    /// soon as the event is on its way; the receipt says when it is durable.
    ///
    /// Cancel safe: a dropped call has handed over nothing.
    pub async fn deliver(&self, event: Event) -> Receipt {
        self.desk.take(event).await
    }

    /// Where reading goes on, as [`Self::save_cursor`] last kept it under this name.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn cursor(&self, name: &str) -> Result<Option<String>, ConnectError> {
        self.journal.cursor(&self.kind, name).map_err(ConnectError::lost)
    }

    /// All cursors whose names begin so, by name.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn cursors(&self, prefix: &str) -> Result<Vec<(String, String)>, ConnectError> {
        self.journal.cursors(&self.kind, prefix).map_err(ConnectError::lost)
    }

    /// Keeps where reading goes on: durable when this returns. An empty value is none, and frees its place.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub async fn save_cursor(&self, name: &str, value: &str) -> Result<(), ConnectError> {
        let saved = self.journal.save_cursor(&self.kind, name, value).await;
        saved.map_err(ConnectError::lost)
    }

    /// Whether this user may talk to the assistant here: what an invitation is accepted by.
    #[must_use]
    pub fn may_talk(&self, user: &str, chat: &str) -> bool {
        self.desk.parts.access.may_talk(user, chat)
    }

    /// The people who were let in by name, or have paired.
    #[must_use]
    pub fn people(&self) -> Vec<String> {
        self.desk.parts.access.people()
    }
}

/// Says when an event is durable.
#[derive(Debug)]
pub struct Receipt(pub(crate) oneshot::Receiver<()>);

impl Receipt {
    /// Waits until the event is settled: written down, or decided to be nobody's business. `false`: it is not, and the platform must
    /// not be told that we have it; deliver it again.
    ///
    /// Cancel safe.
    pub async fn settled(self) -> bool {
        self.0.await.is_ok()
    }
}
