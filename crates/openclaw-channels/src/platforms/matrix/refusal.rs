//! What a homeserver says when it says no, and what becomes of it.

use std::time::Duration;

use super::wire::Refused;
use crate::{
    error::{ConnectError, SendError},
    net::{Answer, NetError},
};

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no answer, or none of a homeserver's.
    Net(NetError),
    /// The homeserver said no.
    Refused(Refusal),
}

/// What the homeserver said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    reason: String,
    retry_after: Option<Duration>,
    /// Whether a password gets us a new session in place of a dead one.
    can_log_in: bool,
}

impl Refusal {
    /// What an answer that is no success says.
    pub(super) fn read(answer: &Answer, can_log_in: bool) -> Self {
        let said: Refused = answer.json().unwrap_or_default();
        let retry_after = answer.retry_after().or_else(|| said.retry_after_ms.map(Duration::from_millis));
        Self { status: answer.status, code: said.errcode, reason: said.error, retry_after, can_log_in }
    }

    /// Whether the homeserver does not know the session any more.
    pub(super) fn is_about_token(&self) -> bool {
        matches!(self.code.as_str(), "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN")
    }

    pub(super) fn wait(&self) -> Duration {
        self.retry_after.unwrap_or(Duration::from_secs(1))
    }

    fn reason(&self) -> String {
        format!("Matrix: {} ({} {})", self.reason, self.status, self.code)
    }

    /// What a person has to do about it.
    fn remedy(&self) -> Option<String> {
        let what = match self.code.as_str() {
            _ if self.is_about_token() && !self.can_log_in => {
                "the homeserver does not take the token; get a new one and put it into `channels.matrix.token`"
            }
            "M_USER_DEACTIVATED" | "M_USER_LOCKED" => {
                "the account is closed or locked; ask who runs the homeserver"
            }
            _ => return None,
        };
        Some(format!("{what} ({} {}: {})", self.status, self.code, self.reason))
    }
}

impl Failed {
    /// Whether the homeserver said that there is no such thing, or not for us.
    pub(super) fn is_no(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.status, 403 | 404 | 410))
    }

    /// Whether the homeserver can make nothing of what we asked.
    pub(super) fn is_misunderstood(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 400)
    }

    /// What logging in failed of.
    pub(super) fn at_login(self) -> ConnectError {
        match self {
            Self::Refused(refusal) if refusal.status == 403 && refusal.can_log_in => ConnectError::Refused {
                reason: format!(
                    "the homeserver does not take the password; mend `channels.matrix.options.user` and `channels.matrix.secrets.password` ({} {}: {})",
                    refusal.status, refusal.code, refusal.reason
                ),
            },
            failed => failed.into(),
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Net(error) => error.fmt(f),
            Self::Refused(refusal) => f.write_str(&refusal.reason()),
        }
    }
}

impl From<Failed> for ConnectError {
    fn from(failed: Failed) -> Self {
        let refusal = match failed {
            Failed::Net(error) => return error.into(),
            Failed::Refused(refusal) => refusal,
        };
        if let Some(reason) = refusal.remedy() {
            return Self::Refused { reason };
        }
        let reason = refusal.reason();
        if refusal.status == 429 {
            Self::Later { after: refusal.wait(), reason }
        } else {
            Self::Lost { reason }
        }
    }
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        let refusal = match failed {
            Failed::Net(error) => return error.into(),
            Failed::Refused(refusal) => refusal,
        };
        if let Some(reason) = refusal.remedy() {
            return Self::Token { reason };
        }
        let reason = refusal.reason();
        match refusal.status {
            429 => Self::Later { after: refusal.wait(), reason },
            // The session ended; the password gets us another.
            401 => Self::NotSent { reason },
            400 | 413 => Self::Markup { reason },
            500.. => Self::Unknown { reason },
            _ => Self::Rejected { reason },
        }
    }
}
