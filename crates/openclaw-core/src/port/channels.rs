//! Port of the channels: what is connected.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Failure, Secret, Timestamp};

/// The configured chat platforms.
#[async_trait]
pub trait ChannelPort: Send + Sync {
    /// Every configured channel, in the order of the configuration.
    async fn list(&self) -> Vec<ChannelInfo>;

    /// Makes a code that lets one stranger in; an earlier one of the channel is void.
    ///
    /// # Errors
    /// When the channel is not configured, or its configuration forbids pairing.
    async fn pair(&self, kind: &str) -> Result<PairingCode, Failure> {
        Err(Failure::not_found("channel", kind))
    }

    /// The users that a code let in.
    ///
    /// # Errors
    /// When the channel is not configured, or not running.
    async fn paired(&self, kind: &str) -> Result<Vec<String>, Failure> {
        Err(Failure::not_found("channel", kind))
    }

    /// Takes a user's pairing back; whether there was one.
    ///
    /// # Errors
    /// When the channel is not configured, or not running.
    async fn unpair(&self, kind: &str, user: &str) -> Result<bool, Failure> {
        let _ = user;
        Err(Failure::not_found("channel", kind))
    }

    /// Hands over what a platform sent to its webhook; whoever takes it checks that it is the platform's.
    ///
    /// # Errors
    /// When the channel is not configured, or not running.
    async fn webhook(&self, kind: &str, request: WebhookRequest) -> Result<WebhookAnswer, Failure> {
        let _ = request;
        Err(Failure::not_found("channel", kind))
    }
}

/// One configured channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its type: `telegram`, ….
    pub kind: String,
    /// Whether it is connected.
    pub status: ChannelStatus,
    /// Messages received since midnight UTC.
    pub messages_today: u64,
    /// What else is known.
    pub detail: ChannelDetail,
}

/// What else is known of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelDetail {
    /// The bot's name on the platform.
    pub account: Option<String>,
    /// When the last message came in.
    pub last_message_at: Option<Timestamp>,
    /// Connections that were lost since the channel was started.
    pub reconnects: u64,
    /// Answers on their way.
    pub waiting: u64,
    /// Answers that were given up: the platform does not take them.
    pub failed: u64,
    /// Answers that were too old to be sent, and are offered instead.
    pub expired: u64,
    /// People who were let in by a code.
    pub paired: u64,
    /// What the owner should know, such as that nobody may talk yet.
    pub hint: Option<String>,
}

/// Whether a channel is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelStatus {
    /// It is.
    Connected {
        /// Since when.
        since: Timestamp,
    },
    /// It is not.
    Disconnected {
        /// Why not.
        last_error: String,
    },
}

/// A code that lets one stranger in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairingCode {
    /// What the stranger sends to the bot.
    pub code: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A request to a channel's webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookRequest {
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl WebhookRequest {
    /// The value of the first header with this name (in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a webhook is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum WebhookAnswer {
    /// Taken, and durable: 200 with this JSON.
    Taken(serde_json::Value),
    /// Not taken, for this reason.
    Refused(Failure),
}

impl WebhookAnswer {
    /// For channels without a webhook.
    #[must_use]
    pub fn not_taken() -> Self {
        Self::Refused(Failure::new(crate::ErrorCode::NotFound, "This channel has no webhook"))
    }
}
