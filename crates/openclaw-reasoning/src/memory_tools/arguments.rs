//! What models pass to the tools.

use openclaw_core::{Timestamp, ToolCall};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The arguments of a call, or what is wrong with them.
pub(super) fn read<T: DeserializeOwned>(call: &ToolCall) -> Result<T, String> {
    let arguments = match &call.arguments {
        Value::Null => Value::Object(serde_json::Map::new()),
        other => other.clone(),
    };
    serde_json::from_value(arguments)
        .map_err(|error| format!("The arguments of `{}` are not what its schema says: {error}.", call.name))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    pub(super) query: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) kind: Option<openclaw_core::MemoryKind>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Read {
    pub(super) id: String,
    #[serde(default)]
    pub(super) offset: usize,
    pub(super) conversation: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Store {
    pub(super) content: String,
    pub(super) kind: openclaw_core::MemoryKind,
    pub(super) importance: Option<f32>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) expires_at: Option<String>,
    pub(super) supersedes: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forget {
    pub(super) id: String,
}

/// Which end of a day a date without a time means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Day {
    Begin,
    End,
}

/// A time, or a day (UTC), as models write them. Absent and empty mean the same.
pub(super) fn time(field: &str, text: Option<&str>, day: Day) -> Result<Option<Timestamp>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let whole = match (text.len(), day) {
        (10, Day::Begin) => format!("{text}T00:00:00Z"),
        (10, Day::End) => format!("{text}T23:59:59.999Z"),
        _ => text.to_owned(),
    };
    whole.parse().map(Some).map_err(|_| {
        format!("`{field}` must be a date such as 2026-05-01, or a time such as 2026-05-01T09:00:00Z; it was `{text}`.")
    })
}
