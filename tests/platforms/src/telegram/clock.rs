//! The server's clock: the tests move it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Unix time that goes with Tokio's clock, and jumps on demand.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Instant,
    base: f64,
}

impl Default for Clock {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { begun: Instant::now(), base: now.as_secs_f64() }
    }
}

impl Clock {
    pub(super) fn now(&self) -> f64 {
        self.base + self.begun.elapsed().as_secs_f64()
    }

    pub(super) fn set(&mut self, unix: f64) {
        self.base = unix;
        self.begun = Instant::now();
    }

    pub(super) fn forward(&mut self, time: Duration) {
        self.base += time.as_secs_f64();
    }
}
