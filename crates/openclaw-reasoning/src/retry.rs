//! How long to wait before asking the same provider again.

use std::time::Duration;

/// Shortest upper bound of a wait, and what it doubles from.
const BASE: Duration = Duration::from_millis(250);
/// Longest wait that we choose ourselves.
const CAP: Duration = Duration::from_secs(8);
/// Longest wait that a vendor may ask for; beyond it the next provider is asked instead.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Spread added to a vendor's own wait, so that many waiting requests do not return at the same instant.
const SPREAD: Duration = Duration::from_millis(250);

/// What to do after a failed attempt that may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Wait so long, then ask again.
    For(Duration),
    /// The vendor asks for more than a person would wait.
    TooLong,
}

/// The wait after failed attempt number `attempt` (0 is the first). `fraction`, in `0.0..1.0`, is the draw of chance: full
/// jitter, which spreads a crowd of retries best (the "exponential backoff and jitter" analysis of AWS's architecture blog).
pub(crate) fn wait(attempt: u32, retry_after: Option<Duration>, fraction: f64) -> Wait {
    match retry_after {
        Some(asked) if asked > LONGEST_RETRY_AFTER => Wait::TooLong,
        Some(asked) => Wait::For(asked + SPREAD.mul_f64(fraction)),
        None => {
            let bound = BASE.saturating_mul(2_u32.saturating_pow(attempt)).min(CAP);
            Wait::For(bound.mul_f64(fraction))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap_and_spreads_over_the_whole_range() {
        for (attempt, bound) in [(0, 250), (1, 500), (2, 1000), (5, 8000), (6, 8000), (60, 8000)] {
            assert_eq!(
                wait(attempt, None, 1.0),
                Wait::For(Duration::from_millis(bound)),
                "attempt {attempt}"
            );
            assert_eq!(wait(attempt, None, 0.0), Wait::For(Duration::ZERO));
        }
    }

    #[test]
    fn a_vendors_wish_is_honoured_or_refused_but_never_shortened() {
        let asked = Duration::from_secs(7);
        assert_eq!(wait(4, Some(asked), 0.0), Wait::For(asked));
        assert_eq!(wait(0, Some(LONGEST_RETRY_AFTER), 0.0), Wait::For(LONGEST_RETRY_AFTER));
        assert_eq!(wait(0, Some(Duration::from_secs(31)), 0.0), Wait::TooLong);
    }
}
