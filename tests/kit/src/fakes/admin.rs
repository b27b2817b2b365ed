//! Configuration and log of the process, in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use openclaw_core::{
    Failure, REDACTED,
    port::{ConfigPort, ConfigUpdate, LogFilter, LogLine, LogPage, LogPort},
};
use serde_json::{Map, Value};

use super::lock;

/// A tree that patches are merged into. It knows no types: tell it what to refuse.
#[derive(Debug, Default)]
pub struct FakeConfig {
    tree: Mutex<Value>,
    refuse: Mutex<Option<Failure>>,
}

impl FakeConfig {
    /// This tree is in force.
    #[must_use]
    pub fn new(tree: Value) -> Self {
        Self { tree: Mutex::new(tree), refuse: Mutex::new(None) }
    }

    /// The next patch fails with this.
    pub fn refuse_next(&self, failure: Failure) {
        *lock(&self.refuse) = Some(failure);
    }
}

/// Keys whose values are secrets.
const SECRET_KEYS: [&str; 3] = ["token", "api_key", "app_token"];
/// Leaves that the next start reads.
const START_KEYS: [&str; 2] = ["gateway.port", "gateway.bind"];

fn redact(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let show = |(key, value): (&String, &Value)| {
                let secret = SECRET_KEYS.contains(&key.as_str()) && value.is_string();
                (key.clone(), if secret { REDACTED.into() } else { redact(value) })
            };
            Value::Object(fields.iter().map(show).collect())
        }
        other => other.clone(),
    }
}

/// RFC 7396, noting the dotted paths of the leaves that changed.
fn merge(tree: &mut Value, patch: Value, path: &str, updated: &mut Vec<String>) {
    let Value::Object(fields) = patch else {
        if *tree != patch && patch != REDACTED {
            updated.push(path.to_owned());
            *tree = patch;
        }
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    let Value::Object(into) = tree else { return };
    for (key, value) in fields {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if value.is_null() {
            if into.remove(&key).is_some() {
                updated.push(path);
            }
        } else {
            merge(into.entry(key).or_insert(Value::Null), value, &path, updated);
        }
    }
}

#[async_trait]
impl ConfigPort for FakeConfig {
    fn effective(&self) -> Value {
        redact(&lock(&self.tree))
    }

    async fn patch(&self, patch: Value) -> Result<ConfigUpdate, Failure> {
        if let Some(failure) = lock(&self.refuse).take() {
            return Err(failure);
        }
        let mut updated = Vec::new();
        merge(&mut lock(&self.tree), patch, "", &mut updated);
        let restart = updated.iter().filter(|path| START_KEYS.contains(&path.as_str()));
        let restart_required_for = restart.cloned().collect();
        Ok(ConfigUpdate { updated, restart_required_for, config: self.effective() })
    }
}

/// A log that a test writes.
#[derive(Debug, Default)]
pub struct FakeLogs {
    lines: Mutex<Vec<LogLine>>,
}

impl FakeLogs {
    /// These lines, oldest first.
    #[must_use]
    pub fn new(lines: Vec<LogLine>) -> Self {
        Self { lines: Mutex::new(lines) }
    }
}

#[async_trait]
impl LogPort for FakeLogs {
    async fn read(&self, filter: LogFilter) -> std::io::Result<LogPage> {
        let lines = lock(&self.lines);
        let passes = |line: &&LogLine| {
            line.level >= filter.level
                && filter.since.is_none_or(|since| line.timestamp >= since)
                && filter.component.as_ref().is_none_or(|component| line.component == *component)
        };
        let mut found: Vec<LogLine> = lines.iter().filter(passes).cloned().collect();
        let total = found.len();
        found.drain(..total.saturating_sub(filter.lines));
        Ok(LogPage { lines: found, total })
    }
}
