//! `channels`, as far as this version reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::Secret;

/// One chat platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelConfig {
    /// Whether to connect. Default true.
    pub enabled: bool,
    /// The bot's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Further secrets by the platform's own names: Slack's `app_token`, ….
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// Where the platform's API is, when not at its own address.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "super::url::serialize")]
    pub base_url: Option<String>,
    /// Who may talk to the assistant, by the platform's user ids. Default: nobody.
    pub allowed_users: Vec<String>,
}

impl ChannelConfig {
    pub(super) fn check(&self, key: &str, problems: &mut Vec<InvalidValue>) {
        if self.base_url.as_deref().is_some_and(super::url::has_user) {
            let reason = "must not carry a user or a password; put it into `token` or `secrets`";
            problems.push(InvalidValue::new(format!("{key}.base_url"), reason));
        }
    }
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            token: None,
            secrets: BTreeMap::new(),
            base_url: None,
            allowed_users: Vec::new(),
        }
    }
}

/// Every channel type the contract knows; `api` and `internal` are always there and not configured.
pub const CHANNEL_TYPES: [&str; 10] =
    ["api", "internal", "telegram", "discord", "slack", "matrix", "webhook", "irc", "whatsapp", "signal"];

pub(super) fn check_channel_type(name: &str, problems: &mut Vec<InvalidValue>) {
    let configurable = &CHANNEL_TYPES[2..];
    if !configurable.contains(&name) {
        problems.push(InvalidValue::new(
            format!("channels.{name}"),
            format!("is no channel type; known: {}", configurable.join(", ")),
        ));
    }
}
