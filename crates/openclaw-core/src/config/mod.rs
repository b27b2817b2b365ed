//! The typed configuration. Every key has a default, so an empty file is a valid one; every crate takes only the section it
//! needs. Reading files, environment and flags is the binary's business.

mod gateway;
mod memory;
mod providers;
mod sections;
mod skills;
mod url;

use std::collections::BTreeMap;

pub use gateway::{AuthConfig, GatewayConfig, LoggingConfig, RateLimitConfig};
pub use memory::{CompactionConfig, MemoryConfig, RetentionConfig};
pub use providers::{ProviderConfig, ProviderKind, RoutingConfig};
pub use sections::{CHANNEL_TYPES, ChannelConfig, Grouping};
use serde::{Deserialize, Serialize};
pub use skills::{ApprovalMode, SandboxEngine, SkillLimits, SkillPolicy, SkillsConfig};
pub use url::presentable_url;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The server.
    pub gateway: GatewayConfig,
    /// Model providers by name; the one named `primary` is asked first.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Which provider is asked when.
    pub routing: RoutingConfig,
    /// The log and what is made of it.
    pub memory: MemoryConfig,
    /// Skills and their sandbox.
    pub skills: SkillsConfig,
    /// Chat platforms by type.
    pub channels: BTreeMap<String, ChannelConfig>,
}

/// A value that parses but can't be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {reason}")]
pub struct InvalidValue {
    /// Dotted path of the key.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

impl InvalidValue {
    fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

impl Config {
    /// Every secret in it that is not empty, for scrubbing texts.
    pub fn secrets(&self) -> impl Iterator<Item = &crate::Secret> {
        let keys = self.providers.values().filter_map(|provider| provider.api_key.as_ref());
        let tokens =
            self.channels.values().flat_map(|channel| channel.token.iter().chain(channel.secrets.values()));
        let own = [&self.gateway.auth.token]
            .into_iter()
            .chain(&self.memory.passphrase)
            .chain(self.skills.env.values());
        own.chain(keys).chain(tokens).filter(|secret| !secret.is_empty())
    }

    /// Checks what types alone can't: ranges, and keys that refer to each other.
    ///
    /// # Errors
    /// Every value that can't be meant, with its key.
    pub fn validate(&self) -> Result<(), Vec<InvalidValue>> {
        let mut problems = Vec::new();
        self.gateway.check(&mut problems);
        for (name, provider) in &self.providers {
            provider.check(&format!("providers.{name}"), &mut problems);
        }
        self.routing.check(&self.providers, &mut problems);
        self.memory.check(&mut problems);
        self.skills.check(&mut problems);
        for (name, channel) in &self.channels {
            sections::check_channel_type(name, &mut problems);
            channel.check(&format!("channels.{name}"), &mut problems);
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}
