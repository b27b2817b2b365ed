//! `memory`: the log and what is made of it.

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The log and what is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Size at which a log segment is sealed, in MiB. Default 16; 1 to 1024.
    pub segment_mb: u32,
    /// Bytes of the log after which a checkpoint is taken, in MiB; a start replays at most about this much. Default 4; 1 to 256.
    pub checkpoint_mb: u32,
    /// Free disk space below which `/health` is degraded and writes are refused, in MiB. Default 16.
    pub min_free_mb: u32,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { segment_mb: 16, checkpoint_mb: 4, min_free_mb: 16 }
    }
}

impl MemoryConfig {
    pub(super) fn check(&self, problems: &mut Vec<InvalidValue>) {
        if !(1..=1024).contains(&self.segment_mb) {
            problems.push(InvalidValue::new("memory.segment_mb", "must be between 1 and 1024"));
        }
        if !(1..=256).contains(&self.checkpoint_mb) {
            problems.push(InvalidValue::new("memory.checkpoint_mb", "must be between 1 and 256"));
        }
    }
}
