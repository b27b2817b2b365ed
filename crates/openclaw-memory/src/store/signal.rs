//! Tells the checkpoint's thread that there is something to do.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

#[derive(Debug, Default)]
struct Flags {
    due: bool,
    stop: bool,
}

/// A flag that a thread sleeps on.
#[derive(Debug, Default)]
pub(super) struct Signal {
    flags: Mutex<Flags>,
    changed: Condvar,
}

/// Why the thread woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// Something is due, or nothing happened for the whole time.
    Work,
    Stop,
}

impl Signal {
    pub(super) fn due(&self) {
        let mut flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        if !flags.due {
            flags.due = true;
            self.changed.notify_all();
        }
    }

    pub(super) fn stop(&self) {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.flags.lock().unwrap_or_else(PoisonError::into_inner).stop
    }

    /// Waits without heed of what is due.
    pub(super) fn pause(&self, time: Duration) -> Wake {
        let flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        let going_on = |flags: &mut Flags| !flags.stop;
        let (flags, _) =
            self.changed.wait_timeout_while(flags, time, going_on).unwrap_or_else(PoisonError::into_inner);
        if flags.stop { Wake::Stop } else { Wake::Work }
    }

    pub(super) fn wait(&self, timeout: Duration) -> Wake {
        let flags = self.flags.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = |flags: &mut Flags| !flags.due && !flags.stop;
        let (mut flags, _) =
            self.changed.wait_timeout_while(flags, timeout, quiet).unwrap_or_else(PoisonError::into_inner);
        if flags.stop {
            return Wake::Stop;
        }
        flags.due = false;
        Wake::Work
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_is_due_does_not_end_a_pause() {
        let signal = Signal::default();
        signal.due();
        let (begun, pause) = (Instant::now(), Duration::from_millis(20));
        assert_eq!(signal.pause(pause), Wake::Work);
        assert!(begun.elapsed() >= pause);
        // It is still due afterwards.
        assert_eq!(signal.wait(Duration::from_secs(600)), Wake::Work);
        signal.stop();
        assert_eq!(signal.pause(Duration::from_secs(600)), Wake::Stop);
    }
}
