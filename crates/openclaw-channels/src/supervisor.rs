//! Keeps one channel connected, for as long as its configuration stays.

use std::sync::Arc;

use openclaw_core::port::{ChannelDetail, ChannelInfo, WebhookAnswer, WebhookRequest};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    adapter::Adapter,
    error::ConnectError,
    health::Health,
    inbound::Desk,
    limits::{END, GOOD_CONNECTION},
    link::Link,
    outbox::{Outbox, TokenDied},
    pause::Pause,
    sync::lock,
};

/// A channel at work.
pub(crate) struct Channel {
    pub(crate) link: Link,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) died: TokenDied,
    pub(crate) tasks: TaskTracker,
    /// Ends the connection: nothing comes in any more.
    pub(crate) hang_up: CancellationToken,
    /// Ends everything.
    pub(crate) stop: CancellationToken,
}

impl Channel {
    /// Connects, again and again, until it is told to hang up.
    pub(crate) async fn keep(self: Arc<Self>) {
        let kind = &*self.link.kind;
        let mut pause = Pause::connecting();
        loop {
            let begun = Instant::now();
            self.health().attempt();
            let ended = tokio::select! {
                biased;
                () = self.hang_up.cancelled() => {
                    self.health().lost("the gateway is leaving");
                    return;
                }
                reason = self.died.told() => Err(ConnectError::Refused { reason }),
                ended = self.adapter.connect(&self.link) => ended,
                () = self.health().until_silent() => {
                    Err(ConnectError::lost(format!("{kind} gives no sign of life")))
                }
            };
            if begun.elapsed() >= GOOD_CONNECTION {
                pause.reset();
            }
            let wait = match ended {
                Ok(()) => {
                    self.health().lost("connecting anew");
                    pause.next()
                }
                Err(error @ ConnectError::Refused { .. }) => {
                    warn!(channel = kind, %error, "disconnected for good; a change of `channels.{kind}` connects it again");
                    self.health().lost(&error.to_string());
                    self.hang_up.cancelled().await;
                    return;
                }
                Err(error @ ConnectError::Lost { .. }) => {
                    warn!(channel = kind, %error, "disconnected");
                    self.health().lost(&error.to_string());
                    pause.next()
                }
                Err(ConnectError::Later { after, reason }) => {
                    warn!(channel = kind, reason, ?after, "disconnected; the platform asks to wait");
                    self.health().lost(&reason);
                    after.max(pause.next())
                }
            };
            let told = tokio::select! {
                biased;
                () = self.hang_up.cancelled() => true,
                () = sleep(wait) => false,
            };
            if told {
                return;
            }
        }
    }

    /// Takes nothing more in; answers under way go on.
    pub(crate) fn hang_up(&self) {
        self.hang_up.cancel();
    }

    /// Ends everything. What is open goes on with the next channel of this kind, from the journal.
    pub(crate) async fn end(&self) {
        self.hang_up.cancel();
        self.stop.cancel();
        self.tasks.close();
        if timeout(END, self.tasks.wait()).await.is_err() {
            warn!(channel = &*self.link.kind, "some tasks of the channel did not end in time");
        }
        info!(channel = &*self.link.kind, "channel ended");
    }

    pub(crate) async fn webhook(&self, request: WebhookRequest) -> WebhookAnswer {
        self.adapter.webhook(&self.link, request).await
    }

    pub(crate) fn info(&self) -> ChannelInfo {
        let kind = self.link.kind.to_string();
        let desk = &self.link.desk;
        let received = self.link.journal.received(&kind, (desk.parts.clock)()).unwrap_or(0);
        ChannelInfo {
            status: self.health().status(&kind),
            messages_today: received,
            detail: ChannelDetail {
                account: self.health().account(),
                last_message_at: *lock(&desk.last_message),
                reconnects: self.health().reconnects(),
                waiting: self.outbox.waiting(),
                failed: self.outbox.failed(),
                expired: self.outbox.expired(),
                paired: desk.parts.access.paired(),
                hint: hint(desk).or_else(|| self.health().hinted()),
            },
            kind,
        }
    }

    fn health(&self) -> &Health {
        &self.link.health
    }
}

fn hint(desk: &Desk) -> Option<String> {
    if !desk.parts.access.is_empty() {
        return None;
    }
    let kind = &desk.parts.kind;
    Some(if desk.parts.access.pairing.is_some() {
        format!(
            "nobody may talk here yet: run `gateway channel pair {kind}`, or set `channels.{kind}.allowed_users`"
        )
    } else {
        format!(
            "nobody may talk here: set `channels.{kind}.allowed_users`, or `channels.{kind}.pairing: true`"
        )
    })
}
