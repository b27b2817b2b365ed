//! Heartbeats: <https://docs.discord.com/developers/events/gateway#sending-heartbeats>.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longest wait for the answer to a heartbeat.
const ANSWER: Duration = Duration::from_secs(10);

/// When to beat, and whether the last beat was answered.
#[derive(Debug)]
pub(super) struct Heart {
    interval: Duration,
    next: Instant,
    /// The beat that is not answered yet.
    waits: Option<Instant>,
}

impl Heart {
    /// Beats every so many milliseconds. The first one comes anywhere before that, so that not all bots beat together.
    pub(super) fn new(interval_millis: u64) -> Self {
        let interval = Duration::from_millis(interval_millis);
        Self { interval, next: Instant::now() + interval.mul_f64(fastrand::f64()), waits: None }
    }

    /// Waits for the next beat. `false`: the other side does not hear.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> bool {
        let dead = self.waits.map(|begun| begun + ANSWER);
        let at = dead.map_or(self.next, |dead| dead.min(self.next));
        sleep_until(at).await;
        if self.waits.is_some() {
            return false;
        }
        let now = Instant::now();
        self.waits = Some(now);
        self.next = now + self.interval;
        true
    }

    /// The other side heard.
    pub(super) fn answered(&mut self) {
        self.waits = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_beat_that_is_not_answered_is_the_last() {
        let begun = Instant::now();
        let mut heart = Heart::new(40_000);
        assert!(heart.next().await);
        assert!(begun.elapsed() <= Duration::from_secs(40));
        heart.answered();
        let beat = Instant::now();
        assert!(heart.next().await);
        assert_eq!(beat.elapsed().as_secs(), 40);
        assert!(!heart.next().await);
        assert_eq!(beat.elapsed().as_secs(), 50);
    }
}
