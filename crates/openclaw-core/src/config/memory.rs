//! `memory`: the log and what is made of it.

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::Secret;

/// Fewest characters of a passphrase.
const PASSPHRASE_CHARS: usize = 8;

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
    /// When the log is made into Markdown.
    pub compaction: CompactionConfig,
    /// How long what is remembered is kept.
    pub retention: RetentionConfig,
    /// Whether records and indexes are encrypted on the disk; the Markdown never is. Only new data is affected, and there is no way
    /// back: what was encrypted stays so. Default false.
    pub encryption: bool,
    /// The file of the key that opens them, made when it is needed; relative paths are below the data directory. Default `memory.key`.
    pub key_file: String,
    /// A passphrase instead of a key file; at least 8 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<Secret>,
}

/// When the log is made into Markdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompactionConfig {
    /// Whether it is done by itself. Default true.
    pub enabled: bool,
    /// Local time of day at which it is done, `HH:MM`. Default `03:00`.
    pub at: String,
    /// Size of the log past which it is done at once, in MiB. Default 64; 1 to 65536.
    pub max_wal_mb: u32,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self { enabled: true, at: "03:00".to_owned(), max_wal_mb: 64 }
    }
}

impl CompactionConfig {
    /// Hour and minute of [`Self::at`]; `None` when it is no time of day.
    #[must_use]
    pub fn time_of_day(&self) -> Option<(u8, u8)> {
        let (hour, minute) = self.at.split_once(':')?;
        let number = |text: &str, below: u8| {
            let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u8>().ok().filter(|value| plain && *value < below)
        };
        Some((number(hour, 24)?, number(minute, 60)?))
    }
}

/// How long what is remembered is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days after its last message until a conversation is erased; 0 keeps them all. Default 0.
    pub conversation_days: u32,
    /// Days a task stays after it was completed. Default 30.
    pub task_days: u32,
    /// Hours without a message after which a conversation's ephemeral memories go. Default 24; 1 to 8760.
    pub ephemeral_hours: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { conversation_days: 0, task_days: 30, ephemeral_hours: 24 }
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            segment_mb: 16,
            checkpoint_mb: 4,
            min_free_mb: 16,
            compaction: CompactionConfig::default(),
            retention: RetentionConfig::default(),
            encryption: false,
            key_file: "memory.key".to_owned(),
            passphrase: None,
        }
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
        if self.compaction.time_of_day().is_none() {
            problems.push(InvalidValue::new("memory.compaction.at", "must be a time of day such as 03:00"));
        }
        if !(1..=65_536).contains(&self.compaction.max_wal_mb) {
            problems.push(InvalidValue::new("memory.compaction.max_wal_mb", "must be between 1 and 65536"));
        }
        if self.key_file.trim().is_empty() {
            problems.push(InvalidValue::new("memory.key_file", "must be a path"));
        }
        if self.passphrase.as_ref().is_some_and(|it| it.expose().chars().count() < PASSPHRASE_CHARS) {
            let rule =
                format!("must have at least {PASSPHRASE_CHARS} characters; without it the key file is used");
            problems.push(InvalidValue::new("memory.passphrase", rule));
        }
        if !(1..=8760).contains(&self.retention.ephemeral_hours) {
            problems
                .push(InvalidValue::new("memory.retention.ephemeral_hours", "must be between 1 and 8760"));
        }
    }
}
