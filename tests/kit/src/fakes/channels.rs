//! Channels as a list.

use std::sync::Mutex;

use async_trait::async_trait;
use openclaw_core::{
    ErrorCode, Failure, Timestamp,
    port::{ChannelInfo, ChannelPort, ChannelStatus, PairingCode, WebhookAnswer, WebhookRequest},
};
use serde_json::json;

use super::lock;

/// A list of channels that a test sets.
#[derive(Debug, Default)]
pub struct FakeChannels {
    channels: Mutex<Vec<ChannelInfo>>,
    paired: Mutex<Vec<String>>,
}

impl FakeChannels {
    /// These channels.
    #[must_use]
    pub fn new(channels: Vec<ChannelInfo>) -> Self {
        Self { channels: Mutex::new(channels), paired: Mutex::default() }
    }

    /// With a user whom a code let in.
    #[must_use]
    pub fn with_paired(self, user: &str) -> Self {
        lock(&self.paired).push(user.to_owned());
        self
    }

    fn known(&self, kind: &str) -> Result<(), Failure> {
        let known = lock(&self.channels).iter().any(|channel| channel.kind == kind);
        if known { Ok(()) } else { Err(Failure::not_found("channel", kind)) }
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

    async fn pair(&self, kind: &str) -> Result<PairingCode, Failure> {
        self.known(kind)?;
        Ok(PairingCode { code: "ABCD2345".into(), expires_at: Timestamp::from_unix_millis(0) })
    }

    async fn paired(&self, kind: &str) -> Result<Vec<String>, Failure> {
        self.known(kind)?;
        Ok(lock(&self.paired).clone())
    }

    async fn unpair(&self, kind: &str, user: &str) -> Result<bool, Failure> {
        self.known(kind)?;
        let mut paired = lock(&self.paired);
        let before = paired.len();
        paired.retain(|paired| paired != user);
        Ok(paired.len() < before)
    }

    /// Takes what carries the header `x-signature: good`.
    async fn webhook(&self, kind: &str, request: WebhookRequest) -> Result<WebhookAnswer, Failure> {
        self.known(kind)?;
        if request.header("x-signature") == Some("good") {
            return Ok(WebhookAnswer::Taken(json!({"accepted": true, "bytes": request.body.len()})));
        }
        Ok(WebhookAnswer::Refused(Failure::new(ErrorCode::Unauthorized, "The signature does not fit")))
    }
}
