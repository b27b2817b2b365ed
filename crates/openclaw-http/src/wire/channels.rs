//! `/channels`.

use openclaw_core::{
    Timestamp,
    port::{ChannelInfo, ChannelStatus},
};
use serde::Serialize;

/// Every configured channel.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ChannelList<'a> {
    pub(crate) channels: Vec<ChannelItem<'a>>,
}

/// A configured channel.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ChannelItem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: Connection,
    /// When connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    connected_since: Option<Timestamp>,
    /// When connected: messages received since midnight UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages_today: Option<u64>,
    /// When disconnected: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
enum Connection {
    Connected,
    Disconnected,
}

impl<'a> From<&'a ChannelInfo> for ChannelItem<'a> {
    fn from(channel: &'a ChannelInfo) -> Self {
        let (status, connected_since, messages_today, last_error) = match &channel.status {
            ChannelStatus::Connected { since } => {
                (Connection::Connected, Some(*since), Some(channel.messages_today), None)
            }
            ChannelStatus::Disconnected { last_error } => {
                (Connection::Disconnected, None, None, Some(last_error.as_str()))
            }
        };
        Self { kind: &channel.kind, status, connected_since, messages_today, last_error }
    }
}

/// A configured channel with all that is known of it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ChannelDetails<'a> {
    #[serde(flatten)]
    item: ChannelItem<'a>,
    /// The bot's name on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    /// When the last message of somebody who may talk came in, since the channel was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    last_message_at: Option<Timestamp>,
    /// Connections that were lost since the channel was started.
    reconnects: u64,
    /// Answers that are not delivered.
    outbox: OutboxCounts,
    /// People whom a code let in.
    paired: u64,
    /// What the owner should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// Answers that are not delivered.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct OutboxCounts {
    /// On their way.
    waiting: u64,
    /// Given up: the platform does not take them.
    failed: u64,
    /// Too old to be sent; `/missed` in the chat gets them.
    expired: u64,
}

impl<'a> From<&'a ChannelInfo> for ChannelDetails<'a> {
    fn from(channel: &'a ChannelInfo) -> Self {
        let detail = &channel.detail;
        Self {
            item: channel.into(),
            account: detail.account.as_deref(),
            last_message_at: detail.last_message_at,
            reconnects: detail.reconnects,
            outbox: OutboxCounts { waiting: detail.waiting, failed: detail.failed, expired: detail.expired },
            paired: detail.paired,
            hint: detail.hint.as_deref(),
        }
    }
}

/// A code that lets one stranger in.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Pairing<'a> {
    /// What the stranger sends to the bot, in a direct chat.
    pub(crate) code: &'a str,
    /// Until when.
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    pub(crate) expires_at: Timestamp,
}

/// People whom a code let in.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct People {
    /// Their ids on the platform.
    pub(crate) users: Vec<String>,
}

/// A pairing was taken back.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Unpaired<'a> {
    pub(crate) removed: bool,
    /// Whose.
    pub(crate) user: &'a str,
}
