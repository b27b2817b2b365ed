//! Ports of the process around: its configuration and its log.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Failure, Timestamp};

/// The configuration in force.
#[async_trait]
pub trait ConfigPort: Send + Sync {
    /// The whole tree as it is in force, every secret replaced by [`crate::REDACTED`].
    fn effective(&self) -> Value;

    /// Applies a JSON merge patch (RFC 7396). It is checked as a whole first; on an error nothing has changed, in the file or in force.
    async fn patch(&self, patch: Value) -> Result<ConfigUpdate, Failure>;
}

/// What a patch changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigUpdate {
    /// Dotted paths of the leaves that have another value now.
    pub updated: Vec<String>,
    /// Those of them that take effect with the next start only.
    pub restart_required_for: Vec<String>,
    /// The tree afterwards, as [`ConfigPort::effective`] gives it.
    pub config: Value,
}

/// The gateway's own log.
#[async_trait]
pub trait LogPort: Send + Sync {
    /// The latest lines that pass the filter, oldest first.
    async fn read(&self, filter: LogFilter) -> std::io::Result<LogPage>;
}

/// Which lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    /// At most this many, the latest.
    pub lines: usize,
    /// This level and the graver ones.
    pub level: LogLevel,
    /// Only at or after this.
    pub since: Option<Timestamp>,
    /// Only of this component: `gateway`, `reasoning`, `memory`, `skills`, `channels`.
    pub component: Option<String>,
}

/// Lines of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// How many pass the filter in all.
    pub total: usize,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub timestamp: Timestamp,
    /// How grave.
    pub level: LogLevel,
    /// Which component.
    pub component: String,
    /// What happened.
    pub message: String,
    /// To which things.
    #[serde(default)]
    pub fields: Map<String, Value>,
}

/// How grave a line is, least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum LogLevel {
    /// For developers, in detail.
    Trace,
    /// For developers.
    Debug,
    /// The normal course.
    #[default]
    Info,
    /// Something is off, and was coped with.
    Warn,
    /// Something failed.
    Error,
}
