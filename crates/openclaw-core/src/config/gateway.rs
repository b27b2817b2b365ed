//! `gateway`: the server.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::{Secret, port::LogLevel};

/// The server. `port` and `bind` take effect at the next start, the rest at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// TCP port; 0 lets the system choose. Default 18789.
    pub port: u16,
    /// Address to listen on. Default 127.0.0.1; anything that is not loopback needs `auth.enabled`.
    pub bind: IpAddr,
    /// Who may call.
    pub auth: AuthConfig,
    /// How often.
    pub rate_limit: RateLimitConfig,
    /// Further values of the `Host` header to accept, such as `gateway.home.lan` or `gateway.home.lan:18789`.
    pub allowed_hosts: Vec<String>,
    /// Further browser origins to accept, such as `https://app.example.com`.
    pub allowed_origins: Vec<String>,
    /// The gateway's own log.
    pub logging: LoggingConfig,
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether a token is needed. Default true; false is honoured on loopback only.
    pub enabled: bool,
    /// The token. Made at the first start.
    pub token: Secret,
}

/// How often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests per token and minute; 0 means no limit. Default 60.
    pub requests_per_minute: u32,
}

/// The gateway's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingConfig {
    /// Least grave level that is written. Default `info`.
    pub level: LogLevel,
    /// File, relative to the data directory unless absolute. Default `logs/gateway.log`.
    pub file: String,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            port: 18789,
            bind: IpAddr::from([127, 0, 0, 1]),
            auth: AuthConfig::default(),
            rate_limit: RateLimitConfig::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            logging: LoggingConfig::default(),
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { enabled: true, token: Secret::default() }
    }
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self { requests_per_minute: 60 }
    }
}

impl Default for LoggingConfig {
    fn default() -> Self {
        Self { level: LogLevel::Info, file: "logs/gateway.log".to_owned() }
    }
}

impl GatewayConfig {
    pub(super) fn check(&self, problems: &mut Vec<InvalidValue>) {
        let loopback = self.bind.is_loopback();
        if !self.auth.enabled && !loopback {
            problems.push(InvalidValue::new(
                "gateway.auth.enabled",
                format!("is false while `gateway.bind` is {}, which other machines reach; turn auth on or bind to 127.0.0.1", self.bind),
            ));
        }
        if self.auth.enabled && self.auth.token.is_empty() {
            problems.push(InvalidValue::new(
                "gateway.auth.token",
                "is empty; set a token of at least 16 characters",
            ));
        }
        if self.logging.file.is_empty() {
            problems.push(InvalidValue::new(
                "gateway.logging.file",
                "is empty; name a file such as logs/gateway.log",
            ));
        }
    }
}
