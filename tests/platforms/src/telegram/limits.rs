//! How much a bot may send: "avoid sending more than one message per second" in a chat, 20 a minute in a group, 30 a second in
//! all. <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>

use std::collections::{HashMap, VecDeque};

/// A window is shorter than its name by this part: a client that keeps the pace must not fail because one packet was late and the next
/// was not.
const SLACK: f64 = 0.9;
/// How many in how many seconds: in all, in a chat, in a group.
const ALL: (usize, f64) = (30, 1.0);
const CHAT: (usize, f64) = (1, 1.0);
const GROUP: (usize, f64) = (20, 60.0);

/// Who sent how much lately.
#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) enforced: bool,
    /// Until when everything, or everything in a chat, is refused.
    storms: HashMap<Option<i64>, f64>,
    times: HashMap<(Option<i64>, bool), VecDeque<f64>>,
    /// How often somebody was told to wait.
    pub(super) refused: usize,
}

impl Limits {
    /// Refuses calls until `until`: all, or those for a chat.
    pub(super) fn storm(&mut self, chat: Option<i64>, until: f64) {
        self.storms.insert(chat, until);
    }

    /// Counts a call for `chat`; the seconds to wait when it is one too many.
    pub(super) fn check(&mut self, chat: Option<i64>, counted: bool, now: f64) -> Result<(), u64> {
        let stormy = [None, chat].into_iter().filter_map(|key| self.storms.get(&key).copied());
        let mut until = stormy.fold(now, f64::max);
        let group = chat.is_some_and(|chat| chat < 0);
        let rules = [((None, false), ALL), ((chat, false), CHAT), ((chat, true), GROUP)];
        let rules = rules.into_iter().filter(|((_, minute), _)| !minute || group);
        let rules: Vec<_> = rules.filter(|_| self.enforced && counted && chat.is_some()).collect();
        for (key, (count, seconds)) in &rules {
            let times = self.times.entry(*key).or_default();
            while times.pop_front_if(|time| *time + seconds * SLACK <= now).is_some() {}
            if times.len() >= *count {
                until = until.max(times[times.len() - count] + seconds);
            }
        }
        if until > now {
            self.refused += 1;
            return Err(((until - now).ceil() as u64).max(1));
        }
        for (key, _) in rules {
            self.times.entry(key).or_default().push_back(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_rules_and_storms() {
        let mut limits = Limits { enforced: true, ..Limits::default() };
        assert_eq!(limits.check(Some(1), true, 0.0), Ok(()));
        assert_eq!(limits.check(Some(1), true, 0.5), Err(1));
        assert_eq!(limits.check(Some(1), true, 1.0), Ok(()));
        for second in 10..30 {
            assert_eq!(limits.check(Some(-1), true, f64::from(second)), Ok(()));
        }
        assert_eq!(limits.check(Some(-1), true, 30.0), Err(40));
        for chat in 100..130 {
            assert_eq!(limits.check(Some(chat), true, 40.0), Ok(()));
        }
        assert_eq!(limits.check(Some(130), true, 40.1), Err(1));
        assert_eq!(limits.check(Some(130), false, 40.1), Ok(()));
        limits.storm(Some(5), 60.0);
        assert_eq!(
            (limits.check(Some(5), false, 50.0), limits.check(Some(6), false, 50.0)),
            (Err(10), Ok(()))
        );
        limits.storm(None, 60.0);
        assert_eq!(limits.check(None, false, 55.5), Err(5));
        assert_eq!((limits.check(None, false, 60.0), limits.refused), (Ok(()), 5));
    }
}
