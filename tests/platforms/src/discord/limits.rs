//! Rate limits: buckets per route and channel, and one for all. <https://docs.discord.com/developers/topics/rate-limits>

use std::collections::HashMap;

use tokio::time::{Duration, Instant};

/// Requests in a second, over all routes.
const GLOBAL: (u32, Duration) = (50, Duration::from_secs(1));

#[derive(Debug, Default)]
pub(super) struct Limits {
    buckets: HashMap<String, Bucket>,
    /// Calls of a route, or all, are refused until then.
    storms: Vec<(Option<String>, Instant)>,
    pub(super) refused: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    resets: Instant,
}

/// What a call met.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    pub(super) bucket: String,
    pub(super) limit: u32,
    pub(super) left: u32,
    pub(super) resets: Duration,
    /// How long it has to wait, and whether everybody has to.
    pub(super) refused: Option<(Duration, bool)>,
}

impl Limits {
    /// Counts a call of `route` in the channel `major`. What is free does not count for all.
    pub(super) fn count(&mut self, route: &str, major: &str, is_free: bool) -> Measure {
        let now = Instant::now();
        let (limit, per) = rule(route);
        let key = format!("{route} {major}");
        let mut all = self.bucket("", GLOBAL.0, GLOBAL.1, now);
        let mut own = self.bucket(&key, limit, per, now);
        self.storms.retain(|(_, until)| *until > now);
        let storm = self.storms.iter().find(|(part, _)| match part {
            Some(part) => route.contains(part.as_str()),
            None => !is_free,
        });
        let refused = match storm {
            Some((part, until)) => Some((*until - now, part.is_none())),
            None if all.left == 0 && !is_free => Some((all.resets - now, true)),
            None if own.left == 0 => Some((own.resets - now, false)),
            None => None,
        };
        if refused.is_none() {
            own.left -= 1;
            all.left -= u32::from(!is_free);
        } else {
            self.refused += 1;
        }
        self.buckets.insert(String::new(), all);
        self.buckets.insert(key, own);
        let hash = route.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
        Measure { bucket: format!("{hash:08x}"), limit, left: own.left, resets: own.resets - now, refused }
    }

    fn bucket(&self, key: &str, limit: u32, per: Duration, now: Instant) -> Bucket {
        let known = self.buckets.get(key).filter(|bucket| bucket.resets > now);
        known.copied().unwrap_or(Bucket { left: limit, resets: now + per })
    }

    /// Calls whose route contains `route`, or all, are refused for this time.
    pub(super) fn storm(&mut self, route: Option<&str>, time: Duration) {
        self.storms.push((route.map(str::to_owned), Instant::now() + time));
    }
}

/// Discord tells limits in headers only; these are some that it showed.
fn rule(route: &str) -> (u32, Duration) {
    match route {
        "POST /channels/{}/messages" | "PATCH /channels/{}/messages/{}" | "POST /channels/{}/typing" => {
            (5, Duration::from_secs(5))
        }
        "GET /channels/{}/messages" => (5, Duration::from_secs(1)),
        _ if route.contains("/webhooks/") => (5, Duration::from_secs(2)),
        _ => (10, Duration::from_secs(1)),
    }
}
