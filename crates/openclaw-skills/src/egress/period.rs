//! From one activation of a lease to its end, and the attempts in between.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use super::{activity::Activity, journal::Journal, lease::Totals, refusal::Refusal, target::Target};

/// The time in which a lease is active.
pub(super) struct Period {
    /// Ends every connection of this period.
    pub(super) token: CancellationToken,
    pub(super) totals: Arc<Totals>,
    pub(super) journal: Journal,
    /// Bytes sent and received, and how many may be.
    used: AtomicU64,
    most: u64,
}

impl Period {
    pub(super) fn new(token: CancellationToken, totals: Arc<Totals>, journal: Journal, most: u64) -> Self {
        Self { token, totals, journal, used: AtomicU64::new(0), most }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.most
    }

    pub(super) fn refuse(&self, target: Option<&Target>, refusal: &Refusal) {
        let kind = if refusal.is_policy() { &self.totals.refused } else { &self.totals.failed };
        kind.fetch_add(1, Ordering::Relaxed);
        self.journal.refused(target, refusal);
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.most {
            return Err(io::Error::other("the lease has used up its bytes"));
        }
        Ok(())
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// From the skill.
    Out,
    /// To the skill.
    In,
}

/// A connection that was made; dropped, its end is logged.
pub(super) struct Attempt {
    target: Target,
    period: Arc<Period>,
    activity: Arc<Activity>,
    has_line: bool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Attempt {
    pub(super) fn new(target: Target, period: Arc<Period>, activity: Arc<Activity>) -> Self {
        activity.touch();
        period.totals.allowed.fetch_add(1, Ordering::Relaxed);
        let has_line = period.journal.allowed(&target);
        Self { target, period, activity, has_line, sent: AtomicU64::new(0), received: AtomicU64::new(0) }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn period(&self) -> &Period {
        &self.period
    }

    /// Counts bytes that are about to be passed on.
    ///
    /// # Errors
    /// When the lease may not move so many: they must not be passed on.
    pub(super) fn moves(&self, way: Way, bytes: usize) -> io::Result<()> {
        self.activity.touch();
        let bytes = bytes as u64;
        self.period.spend(bytes)?;
        let (own, total) = match way {
            Way::Out => (&self.sent, &self.period.totals.sent),
            Way::In => (&self.received, &self.period.totals.received),
        };
        own.fetch_add(bytes, Ordering::Relaxed);
        total.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.has_line {
            self.period.journal.ended(&self.target, *self.sent.get_mut(), *self.received.get_mut());
        }
    }
}
