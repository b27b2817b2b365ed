//! `/health` and `/status`.

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
