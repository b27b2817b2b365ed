//! Port of the channels: what is connected.

use async_trait::async_trait;

use crate::Timestamp;

/// The configured chat platforms.
#[async_trait]
pub trait ChannelPort: Send + Sync {
    /// Every configured channel, in the order of the configuration.
    async fn list(&self) -> Vec<ChannelInfo>;
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
