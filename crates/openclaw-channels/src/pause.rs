//! Pauses between attempts: full jitter (each pause is anything up to a bound that doubles), so that what failed together does not come
//! back together. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

use crate::{
    error::SendError,
    limits::{CONNECT_PAUSE, LOOK_PAUSE, SEND_PAUSE},
};

const FIRST: Duration = Duration::from_secs(1);
/// No pause is shorter: a peer that refuses at once is not asked a thousand times a second.
const LEAST: Duration = Duration::from_millis(100);

/// The pauses of one row of attempts.
#[derive(Debug)]
pub(crate) struct Pause {
    bound: Duration,
    longest: Duration,
}

impl Pause {
    /// Between attempts to connect.
    pub(crate) fn connecting() -> Self {
        Self { bound: FIRST, longest: CONNECT_PAUSE }
    }

    /// Between attempts to send.
    pub(crate) fn sending() -> Self {
        Self { bound: FIRST, longest: SEND_PAUSE }
    }

    /// Between attempts to look for what was missed.
    pub(crate) fn looking() -> Self {
        Self { bound: FIRST, longest: LOOK_PAUSE }
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.longest);
        bound.mul_f64(fastrand::f64()).max(LEAST)
    }

    /// The pause after this error: what the platform asked for, else the next.
    pub(crate) fn after(&mut self, error: &SendError) -> Duration {
        match error {
            SendError::Later { after, .. } => (*after).max(LEAST),
            _ => self.next(),
        }
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.bound = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound() {
        let mut pause = Pause::connecting();
        for exponent in 0..12 {
            let bound = Duration::from_secs(1 << exponent).min(CONNECT_PAUSE);
            let next = pause.next();
            assert!(next >= LEAST && next <= bound, "{next:?} of {bound:?}");
        }
        pause.reset();
        assert!(pause.next() <= FIRST);
        let asked = SendError::Later { after: Duration::from_secs(300), reason: String::new() };
        assert_eq!(pause.after(&asked), Duration::from_secs(300));
    }
}
