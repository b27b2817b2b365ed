//! `/config` and `/logs`.

use openclaw_core::port::{ConfigUpdate, LogLine};
use serde::Serialize;
use serde_json::Value;

/// What a patch of the configuration changed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ConfigUpdated<'a> {
    /// Dotted paths.
    updated: &'a [String],
    restart_required: bool,
    /// Those of them that take effect with the next start only.
    restart_required_for: &'a [String],
    /// The configuration afterwards, secrets redacted.
    config: &'a Value,
}

impl<'a> From<&'a ConfigUpdate> for ConfigUpdated<'a> {
    fn from(update: &'a ConfigUpdate) -> Self {
        Self {
            updated: &update.updated,
            restart_required: !update.restart_required_for.is_empty(),
            restart_required_for: &update.restart_required_for,
            config: &update.config,
        }
    }
}

/// Lines of the log, oldest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct LogList<'a> {
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::log_lines"))]
    pub(crate) logs: &'a [LogLine],
    /// How many pass the filter in all.
    pub(crate) total: usize,
}
