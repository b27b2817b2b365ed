//! Where a connection stands, and until when it may stand there.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::Limits;

const NEVER: u64 = u64::MAX;
/// How long a client gets to read a refusal before its connection closes.
const FAREWELL: Duration = Duration::from_secs(1);

/// Shared by a connection's socket, its request handlers and its watchdog, which all run on one task; only
/// [`Phase::reclaim`] comes from elsewhere. Deadlines are milliseconds since `epoch`, so that moving one is a store:
/// no timer is touched per request.
pub(crate) struct Phase {
    epoch: Instant,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    deadline: AtomicU64,
    write_deadline: AtomicU64,
    idle_since: AtomicU64,
    reclaimed: AtomicBool,
    waker: AtomicWaker,
}

impl Phase {
    /// A connection just made: its first head is awaited.
    pub(crate) fn new(limits: &Limits) -> Self {
        let phase = Self {
            epoch: Instant::now(),
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            write_timeout: limits.write_timeout,
            deadline: AtomicU64::new(NEVER),
            write_deadline: AtomicU64::new(NEVER),
            idle_since: AtomicU64::new(0),
            reclaimed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        };
        phase.deadline.store(millis(limits.header_timeout), Relaxed);
        phase
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }

    /// Bytes came in. Between requests they begin a head, which has its own, shorter time.
    pub(crate) fn received(&self) {
        if self.idle_since.load(Relaxed) != NEVER {
            self.idle_since.store(NEVER, Relaxed);
            self.deadline.store(self.now() + millis(self.header_timeout), Relaxed);
        }
    }

    /// A request is being answered, which takes as long as it takes.
    pub(crate) fn busy(&self) {
        self.idle_since.store(NEVER, Relaxed);
        self.deadline.store(NEVER, Relaxed);
    }

    /// The answer is complete.
    pub(crate) fn idle(&self) {
        let now = self.now();
        self.idle_since.store(now, Relaxed);
        self.deadline.store(now + millis(self.idle_timeout), Relaxed);
    }

    /// The last answer is out; its client gets a moment to read it.
    pub(crate) fn farewell(&self) {
        let until = self.now() + millis(FAREWELL);
        self.deadline.fetch_min(until, Relaxed);
    }

    /// The peer takes no more bytes.
    pub(crate) fn write_blocked(&self) {
        if self.write_deadline.load(Relaxed) == NEVER {
            self.write_deadline.store(self.now() + millis(self.write_timeout), Relaxed);
        }
    }

    /// The peer took some.
    pub(crate) fn wrote(&self) {
        if self.write_deadline.load(Relaxed) != NEVER {
            self.write_deadline.store(NEVER, Relaxed);
        }
    }

    /// When the connection is to be closed as things stand.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let earliest = self.deadline.load(Relaxed).min(self.write_deadline.load(Relaxed));
        (earliest != NEVER).then(|| self.epoch + Duration::from_millis(earliest))
    }

    /// How long the connection has been without a request. One whose client still takes in an answer is not.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let since = self.idle_since.load(Relaxed);
        let flushed = self.write_deadline.load(Relaxed) == NEVER;
        (since != NEVER && flushed).then(|| Duration::from_millis(self.now().saturating_sub(since)))
    }

    /// Asks the connection to make room for another.
    pub(crate) fn reclaim(&self) {
        self.reclaimed.store(true, Relaxed);
        self.waker.wake();
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Whether room is asked for and the connection still idles.
    pub(crate) fn is_reclaimed(&self) -> bool {
        self.reclaimed.load(Relaxed) && self.idle_for().is_some()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_still_takes_in_an_answer_is_not_idle() {
        let phase = Phase::new(&Limits::default());
        phase.busy();
        phase.write_blocked();
        phase.idle();
        phase.reclaim();
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(phase.idle_for().is_none() && !phase.is_reclaimed());
        phase.wrote();
        assert_eq!(phase.idle_for(), Some(Duration::from_secs(10)));
        assert!(phase.is_reclaimed());
    }
}
