//! Channels as a list.

use std::sync::Mutex;

use async_trait::async_trait;
use openclaw_core::port::{ChannelInfo, ChannelPort, ChannelStatus};

use super::lock;

/// A list of channels that a test sets.
#[derive(Debug, Default)]
pub struct FakeChannels {
    channels: Mutex<Vec<ChannelInfo>>,
}

impl FakeChannels {
    /// These channels.
    #[must_use]
    pub fn new(channels: Vec<ChannelInfo>) -> Self {
        Self { channels: Mutex::new(channels) }
    }

    /// Adds a channel that is not connected.
    #[must_use]
    pub fn with_disconnected(self, kind: &str, last_error: &str) -> Self {
        lock(&self.channels).push(ChannelInfo {
            kind: kind.to_owned(),
            status: ChannelStatus::Disconnected { last_error: last_error.to_owned() },
            messages_today: 0,
            detail: openclaw_core::port::ChannelDetail::default(),
        });
        self
    }
}

#[async_trait]
impl ChannelPort for FakeChannels {
    async fn list(&self) -> Vec<ChannelInfo> {
        lock(&self.channels).clone()
    }
}
