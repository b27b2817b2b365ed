//! `providers` and `routing`: which models answer.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::Secret;

/// Which protocol a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions, and everything that speaks them.
    OpenAi,
    /// An Ollama server.
    Ollama,
    /// A GGUF model inside the process.
    Local,
}

impl ProviderKind {
    /// The name as the configuration writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
            Self::Local => "local",
        }
    }
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Which protocol: `anthropic`, `openai`, `ollama`, `local`.
    #[serde(rename = "type")]
    pub kind: ProviderKind,
    /// The model, as the vendor names it; for `local` the file's name in `models/`, or its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// Where the API is, when not at the vendor's own address. With or without a trailing `/v1`. Values of its query are
    /// written as [`crate::REDACTED`].
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "super::url::serialize")]
    pub base_url: Option<String>,
    /// Most tokens of an answer. Default 4096 (`local`: 512).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2. Default: the vendor's (`local`: 0.2).
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "as_written")]
    pub temperature: Option<f32>,
    /// Time to the first byte of an answer and between two of them, in milliseconds. Default 60000; at least 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Attempts after the first at one provider before the next in `routing.fallback` is asked. Default 2, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// The model's context window in tokens, when the gateway does not know it. Default 8192 (`local`: the file's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u32>,
    /// Whether the model sees images. Default: by the model's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vision: Option<bool>,
    /// `local`: threads that compute. Default: half of the processors, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// `local`: seconds without use after which the model leaves memory. Default 300; 0 keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_unload_seconds: Option<u64>,
}

/// Writes the shortest number that reads as this one: 0.2, not 0.20000000298023224.
fn as_written<S: serde::Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match value.map(|number| number.to_string().parse::<f64>()) {
        Some(Ok(number)) => serializer.serialize_f64(number),
        _ => serializer.serialize_none(),
    }
}

impl ProviderConfig {
    /// A provider of this kind with everything else unsaid.
    #[must_use]
    pub fn new(kind: ProviderKind) -> Self {
        Self {
            kind,
            model: None,
            api_key: None,
            base_url: None,
            max_tokens: None,
            temperature: None,
            timeout_ms: None,
            max_retries: None,
            context_window: None,
            vision: None,
            threads: None,
            idle_unload_seconds: None,
        }
    }

    pub(super) fn check(&self, key: &str, problems: &mut Vec<InvalidValue>) {
        let mut require = |good: bool, field: &str, reason: &str| {
            if !good {
                problems.push(InvalidValue::new(format!("{key}.{field}"), reason));
            }
        };
        require(
            self.temperature.is_none_or(|t| (0.0..=2.0).contains(&t)),
            "temperature",
            "must be between 0 and 2",
        );
        require(self.max_tokens != Some(0), "max_tokens", "must be at least 1");
        require(self.timeout_ms.is_none_or(|ms| ms >= 100), "timeout_ms", "must be at least 100");
        require(self.max_retries.is_none_or(|n| n <= 10), "max_retries", "must be at most 10");
        require(self.context_window.is_none_or(|n| n >= 512), "context_window", "must be at least 512");
        require(self.threads != Some(0), "threads", "must be at least 1");
        let plausible = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        require(
            self.base_url.as_ref().is_none_or(plausible),
            "base_url",
            "must start with http:// or https://",
        );
        require(
            !self.base_url.as_deref().is_some_and(super::url::has_user),
            "base_url",
            "must not carry a user or a password; put the key into `api_key`",
        );
    }

    /// The file of a `local` model below `models_dir`: the configured path, or a name in that directory.
    #[must_use]
    pub fn local_file(&self, models_dir: &std::path::Path, default_name: &str) -> PathBuf {
        models_dir.join(self.model.as_deref().unwrap_or(default_name))
    }
}

/// Which provider is asked when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingConfig {
    /// Names of providers to ask, in order, when the one before could not answer.
    pub fallback: Vec<String>,
}

impl RoutingConfig {
    pub(super) fn check(
        &self,
        providers: &BTreeMap<String, ProviderConfig>,
        problems: &mut Vec<InvalidValue>,
    ) {
        for (index, name) in self.fallback.iter().enumerate() {
            if !providers.contains_key(name) {
                let known: Vec<_> = providers.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "none is configured".to_owned()
                } else {
                    format!("known: {}", known.join(", "))
                };
                problems.push(InvalidValue::new(
                    format!("routing.fallback[{index}]"),
                    format!("names `{name}`, which is no provider ({known})"),
                ));
            }
        }
    }
}
