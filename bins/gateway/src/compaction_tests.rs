//! Local time with its gaps and overlaps, and when it is time.

use super::*;

/// Clocks that jump from one offset to another.
struct Jump {
    at: i64,
    before: i64,
    behind: i64,
}

impl Zone for Jump {
    fn offset(&self, unix: i64) -> i64 {
        if unix < self.at { self.before } else { self.behind }
    }
}

fn unix(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().unix_millis() / 1000
}

fn fixed(hours: i64) -> Jump {
    Jump { at: 0, before: hours * 3600, behind: hours * 3600 }
}

#[test]
fn the_next_time_of_day_is_found() {
    for (zone, after, expected) in [
        (fixed(0), "2026-03-20T02:59:59Z", "2026-03-20T03:00:00Z"),
        (fixed(0), "2026-03-20T03:00:00Z", "2026-03-21T03:00:00Z"),
        (fixed(8), "2026-03-20T18:59:00Z", "2026-03-20T19:00:00Z"),
        (fixed(8), "2026-03-20T19:00:00Z", "2026-03-21T19:00:00Z"),
        (fixed(-8), "2026-03-20T10:00:00Z", "2026-03-20T11:00:00Z"),
        (fixed(14), "2026-12-31T12:59:59Z", "2026-12-31T13:00:00Z"),
    ] {
        assert_eq!(next(unix(after), (3, 0), &zone), unix(expected), "{after}");
    }
}

#[test]
fn clocks_that_jump_neither_skip_a_day_nor_double_it() {
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
    let spring = Jump { at: unix("2026-03-29T01:00:00Z"), before: 3600, behind: 7200 };
    assert_eq!(next(unix("2026-03-28T12:00:00Z"), (2, 30), &spring), unix("2026-03-29T01:30:00Z"));
    assert_eq!(next(unix("2026-03-29T01:30:00Z"), (2, 30), &spring), unix("2026-03-30T00:30:00Z"));
    assert_eq!(next(unix("2026-03-28T12:00:00Z"), (3, 0), &spring), unix("2026-03-29T01:00:00Z"));
    // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC; 02:30 comes twice.
    let autumn = Jump { at: unix("2026-10-25T01:00:00Z"), before: 7200, behind: 3600 };
    assert_eq!(next(unix("2026-10-24T12:00:00Z"), (2, 30), &autumn), unix("2026-10-25T00:30:00Z"));
    assert_eq!(next(unix("2026-10-25T00:30:00Z"), (2, 30), &autumn), unix("2026-10-26T01:30:00Z"));
    assert_eq!(next(unix("2026-10-25T01:00:00Z"), (2, 30), &autumn), unix("2026-10-26T01:30:00Z"));
    assert_eq!(next(unix("2026-10-24T12:00:00Z"), (3, 0), &autumn), unix("2026-10-25T02:00:00Z"));
    // Samoa, December 2011: a whole day is skipped.
    let samoa = Jump { at: unix("2011-12-30T10:00:00Z"), before: -36_000, behind: 50_400 };
    let before = next(unix("2011-12-29T12:00:00Z"), (3, 0), &samoa);
    assert_eq!(before, unix("2011-12-29T13:00:00Z"));
    assert_eq!(next(before, (3, 0), &samoa), unix("2011-12-30T13:00:00Z"));
}

#[test]
fn the_systems_zone_is_read_by_its_rule() {
    let berlin = SystemZone::new(Some("CET-1CEST,M3.5.0,M10.5.0/3".to_owned()));
    assert_eq!(berlin.offset(unix("2026-01-01T00:00:00Z")), 3600);
    assert_eq!(berlin.offset(unix("2026-07-01T00:00:00Z")), 7200);
    assert_eq!(next(unix("2026-03-28T12:00:00Z"), (2, 30), &berlin), unix("2026-03-29T01:30:00Z"));
    assert_eq!(SystemZone::new(Some("no such zone".to_owned())).offset(0), 0);
}

fn config(max_wal_mb: u32) -> CompactionConfig {
    CompactionConfig { enabled: true, at: "03:00".to_owned(), max_wal_mb }
}

#[test]
fn it_is_time_once_a_day_and_when_the_log_has_grown() {
    const MB: u64 = 1 << 20;
    let (mut schedule, zone) = (Schedule::default(), fixed(0));
    let mut look = |time: &str, bytes| {
        let reason = schedule.look(unix(time), bytes, &config(64), &zone);
        if reason.is_some() {
            schedule.ended(unix(time), bytes, &zone);
        }
        reason
    };
    assert_eq!(look("2026-03-20T02:00:00Z", 10 * MB), None);
    assert_eq!(look("2026-03-20T03:00:30Z", 10 * MB), Some(Reason::Time));
    assert_eq!(look("2026-03-20T03:01:30Z", 10 * MB), None);
    // Asleep over three o'clock: at once on waking.
    assert_eq!(look("2026-03-21T09:12:00Z", 10 * MB), Some(Reason::Time));
    assert_eq!(look("2026-03-21T09:13:00Z", 65 * MB), Some(Reason::Size));
    // Nothing came of it; a quarter more, and it is tried again.
    assert_eq!(look("2026-03-21T09:14:00Z", 66 * MB), None);
    assert_eq!(look("2026-03-21T09:15:00Z", 81 * MB), Some(Reason::Size));
    assert_eq!(look("2026-03-21T09:16:00Z", 5 * MB), None);
    assert_eq!(look("2026-03-21T09:17:00Z", 65 * MB), Some(Reason::Size));
    // A clock set back by a month does not put it off by a month.
    assert_eq!(look("2026-02-20T04:00:00Z", 5 * MB), None);
    assert_eq!(look("2026-02-21T03:00:00Z", 5 * MB), Some(Reason::Time));
    let off = CompactionConfig { enabled: false, ..config(64) };
    assert_eq!(Schedule::default().look(unix("2026-03-20T03:00:00Z"), 100 * MB, &off, &zone), None);
}
