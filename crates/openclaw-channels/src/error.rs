//! What can go wrong between us and a platform.

use std::{fmt::Display, time::Duration};

/// Why a connection ended, or could not be made. Reasons are for people, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The platform does not take the token, or something else that a person has to mend: trying again is of no use before the
    /// configuration changes.
    #[error("{reason}")]
    Refused {
        /// What happened and what to do.
        reason: String,
    },
    /// The connection was lost, or the platform does not answer: try again.
    #[error("{reason}")]
    Lost {
        /// What happened.
        reason: String,
    },
    /// The platform asks to wait.
    #[error("{reason}")]
    Later {
        /// How long.
        after: Duration,
        /// What happened.
        reason: String,
    },
}

impl ConnectError {
    /// [`Self::Refused`], for this reason.
    pub fn refused(reason: impl Display) -> Self {
        Self::Refused { reason: reason.to_string() }
    }

    /// [`Self::Lost`], for this reason.
    pub fn lost(reason: impl Display) -> Self {
        Self::Lost { reason: reason.to_string() }
    }
}

/// Why a message was not sent, changed or fetched. Reasons are for people, and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It surely did not arrive: try again.
    #[error("{reason}")]
    NotSent {
        /// What happened.
        reason: String,
    },
    /// It may have arrived, or not: the connection ended before the answer, or the platform failed.
    #[error("{reason}")]
    Unknown {
        /// What happened.
        reason: String,
    },
    /// It did not arrive; the platform asks to wait.
    #[error("{reason}")]
    Later {
        /// How long.
        after: Duration,
        /// What happened.
        reason: String,
    },
    /// The platform does not take the markup: send it plain.
    #[error("{reason}")]
    Markup {
        /// What the platform said.
        reason: String,
    },
    /// This message can't be sent there, now or later.
    #[error("{reason}")]
    Rejected {
        /// What the platform said.
        reason: String,
    },
    /// The message that is to be changed is not there any more.
    #[error("the message is not there any more")]
    Gone,
    /// The token is not valid any more.
    #[error("{reason}")]
    Token {
        /// What happened and what to do.
        reason: String,
    },
}

impl SendError {
    /// [`Self::NotSent`], for this reason.
    pub fn not_sent(reason: impl Display) -> Self {
        Self::NotSent { reason: reason.to_string() }
    }

    /// [`Self::Unknown`], for this reason.
    pub fn unknown(reason: impl Display) -> Self {
        Self::Unknown { reason: reason.to_string() }
    }

    /// [`Self::Rejected`], for this reason.
    pub fn rejected(reason: impl Display) -> Self {
        Self::Rejected { reason: reason.to_string() }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Unknown { .. } | Self::Later { .. })
    }
}

/// A configuration that the platform's adapter can't begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misconfigured(pub String);
