//! The one type that carries secrets.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What stands in for a secret wherever one would be shown.
pub const REDACTED: &str = "***REDACTED***";

/// A token, key or password. It shows itself as [`REDACTED`] in `Debug`, `Display` and every serialisation, and its
/// memory is overwritten when it is dropped. [`Secret::expose`] is the only way to the value, so that every use can be
/// found by searching for it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `value` into keeping.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself. Never pass it to a log, an error or a response.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to keep secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with every occurrence of this secret replaced by [`REDACTED`]. Use it on foreign texts (a vendor's error
    /// body) that may quote what we sent.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        // Replacing very short values would garble the text without protecting anything.
        if self.0.len() < 6 { text.to_owned() } else { text.replace(self.0.as_str(), REDACTED) }
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_itself() {
        let secret = Secret::new("sk-canary-123");
        let shown = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
        assert_eq!(secret.scrub("bad key sk-canary-123!"), "bad key ***REDACTED***!");
    }
}
