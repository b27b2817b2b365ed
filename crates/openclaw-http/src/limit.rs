//! Counting requests per minute.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use openclaw_core::{ErrorCode, Failure, Timestamp};

const WINDOW: Duration = Duration::from_secs(60);
/// Most callers counted one by one; beyond them (many peer addresses within a minute) the oldest window is forgotten.
const CALLERS: usize = 4096;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Holders of the token; there is one token at a time.
    Token,
    /// An address.
    Peer(IpAddr),
}

/// Windows of 60 s, each beginning with a caller's first request.
#[derive(Default)]
pub(crate) struct RateLimiter {
    windows: Mutex<HashMap<Caller, Window>>,
}

#[derive(Clone, Copy)]
struct Window {
    began: Instant,
    resets_at: Timestamp,
    used: u32,
}

/// Where a caller stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Unix seconds, rounded up.
    pub(crate) resets_at: i64,
    /// Seconds until then when the request is over the limit.
    pub(crate) retry_after: Option<u64>,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, resets_at: Timestamp::now().saturating_add(WINDOW), used: 0 }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= WINDOW
    }

    fn standing(&self, limit: u32, now: Instant, over: bool) -> Standing {
        let left = WINDOW.saturating_sub(now.saturating_duration_since(self.began));
        Standing {
            limit,
            remaining: limit.saturating_sub(self.used),
            resets_at: (self.resets_at.unix_millis() + 999).div_euclid(1000),
            retry_after: over.then(|| left.as_millis().div_ceil(1000).max(1) as u64),
        }
    }
}

impl RateLimiter {
    /// Counts one request of `caller` against `limit` per minute; one over the limit is not counted.
    pub(crate) fn count(&self, caller: Caller, limit: u32) -> Standing {
        self.count_at(caller, limit, Instant::now())
    }

    /// Where `caller` stands, without counting; `None` when it has made no request lately.
    pub(crate) fn standing(&self, caller: Caller, limit: u32) -> Option<Standing> {
        let now = Instant::now();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.get(&caller).filter(|window| !window.is_over(now))?;
        Some(window.standing(limit, now, window.used >= limit))
    }

    fn count_at(&self, caller: Caller, limit: u32, now: Instant) -> Standing {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= CALLERS && !windows.contains_key(&caller) {
            make_room(&mut windows, now);
        }
        let window = windows.entry(caller).or_insert_with(|| Window::new(now));
        if window.is_over(now) {
            *window = Window::new(now);
        }
        let over = window.used >= limit;
        if !over {
            window.used += 1;
        }
        window.standing(limit, now, over)
    }
}

fn make_room(windows: &mut HashMap<Caller, Window>, now: Instant) {
    windows.retain(|_, window| !window.is_over(now));
    if windows.len() >= CALLERS
        && let Some(oldest) = windows.iter().min_by_key(|(_, window)| window.began).map(|(caller, _)| *caller)
    {
        windows.remove(&oldest);
    }
}

impl Standing {
    /// The contract's 429, when the request is over the limit.
    pub(crate) fn refusal(&self) -> Option<Failure> {
        let seconds = self.retry_after?;
        let message = format!("Rate limit exceeded. Try again in {seconds} seconds.");
        let reset_at = Timestamp::from_unix_millis(self.resets_at.saturating_mul(1000));
        Some(
            Failure::new(ErrorCode::RateLimited, message)
                .with("limit", self.limit)
                .with("remaining", 0)
                .with("reset_at", reset_at.to_string()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_refuses_and_begins_anew() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        assert_eq!(limiter.count_at(Caller::Token, 2, start).remaining, 1);
        let second = limiter.count_at(Caller::Token, 2, start);
        assert_eq!((second.remaining, second.retry_after), (0, None));
        let over = limiter.count_at(Caller::Token, 2, start + Duration::from_millis(30_500));
        assert_eq!((over.remaining, over.retry_after), (0, Some(30)));
        let failure = over.refusal().unwrap();
        assert_eq!(failure.message, "Rate limit exceeded. Try again in 30 seconds.");
        assert_eq!(failure.details["limit"], 2);
        let later = limiter.count_at(Caller::Token, 2, start + WINDOW);
        assert_eq!((later.remaining, later.retry_after), (1, None));
        assert!(later.resets_at >= second.resets_at);
    }

    #[test]
    fn callers_are_bounded() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        for number in 0..u32::try_from(CALLERS).unwrap() + 10 {
            limiter.count_at(Caller::Peer(IpAddr::from(number.to_be_bytes())), 1, now);
        }
        assert_eq!(limiter.windows.lock().unwrap().len(), CALLERS);
    }

    #[test]
    fn a_raised_limit_holds_at_once() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        limiter.count_at(Caller::Token, 1, now);
        assert!(limiter.count_at(Caller::Token, 1, now).retry_after.is_some());
        assert_eq!(limiter.count_at(Caller::Token, 3, now).remaining, 1);
    }
}
