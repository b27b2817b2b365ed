//! How a channel stands: what is shown is worked out when somebody asks, so that it can't be out of date.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use crate::sync::lock;
use openclaw_core::{Timestamp, port::ChannelStatus};
use tokio::{sync::watch, time::Instant};

/// The state of one channel's connection.
#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<State>,
    connected: watch::Sender<bool>,
    /// See [`crate::Abilities::silence`].
    silence: Duration,
}

#[derive(Debug)]
struct State {
    connected_since: Option<Timestamp>,
    alive: Instant,
    last_error: String,
    account: Option<String>,
    hint: Option<String>,
    reconnects: u64,
}

impl Health {
    pub(crate) fn new(silence: Duration) -> Self {
        let state = State {
            connected_since: None,
            alive: Instant::now(),
            last_error: "connecting".to_owned(),
            account: None,
            hint: None,
            reconnects: 0,
        };
        Self { state: Mutex::new(state), connected: watch::Sender::new(false), silence }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn connected(&self, account: Option<&str>, now: Timestamp) {
        let mut state = self.state();
        state.alive = Instant::now();
        state.connected_since.get_or_insert(now);
        if let Some(account) = account {
            state.account = Some(account.to_owned());
        }
        drop(state);
        self.connected.send_if_modified(|connected| !std::mem::replace(connected, true));
    }

    pub(crate) fn alive(&self) {
        self.state().alive = Instant::now();
    }

    pub(crate) fn hint(&self, hint: Option<String>) {
        self.state().hint = hint;
    }

    pub(crate) fn lost(&self, reason: &str) {
        let mut state = self.state();
        if state.connected_since.take().is_some() {
            state.reconnects += 1;
        }
        reason.clone_into(&mut state.last_error);
        state.hint = None;
        drop(state);
        self.connected.send_if_modified(|connected| std::mem::replace(connected, false));
    }

    /// The next attempt begins: silence counts from now.
    pub(crate) fn attempt(&self) {
        self.state().alive = Instant::now();
    }

    /// Returns when there has been no sign of life for three times the longest silence. Before the connection stands it has as long as
    /// its own deadlines take.
    pub(crate) async fn until_silent(&self) {
        loop {
            let (alive, stands) = {
                let state = self.state();
                (state.alive, state.connected_since.is_some())
            };
            let patience = if stands { self.silence * 3 } else { (self.silence * 3).max(ATTEMPT) };
            let dead = alive + patience;
            if Instant::now() >= dead {
                return;
            }
            tokio::time::sleep_until(dead).await;
        }
    }

    /// Returns when the channel is connected.
    pub(crate) async fn until_connected(&self) {
        // The sender is ours: it can't be gone.
        let _ = self.connected.subscribe().wait_for(|connected| *connected).await;
    }

    pub(crate) fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    pub(crate) fn status(&self, name: &str) -> ChannelStatus {
        let state = self.state();
        let quiet = state.alive.elapsed();
        match state.connected_since {
            Some(since) if quiet <= self.silence => ChannelStatus::Connected { since },
            Some(_) => {
                let last_error = format!("no sign of life from {name} for {} s", quiet.as_secs());
                ChannelStatus::Disconnected { last_error }
            }
            None => ChannelStatus::Disconnected { last_error: state.last_error.clone() },
        }
    }

    pub(crate) fn account(&self) -> Option<String> {
        self.state().account.clone()
    }

    pub(crate) fn hinted(&self) -> Option<String> {
        self.state().hint.clone()
    }

    pub(crate) fn reconnects(&self) -> u64 {
        self.state().reconnects
    }
}

/// How long an attempt to connect may show no sign of life.
const ATTEMPT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_shown_as_none() {
        let health = Health::new(Duration::from_secs(4));
        let since = Timestamp::from_unix_millis(0);
        health.connected(Some("bot"), since);
        assert_eq!(health.status("x"), ChannelStatus::Connected { since });
        tokio::time::advance(Duration::from_secs(5)).await;
        let ChannelStatus::Disconnected { last_error } = health.status("x") else {
            panic!("shown as connected")
        };
        assert_eq!(last_error, "no sign of life from x for 5 s");
        health.alive();
        assert_eq!(health.status("x"), ChannelStatus::Connected { since });
        let begun = Instant::now();
        health.until_silent().await;
        assert_eq!(begun.elapsed().as_secs(), 12);
        health.lost("gone");
        assert_eq!((health.reconnects(), health.is_connected()), (1, false));
    }
}
