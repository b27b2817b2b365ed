//! The log of attempts: who reached what, never what was said. Neither headers nor paths nor query strings are written.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{refusal::Refusal, target::Target};

/// Attempts of one lease, from one activation to the next. Dropped, it sums up what it did not write line by line.
pub(super) struct Journal {
    skill: Arc<str>,
    /// Lines of each kind.
    most: u64,
    allowed: AtomicU64,
    refused: AtomicU64,
}

impl Journal {
    pub(super) fn new(skill: Arc<str>, most: u64) -> Self {
        Self { skill, most, allowed: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// Whether this one still gets a line. Kinds are counted apart, so that a flood of one can't hide the other.
    fn has_line(&self, kind: &AtomicU64) -> bool {
        kind.fetch_add(1, Ordering::Relaxed) < self.most
    }

    /// Notes a connection that was made; whether it got a line, so that its end gets one as well.
    pub(super) fn allowed(&self, target: &Target) -> bool {
        let has_line = self.has_line(&self.allowed);
        if has_line {
            tracing::info!(
                skill = &*self.skill, host = %target.host, port = target.port, outcome = "allowed",
                "egress: connected"
            );
        }
        has_line
    }

    pub(super) fn ended(&self, target: &Target, sent: u64, received: u64) {
        tracing::info!(
            skill = &*self.skill, host = %target.host, port = target.port, outcome = "ended", sent, received,
            bytes = sent.saturating_add(received), "egress: ended"
        );
    }

    /// Notes a connection that the proxy would not, or could not make. `target` is missing when it could not be read.
    pub(super) fn refused(&self, target: Option<&Target>, refusal: &Refusal) {
        if !self.has_line(&self.refused) {
            return;
        }
        let (host, port) = target.map_or_else(|| ("?".to_owned(), 0), |at| (at.host.to_string(), at.port));
        if refusal.is_policy() {
            tracing::warn!(skill = &*self.skill, host, port, outcome = "refused", reason = %refusal, "egress: refused");
        } else {
            tracing::info!(skill = &*self.skill, host, port, outcome = "failed", reason = %refusal, "egress: failed");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let beyond = |kind: &mut AtomicU64| kind.get_mut().saturating_sub(self.most);
        let (allowed, refused) = (beyond(&mut self.allowed), beyond(&mut self.refused));
        if allowed + refused > 0 {
            tracing::warn!(
                skill = &*self.skill,
                outcome = "summary",
                allowed,
                refused,
                "egress: further attempts, not written one by one"
            );
        }
    }
}
