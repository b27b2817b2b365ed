//! Why no provider answered, and how that is told.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use openclaw_core::{ErrorCode, Failure};
use serde_json::{Value, json};

use crate::ProviderError;

/// The ways out when there is nobody to ask.
const FIXES: [&str; 3] = [
    "Use a vendor: set ANTHROPIC_API_KEY or OPENAI_API_KEY in the gateway's environment, or add `providers.primary` with its \
     `type` and `api_key` to gateway.yaml",
    "Use Ollama on this machine: start it (`ollama serve`) and pull a model (`ollama pull qwen3`); the gateway finds it on \
     127.0.0.1:11434",
    "Use the model inside the gateway: run `gateway model pull`",
];

/// Why a request got no answer. Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RouteError {
    /// There is nobody to ask.
    #[error("no model is configured, and none was found on this machine")]
    NoProvider,
    /// Everybody was asked.
    #[error("no provider could answer")]
    AllFailed {
        /// What each one said, in the order they were asked.
        said: Vec<ProviderSaid>,
    },
}

/// What one provider said.
#[derive(Debug, Clone)]
pub struct ProviderSaid {
    /// Its name in the configuration.
    pub provider: String,
    /// The model that was asked for.
    pub model: String,
    /// How often it was asked; 0 when it was left alone.
    pub attempts: u32,
    /// What came of it.
    pub cause: FailCause,
}

/// What came of asking one provider.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FailCause {
    /// It failed; this was the last error.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// It was not asked, because it failed too often lately.
    #[error("not asked, after repeated failures; next try in {} s", retry_in.as_secs().max(1))]
    Paused {
        /// When it will be asked again.
        retry_in: Duration,
    },
}

impl FailCause {
    /// After which time asking again makes sense, when that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Provider(ProviderError::Status { retry_after, .. }) => *retry_after,
            Self::Provider(_) => None,
            Self::Paused { retry_in } => Some(*retry_in),
        }
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Provider(ProviderError::Status { status: 401 | 403, .. }) => {
                Some("check the provider's `api_key`")
            }
            Self::Provider(ProviderError::Status { status: 404, .. }) => {
                Some("check the provider's `model` and `base_url`")
            }
            Self::Provider(ProviderError::Status { status: 402 | 429, .. }) => {
                Some("wait, or raise the account's limit")
            }
            Self::Provider(ProviderError::Unreachable { .. }) => {
                Some("check the network, and that the provider's `base_url` is right and its server runs")
            }
            Self::Provider(ProviderError::TimedOut { .. }) => Some("try again, or raise `timeout_ms`"),
            _ => None,
        }
    }
}

/// Whether a server says that it, or its model, takes no tools at all; each has words of its own for that.
pub(super) fn refuses_tools(error: &ProviderError) -> bool {
    let ProviderError::Status { status: 400 | 404 | 422 | 500 | 501, message, .. } = error else {
        return false;
    };
    let message = message.to_ascii_lowercase();
    let about_tools = ["tool", "function call"].iter().any(|word| message.contains(word));
    let refused = ["not support", "unsupported", "that support", "requires --", "require --"];
    about_tools && refused.iter().any(|word| message.contains(word))
}

/// A cause as it may stand in a log file, which outlives what is erased: see [`LoggedError`].
pub(super) struct Logged<'a>(pub(super) &'a FailCause);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FailCause::Provider(error) => LoggedError(error).fmt(f),
            paused @ FailCause::Paused { .. } => paused.fmt(f),
        }
    }
}

/// An error without a vendor's words, which may repeat the prompt or the answer whatever the status. The client gets them.
pub(super) struct LoggedError<'a>(pub(super) &'a ProviderError);

impl fmt::Display for LoggedError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ProviderError::Unreachable { .. }
            | ProviderError::TimedOut { .. }
            | ProviderError::Misconfigured { .. } => self.0.fmt(f),
            ProviderError::Status { status, .. } => write!(f, "HTTP {status}"),
            ProviderError::Cut { .. } => f.write_str("the answer was cut off"),
            ProviderError::Malformed { .. } => f.write_str("the answer can't be read"),
        }
    }
}

impl From<&RouteError> for Failure {
    fn from(error: &RouteError) -> Self {
        match error {
            RouteError::NoProvider => {
                let mut message = "No model answers yet: none is configured, and none was found on this machine. Three ways to fix \
                                   it:"
                    .to_owned();
                for (index, fix) in FIXES.iter().enumerate() {
                    let _ = write!(message, " ({}) {fix}.", index + 1);
                }
                Self::new(ErrorCode::ServiceUnavailable, message)
                    .with("reason", "no_provider")
                    .with("fix", FIXES.map(Value::from).to_vec())
            }
            RouteError::AllFailed { said } => all_failed(said),
        }
    }
}

