//! When a connection last moved a byte.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

pub(super) struct Activity {
    begin: Instant,
    /// Milliseconds from `begin` to the last movement.
    last: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), last: AtomicU64::new(0) }
    }

    pub(super) fn touch(&self) {
        let now = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Waits until nothing has moved for `idle`.
    pub(super) async fn stops(&self, idle: Duration) {
        loop {
            let due = self.begin + Duration::from_millis(self.last.load(Ordering::Relaxed)) + idle;
            if Instant::now() >= due {
                return;
            }
            sleep_until(due).await;
        }
    }
}
