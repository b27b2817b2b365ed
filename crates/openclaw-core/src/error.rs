//! Errors that a user of the contract sees.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The kinds of failure the contract knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ErrorCode {
    /// 400: the request is not what the contract asks for.
    BadRequest,
    /// 401: no valid token.
    Unauthorized,
    /// 403: known, but not allowed.
    Forbidden,
    /// 404: no such thing.
    NotFound,
    /// 405: the path does not take this method.
    MethodNotAllowed,
    /// 408: the answer took longer than the client would wait.
    Timeout,
    /// 409: not in the state that the request needs.
    Conflict,
    /// 413: the body is over its bound.
    PayloadTooLarge,
    /// 415: not a media type this path reads.
    UnsupportedMediaType,
    /// 429: too many requests.
    RateLimited,
    /// 500: a fault of the gateway.
    InternalError,
    /// 503: something the gateway needs does not answer.
    ServiceUnavailable,
}

impl ErrorCode {
    /// The HTTP status that the contract pairs with this code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::Conflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
        }
    }

    /// The code as the contract writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::InternalError => "internal_error",
            Self::ServiceUnavailable => "service_unavailable",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure as it is told to a client, and kept with a failed run: `{error, message, status, details}` on the wire.
/// It holds nothing secret and nothing internal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub code: ErrorCode,
    /// What happened, to which thing, and what to do: for people.
    pub message: String,
    /// The same for programs.
    #[serde(default)]
    pub details: Map<String, Value>,
}

impl Failure {
    /// A failure without details.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Map::new() }
    }

    /// The same failure with one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// A field of the request is wrong: 400 with `details{field, reason}`.
    #[must_use]
    pub fn bad_field(field: &str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::new(ErrorCode::BadRequest, format!("`{field}` {reason}"))
            .with("field", field)
            .with("reason", reason)
    }

    /// No such thing: 404 naming it.
    #[must_use]
    pub fn not_found(what: &str, which: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("No {what} `{which}`")).with(what, which)
    }
}
