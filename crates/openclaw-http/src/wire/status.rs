//! `/health` and `/status`.

use std::net::IpAddr;

use serde::Serialize;

/// Whether the gateway is there.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Health<'a> {
    /// `ok`, or `degraded` when nothing can be remembered.
    pub(crate) status: &'a str,
    pub(crate) version: &'a str,
    pub(crate) uptime_seconds: u64,
    /// Why it is degraded, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

/// The gateway as a whole.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Status<'a> {
    pub(crate) status: &'a str,
    pub(crate) version: &'a str,
    pub(crate) uptime_seconds: u64,
    pub(crate) gateway: GatewayStatus,
    pub(crate) reasoning: ReasoningStatus<'a>,
    pub(crate) memory: MemoryStatus,
    pub(crate) skills: SkillsStatus<'a>,
    pub(crate) channels: ChannelsStatus<'a>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct GatewayStatus {
    pub(crate) port: u16,
    pub(crate) bind: IpAddr,
    pub(crate) auth_enabled: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ReasoningStatus<'a> {
    /// Provider that is asked first; null when there is none.
    pub(crate) primary_provider: Option<&'a str>,
    pub(crate) primary_model: Option<&'a str>,
    pub(crate) total_requests: u64,
    pub(crate) avg_latency_ms: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct MemoryStatus {
    pub(crate) wal_entries: u64,
    pub(crate) compacted_files: u64,
    /// MiB, one decimal.
    pub(crate) total_size_mb: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SkillsStatus<'a> {
    pub(crate) installed: usize,
    pub(crate) active: usize,
    pub(crate) container_engine: &'a str,
    pub(crate) rootless: bool,
    /// What is wrong with the engine, or with those that were tried before it.
    pub(crate) problems: &'a [String],
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ChannelsStatus<'a> {
    pub(crate) connected: Vec<&'a str>,
    pub(crate) disconnected: Vec<&'a str>,
}
