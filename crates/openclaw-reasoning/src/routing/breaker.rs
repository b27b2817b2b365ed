//! One circuit breaker per provider: a provider that keeps failing is left alone for a while, then probed by one request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Requests in a row that must fail before the breaker opens.
const FAILURES: u32 = 5;
/// How long it stays open at first; doubles with every failed probe.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// Longest it stays open.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Everything passes; so many requests failed in a row.
    Closed { failures: u32 },
    /// Nothing passes until `until`; then one probe does.
    Open { until: Instant, pause: Duration },
    /// One probe is on its way.
    Probing,
}

/// Leave to ask the provider once. Dropped without a verdict (the caller went away), it leaves the breaker as it was.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    probe: Option<Duration>,
}

impl Breaker {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to ask, or how long the provider is still left alone.
    pub(super) fn admit(&self) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Ok(Permit { breaker: self, probe: None }),
            State::Open { until, pause } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                *state = State::Probing;
                Ok(Permit { breaker: self, probe: Some(pause) })
            }
            State::Probing => Err(Duration::from_secs(1)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is a plain value, whole at every instant: a panic elsewhere can't have left it half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The provider works (it answered, or refused for reasons of the request's own).
    pub(super) fn succeeded(mut self) {
        self.probe = None;
        *self.breaker.lock() = State::Closed { failures: 0 };
    }

    /// The provider does not work.
    pub(super) fn failed(mut self) {
        let probe = self.probe.take();
        let mut state = self.breaker.lock();
        *state = match (probe, *state) {
            (Some(pause), _) => open(pause.saturating_mul(2).min(LONGEST_PAUSE)),
            (None, State::Closed { failures }) if failures + 1 < FAILURES => {
                State::Closed { failures: failures + 1 }
            }
            (None, State::Closed { .. }) => open(FIRST_PAUSE),
            // A request that was let in before the breaker opened says nothing new.
            (None, other) => other,
        };
    }
}

fn open(pause: Duration) -> State {
    State::Open { until: Instant::now() + pause, pause }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(pause) = self.probe {
            let mut state = self.breaker.lock();
            if matches!(*state, State::Probing) {
                *state = State::Open { until: Instant::now(), pause };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.admit().unwrap().failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_five_failures_in_a_row_and_not_before() {
        let breaker = Breaker::new();
        fail(&breaker, 4);
        breaker.admit().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.admit().is_ok(), "a success in between starts the count anew");
        fail(&breaker, 1);
        assert_eq!(breaker.admit().unwrap_err(), FIRST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_passes_and_failed_probes_double_the_pause_up_to_five_minutes() {
        let breaker = Breaker::new();
        fail(&breaker, FAILURES);
        for pause in [30, 60, 120, 240, 300, 300] {
            assert_eq!(breaker.admit().unwrap_err(), Duration::from_secs(pause));
            tokio::time::advance(Duration::from_secs(pause)).await;
            let probe = breaker.admit().unwrap();
            assert!(breaker.admit().is_err(), "only one probe at a time");
            probe.failed();
        }
        tokio::time::advance(LONGEST_PAUSE).await;
        breaker.admit().unwrap().succeeded();
        fail(&breaker, FAILURES - 1);
        assert!(breaker.admit().is_ok(), "a good probe closes it");
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_probe_lets_the_next_one_pass() {
        let breaker = Breaker::new();
        fail(&breaker, FAILURES);
        tokio::time::advance(FIRST_PAUSE).await;
        drop(breaker.admit().unwrap());
        assert!(breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_do_not_reopen_what_is_open() {
        let breaker = Breaker::new();
        let straggler = breaker.admit().unwrap();
        fail(&breaker, FAILURES);
        tokio::time::advance(Duration::from_secs(10)).await;
        straggler.failed();
        assert_eq!(breaker.admit().unwrap_err(), Duration::from_secs(20));
    }
}
