//! Rate limits, shared by all who send over a channel.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use crate::sync::lock;
use tokio::time::{Instant, sleep_until};

/// Most routes that are remembered; those with nothing to wait for are forgotten first.
const ROUTES: usize = 4096;

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

impl Rule {
    /// `count` in `per`.
    #[must_use]
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per }
    }

    /// Time that one costs.
    fn cost(self) -> Duration {
        self.per / self.count.max(1)
    }
}

/// When whom may be sent what. One for each bot: everybody who sends passes here first.
#[derive(Debug, Default)]
pub struct Limiter {
    routes: Mutex<HashMap<String, Route>>,
}

/// GCRA (generic cell rate algorithm): `due` is when the bucket is full again.
#[derive(Debug, Clone, Copy)]
struct Route {
    due: Instant,
    /// Nothing before this: the platform said so.
    held: Instant,
}

impl Limiter {
    /// Waits until all of `routes` let one more pass, and counts it for each. Who waits longest is not first for certain; nobody passes
    /// early.
    ///
    /// Cancel safe: a dropped call has counted nothing, or has passed.
    pub async fn pass(&self, routes: &[(&str, Rule)]) {
        loop {
            match self.take(routes, Instant::now()) {
                Ok(()) => return,
                Err(at) => sleep_until(at).await,
            }
        }
    }

    /// Nothing passes on `route` for `time`: what the platform asked for.
    pub fn hold(&self, route: &str, time: Duration) {
        let now = Instant::now();
        let mut table = self.table(now);
        let entry = table.entry(route.to_owned()).or_insert(Route { due: now, held: now });
        entry.held = entry.held.max(now + time);
    }

    /// How long `route` is still held.
    #[must_use]
    pub fn held(&self, route: &str) -> Duration {
        let now = Instant::now();
        let table = lock(&self.routes);
        table.get(route).map_or(Duration::ZERO, |entry| entry.held.saturating_duration_since(now))
    }

    fn take(&self, routes: &[(&str, Rule)], now: Instant) -> Result<(), Instant> {
        let mut table = self.table(now);
        let wait = routes.iter().filter_map(|(name, rule)| {
            let route = table.get(*name)?;
            // All but one of a burst may be spent ahead.
            let ahead = rule.per.saturating_sub(rule.cost());
            Some(route.held.max(route.due.checked_sub(ahead).unwrap_or(now)))
        });
        if let Some(at) = wait.max().filter(|at| *at > now) {
            return Err(at);
        }
        for (name, rule) in routes {
            match table.get_mut(*name) {
                Some(route) => route.due = route.due.max(now) + rule.cost(),
                None => {
                    table.insert((*name).to_owned(), Route { due: now + rule.cost(), held: now });
                }
            }
        }
        Ok(())
    }

    fn table(&self, now: Instant) -> std::sync::MutexGuard<'_, HashMap<String, Route>> {
        let mut table = lock(&self.routes);
        if table.len() >= ROUTES {
            table.retain(|_, route| route.due > now || route.held > now);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Rule = Rule::new(2, Duration::from_secs(2));
    const MANY: Rule = Rule::new(30, Duration::from_secs(1));

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_the_rest_waits_its_turn() {
        let limiter = Limiter::default();
        let begun = Instant::now();
        let mut at = Vec::new();
        for _ in 0..4 {
            limiter.pass(&[("all", MANY), ("chat", TWO)]).await;
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at, [0, 0, 1000, 2000]);
        limiter.pass(&[("all", MANY), ("other", TWO)]).await;
        assert_eq!(begun.elapsed().as_millis(), 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hold_is_for_everybody() {
        let limiter = Limiter::default();
        let begun = Instant::now();
        limiter.hold("all", Duration::from_secs(7));
        limiter.hold("all", Duration::from_secs(3));
        assert_eq!(limiter.held("all"), Duration::from_secs(7));
        tokio::join!(limiter.pass(&[("all", MANY)]), limiter.pass(&[("all", MANY), ("chat", TWO)]));
        assert_eq!(begun.elapsed().as_secs(), 7);
        assert_eq!(limiter.held("all"), Duration::ZERO);
    }
}
