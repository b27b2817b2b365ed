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
