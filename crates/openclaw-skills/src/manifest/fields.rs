//! Taking fields out of a head, each once, so that what is left at the end is what nobody knows.

use serde_json::Value;

use super::{ManifestError, yaml::Field};

/// Fields of the Agent Skills format and of OpenClaw that say nothing to this gateway.
const TOLERATED: [&str; 10] = [
    "compatibility",
    "user-invocable",
    "command-dispatch",
    "command-tool",
    "command-arg-mode",
    "tags",
    "keywords",
    "category",
    "repository",
    "emoji",
];

/// The fields of a head that were not taken yet.
pub(super) struct Fields {
    all: Vec<Field>,
}

impl Fields {
    pub(super) fn new(all: Vec<Field>) -> Self {
        Self { all }
    }

    /// Takes a field; one that is `null` counts as not there.
    pub(super) fn take(&mut self, key: &str) -> Option<Field> {
        let index = self.all.iter().position(|field| field.key == key)?;
        Some(self.all.remove(index)).filter(|field| !field.value.is_null())
    }

    /// Takes a field that is one text; an empty one counts as not there.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, ManifestError> {
        let Some(field) = self.take(key) else { return Ok(None) };
        match &field.text {
            Some(text) => Ok(Some(one_line(text)).filter(|text| !text.is_empty())),
            None => Err(wrong(&field, "must be a text, not a list or a mapping")),
        }
    }

    /// Takes a field that is yes or no.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, ManifestError> {
        let Some(field) = self.take(key) else { return Ok(None) };
        flag(&field.value).map(Some).ok_or_else(|| wrong(&field, "must be `true` or `false`"))
    }

    /// Warns of what was not taken.
    pub(super) fn finish(self, warnings: &mut Vec<String>) {
        for field in self.all {
            if !TOLERATED.contains(&field.key.as_str()) && !field.value.is_null() {
                let key: String = field.key.chars().filter(|key| !key.is_control()).take(64).collect();
                warnings.push(format!(
                    "`{key}` (line {}) is no field that is known; it is passed over",
                    field.line
                ));
            }
        }
    }
}

/// An error about a field; `reason` goes on where its name ends.
pub(super) fn wrong(field: &Field, reason: impl Into<String>) -> ManifestError {
    ManifestError::Field { field: field.key.clone(), line: field.line, reason: reason.into() }
}

/// YAML 1.1's `yes` and `no` are texts in 1.2, and people go on writing them.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) => match word.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" => Some(true),
            "no" | "false" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The texts of a list, or the one text that stands for a list of one. `None`: it is neither.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(items) => items.iter().map(word).collect(),
        _ => None,
    }
}

/// A scalar as a text.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The text without line breaks, other control characters and runs of spaces.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|character: char| character.is_whitespace() || character.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The first `most` characters of a text.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}