fn all_failed(said: &[ProviderSaid]) -> Failure {
    let mut message = match said {
        [_] => "The model provider could not answer.".to_owned(),
        _ => format!("None of the {} model providers could answer.", said.len()),
    };
    let mut advices: Vec<&str> = Vec::new();
    for one in said {
        let _ = write!(message, " {}: {}", one.provider, one.cause);
        let _ = if one.attempts > 1 {
            write!(message, " (asked {} times).", one.attempts)
        } else {
            write!(message, ".")
        };
        if let Some(advice) = one.cause.advice().filter(|advice| !advices.contains(advice)) {
            advices.push(advice);
        }
    }
    if !advices.is_empty() {
        let _ = write!(message, " What to do: {}.", advices.join("; "));
    }
    let providers: Vec<Value> = said
        .iter()
        .map(|one| {
            let mut entry = json!({
                "provider": one.provider,
                "model": one.model,
                "error": one.cause.to_string(),
                "attempts": one.attempts,
            });
            if let FailCause::Provider(ProviderError::Status { status, .. }) = one.cause {
                entry["status"] = status.into();
            }
            entry
        })
        .collect();
    let failure = Failure::new(ErrorCode::ServiceUnavailable, message)
        .with("reason", "providers_failed")
        .with("providers", providers);
    match said {
        [only] => match only.cause.retry_after() {
            Some(wait) => failure.with("retry_after", wait.as_secs_f64().ceil().max(1.0) as u64),
            None => failure,
        },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(provider: &str, attempts: u32, cause: FailCause) -> ProviderSaid {
        ProviderSaid { provider: provider.into(), model: "m".into(), attempts, cause }
    }

    #[test]
    fn nobody_to_ask_names_the_three_ways() {
        let failure = Failure::from(&RouteError::NoProvider);
        assert_eq!(failure.code, ErrorCode::ServiceUnavailable);
        assert_eq!(failure.details["fix"].as_array().unwrap().len(), 3);
        for word in ["ANTHROPIC_API_KEY", "Ollama", "gateway model pull"] {
            assert!(failure.message.contains(word), "{}", failure.message);
        }
    }

    #[test]
    fn each_providers_words_are_told_with_what_to_do() {
        let limited =
            ProviderError::Status { status: 401, message: "invalid x-api-key".into(), retry_after: None };
        let down = ProviderError::Unreachable { url: "http://127.0.0.1:1".into(), message: "refused".into() };
        let failure = Failure::from(&RouteError::AllFailed {
            said: vec![said("primary", 1, limited.into()), said("backup", 3, down.into())],
        });
        assert_eq!(failure.details["providers"][0]["provider"], "primary");
        assert_eq!(failure.details["providers"][0]["status"], 401);
        assert_eq!(failure.details["providers"][1]["error"], "can't reach http://127.0.0.1:1: refused");
        assert!(failure.message.contains("(asked 3 times)"), "{}", failure.message);
        assert!(failure.message.contains("api_key"), "{}", failure.message);
        assert!(!failure.details.contains_key("retry_after"));
    }

    #[test]
    fn words_that_may_quote_the_prompt_stay_out_of_the_log() {
        let status = |status| ProviderError::Status { status, message: "canary".into(), retry_after: None };
        for (error, logged) in [
            (status(400), "HTTP 400"),
            (status(413), "HTTP 413"),
            (status(422), "HTTP 422"),
            (status(500), "HTTP 500"),
            (ProviderError::Malformed { message: "canary".into() }, "the answer can't be read"),
            (ProviderError::Cut { message: "canary".into() }, "the answer was cut off"),
            (status(401), "HTTP 401"),
            (status(429), "HTTP 429"),
        ] {
            assert_eq!(Logged(&error.into()).to_string(), logged);
        }
        let paused = FailCause::Paused { retry_in: Duration::from_secs(3) };
        assert_eq!(Logged(&paused).to_string(), paused.to_string());
    }

    #[test]
    fn the_only_providers_wait_is_passed_on_in_whole_seconds() {
        let limited = ProviderError::Status {
            status: 429,
            message: "slow down".into(),
            retry_after: Some(Duration::from_millis(41_200)),
        };
        let failure =
            Failure::from(&RouteError::AllFailed { said: vec![said("primary", 1, limited.into())] });
        assert_eq!(failure.details["retry_after"], 42);
    }
}
