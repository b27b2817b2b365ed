//! Taking secrets out of what is about to be written.

use std::sync::{Arc, PoisonError, RwLock};

use openclaw_core::{REDACTED, Secret, port::LogLine};
use serde_json::{Map, Value};

/// Shortest secret that is looked for: shorter ones would garble texts without protecting anything.
const SHORTEST: usize = 6;

/// Every secret that was ever configured in this process's life.
#[derive(Default)]
pub(crate) struct Scrubber(RwLock<Arc<Vec<Secret>>>);

impl Scrubber {
    /// Hides these from now on. Earlier ones stay hidden: a replaced token may still be in a queue.
    pub(crate) fn add<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for secret in secrets {
            if secret.expose().len() >= SHORTEST && !known.contains(secret) {
                Arc::make_mut(&mut known).push(secret.clone());
            }
        }
        // Longest first, so that a secret that contains another is hidden whole.
        let known: &mut Vec<Secret> = Arc::make_mut(&mut known);
        openclaw_core::sort_by_key(known, |secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// The line without secrets.
    pub(crate) fn line(&self, line: &mut LogLine) {
        let known = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        if known.is_empty() {
            return;
        }
        text(&known, &mut line.message);
        fields(&known, &mut line.fields);
    }
}

fn text(secrets: &[Secret], shown: &mut String) {
    for secret in secrets {
        if shown.contains(secret.expose()) {
            *shown = shown.replace(secret.expose(), REDACTED);
        }
    }
}

fn fields(secrets: &[Secret], map: &mut Map<String, Value>) {
    for value in map.values_mut() {
        walk(secrets, value);
    }
}

fn walk(secrets: &[Secret], value: &mut Value) {
    match value {
        Value::String(shown) => text(secrets, shown),
        Value::Array(items) => items.iter_mut().for_each(|item| walk(secrets, item)),
        Value::Object(map) => fields(secrets, map),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
