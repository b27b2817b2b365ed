//! Heartbeats: <https://docs.discord.com/developers/events/gateway#sending-heartbeats>.
//!
//! Discord wants one every forty seconds or so. A gateway that has gone deaf may go on answering the WebSocket's pings, and then only a
//! heartbeat shows it: while nothing else comes, one is sent every few seconds. Each counts among the 120 events a minute that Discord takes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Longest wait for the answer to a heartbeat.
const ANSWER: Duration = Duration::from_secs(10);
/// When nothing came for so long, the other side is asked for a heartbeat's answer: at most 24 a minute, and leaves half of
/// [`super::SILENCE`] for it.
const QUIET: Duration = Duration::from_millis(2500);
/// How late a look at the clock shows that we were held up ourselves.
const LATE: Duration = Duration::from_secs(2);
/// Discord's own wish for a beat is met at most once in this time.
const PACE: Duration = Duration::from_secs(1);

/// When to beat, and whether the last beat was answered.
#[derive(Debug)]
pub(super) struct Heart {
    interval: Duration,
    /// The beat that is due whatever comes.
    next: Instant,
    /// When something came last.
    heard: Instant,
    /// When a beat was sent last.
    beaten: Option<Instant>,
    /// The beat that is not answered yet.
    waits: Option<Instant>,
}

impl Heart {
    /// Beats every so many milliseconds at least. The first one comes anywhere before that, so that not all bots beat together.
    pub(super) fn new(interval_millis: u64) -> Self {
        let (interval, now) = (Duration::from_millis(interval_millis), Instant::now());
        Self {
            interval,
            next: now + interval.mul_f64(fastrand::f64()),
            heard: now,
            beaten: None,
            waits: None,
        }
    }

    /// Waits for the next beat. `false`: the other side does not hear.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> bool {
        let at = match self.waits {
            Some(begun) => self.next.min(begun + ANSWER),
            None => self.next.min(self.heard + QUIET),
        };
        sleep_until(at).await;
        // Whoever looks much too late was held up, and may have the answer still to read.
        if self.waits.is_some() && at.elapsed() < LATE {
            return false;
        }
        self.waits = Some(self.beat());
        true
    }

    /// The other side asks for a beat. `false`: it had one just now.
    pub(super) fn asked(&mut self) -> bool {
        let due = self.beaten.is_none_or(|beaten| beaten.elapsed() >= PACE);
        if due {
            self.beat();
        }
        due
    }

    fn beat(&mut self) -> Instant {
        let now = Instant::now();
        (self.beaten, self.next) = (Some(now), now + self.interval);
        now
    }

    /// Something came.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// The other side answered the beat.
    pub(super) fn answered(&mut self) {
        self.waits = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(40);

    async fn next(heart: &mut Heart) -> (bool, Duration) {
        let begun = Instant::now();
        (heart.next().await, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_beat_that_is_not_answered_is_the_last() {
        let mut heart = Heart { next: Instant::now() + INTERVAL, ..Heart::new(40_000) };
        assert_eq!(next(&mut heart).await, (true, QUIET));
        heart.heard();
        heart.answered();
        assert_eq!(next(&mut heart).await, (true, QUIET));
        // What else comes is no answer.
        heart.heard();
        assert_eq!(next(&mut heart).await, (false, ANSWER));
    }

    #[tokio::test(start_paused = true)]
    async fn where_much_comes_it_beats_as_discord_wants() {
        let mut heart = Heart { next: Instant::now() + INTERVAL, ..Heart::new(40_000) };
        let begun = Instant::now();
        loop {
            tokio::select! {
                beats = heart.next() => break assert!(beats),
                () = tokio::time::sleep(Duration::from_secs(1)) => heart.heard(),
            }
        }
        assert_eq!(begun.elapsed(), INTERVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn what_discord_asks_for_it_gets_once_a_second() {
        let mut heart = Heart::new(40_000);
        assert_eq!([heart.asked(), heart.asked()], [true, false]);
        tokio::time::advance(PACE).await;
        assert!(heart.asked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_held_up_asks_again() {
        let mut heart = Heart::new(40_000);
        assert!(heart.next().await);
        tokio::time::advance(ANSWER + LATE).await;
        assert!(heart.next().await);
        assert!(!heart.next().await);
    }
}
