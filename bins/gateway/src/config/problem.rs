//! What is wrong with a configuration, for people.

use std::fmt;

use super::provenance::Origin;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where the value came from.
    pub(crate) origin: Origin,
    /// Dotted path of the key; empty when the text as a whole can't be read.
    pub(crate) key: String,
    /// What is wrong and what is allowed.
    pub(crate) reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.key.as_str()) {
            (Origin::Default, key) => write!(f, "`{key}` {}", self.reason),
            (origin, "") => write!(f, "{origin}: {}", self.reason),
            (origin, key) => write!(f, "{origin}: `{key}` {}", self.reason),
        }
    }
}

/// Every mistake of a configuration; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}
