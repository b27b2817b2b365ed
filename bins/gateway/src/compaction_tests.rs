//! Local time with its gaps and overlaps, and when it is time.

use std::pin::pin;

use openclaw_core::{ForeignMessage, Role};
use openclaw_testkit::{FakeCuration, FakeMemory};
use tokio::time::{Instant, timeout};

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

#[test]
fn what_passed_while_no_gateway_ran_is_due_a_minute_after_the_start() {
    let (zone, on) = (fixed(0), config(64));
    let due = |now: &str, compacted: Option<&str>, config: &CompactionConfig| {
        Schedule::begin(unix(now), compacted.map(unix), config, &zone).due
    };
    let now = "2026-03-20T09:00:00Z";
    let (soon, tomorrow) = (unix("2026-03-20T09:01:00Z"), unix("2026-03-21T03:00:00Z"));
    assert_eq!(due(now, None, &on), soon);
    assert_eq!(due(now, Some("2026-03-19T03:00:01Z"), &on), soon);
    assert_eq!(due(now, Some("2026-03-20T03:00:00Z"), &on), tomorrow);
    assert_eq!(due(now, Some("2026-03-20T08:00:00Z"), &on), tomorrow);
    // A clock that was set back: what is of the future was not missed.
    assert_eq!(due(now, Some("2027-01-01T00:00:00Z"), &on), tomorrow);
    // The time itself comes first.
    assert_eq!(due("2026-03-20T02:59:30Z", None, &on), unix("2026-03-20T03:00:00Z"));
    let off = CompactionConfig { enabled: false, ..on };
    assert_eq!(Schedule::begin(unix(now), None, &off, &zone).time, None);
    // Berlin: on the day whose clocks skip the time, it is as much later.
    let spring = Jump { at: unix("2026-03-29T01:00:00Z"), before: 3600, behind: 7200 };
    assert_eq!(last(unix("2026-03-29T12:00:00Z"), (2, 30), &spring), unix("2026-03-29T01:30:00Z"));
    assert_eq!(last(unix("2026-03-29T01:29:59Z"), (2, 30), &spring), unix("2026-03-28T01:30:00Z"));
    assert_eq!(last(unix("2026-03-29T01:30:00Z"), (2, 30), &spring), unix("2026-03-29T01:30:00Z"));
}

/// A keeper over fakes. Its wall clock goes with the paused one, and began at the machine's, so that what the fakes note is of then.
struct Kept {
    memory: Arc<FakeMemory>,
    curation: Arc<FakeCuration>,
    config: watch::Sender<Arc<Config>>,
    shutdown: CancellationToken,
    /// So many seconds after 00:00 on local clocks it began.
    began: i64,
}

impl Kept {
    fn at(hour: i64, minute: i64) -> Self {
        let memory = Arc::new(FakeMemory::new());
        let curation = Arc::new(FakeCuration::new(Arc::clone(&memory)));
        let mut config = Config::default();
        config.memory.compaction = self::config(1);
        let (config, _) = watch::channel(Arc::new(config));
        let shutdown = CancellationToken::new();
        Self { memory, curation, config, shutdown, began: hour * 3600 + minute * 60 }
    }

    fn keeper(&self) -> Keeper {
        let (wall, start) = (Timestamp::now(), Instant::now());
        let unix = wall.unix_millis().div_euclid(1000);
        Keeper {
            curation: Arc::clone(&self.curation) as _,
            memory: Arc::clone(&self.memory) as _,
            config: self.config.subscribe(),
            zone: Arc::new(Jump { at: 0, before: 0, behind: self.began - unix.rem_euclid(DAY) }),
            now: Box::new(move || wall.saturating_add(start.elapsed())),
        }
    }

    async fn compactions(&self) -> usize {
        self.curation.history(100).await.unwrap().reports.len()
    }

    /// Compacted before the gateway started.
    async fn compacted(self) -> Self {
        self.curation.compact(CompactRequest::default()).await.unwrap();
        self
    }

    async fn say(&self, bytes: usize) {
        let message = ForeignMessage {
            conversation: "c".parse().unwrap(),
            channel: "api".to_owned(),
            role: Role::User,
            content: "x".repeat(bytes),
            timestamp: Timestamp::now(),
            id: Some(format!("m{bytes}").parse().unwrap()),
        };
        self.curation.import(vec![message]).await.unwrap();
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn it_compacts_once_a_day_at_its_time() {
    let kept = Kept::at(2, 30).compacted().await;
    let mut keep = pin!(kept.keeper().keep(kept.shutdown.clone()));
    assert!(timeout(29 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 1);
    assert!(timeout(2 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 2);
    assert!(timeout(23 * 60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 2);
    assert!(timeout(2 * 60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 3);
    // Another time of day is taken up; turned off, nothing more is done.
    let mut config = (**kept.config.borrow()).clone();
    config.memory.compaction.at = "05:00".to_owned();
    kept.config.send_replace(Arc::new(config.clone()));
    assert!(timeout(60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 4);
    config.memory.compaction.enabled = false;
    kept.config.send_replace(Arc::new(config));
    assert!(timeout(48 * 60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 4);
    kept.shutdown.cancel();
    keep.await;
}

#[tokio::test(start_paused = true)]
async fn a_missed_time_is_caught_up_after_a_quiet_minute_and_only_then() {
    let kept = Kept::at(9, 0);
    let mut keep = pin!(kept.keeper().keep(kept.shutdown.clone()));
    assert!(timeout(MINUTE - Duration::from_secs(2), &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 0);
    assert!(timeout(2 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 1);
    assert!(timeout(16 * 60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 1);
    kept.shutdown.cancel();
    keep.await;
    // Started anew, and nothing was missed.
    let mut keep = pin!(kept.keeper().keep(CancellationToken::new()));
    assert!(timeout(60 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_past_its_bound_is_compacted_at_once() {
    const MB: usize = 1 << 20;
    let kept = Kept::at(9, 0).compacted().await;
    let mut keep = pin!(kept.keeper().keep(kept.shutdown.clone()));
    kept.say(MB).await;
    assert!(timeout(3 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 1);
    kept.say(1).await;
    assert!(timeout(3 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 2);
    // It did not help: not again before a quarter more is there.
    kept.say(MB / 5).await;
    assert!(timeout(3 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 2);
    kept.say(MB / 10).await;
    assert!(timeout(3 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.compactions().await, 3);
}

#[tokio::test(start_paused = true)]
async fn leaving_waits_for_no_compaction() {
    let kept = Kept::at(9, 0);
    kept.curation.hold_compactions(true);
    let mut keep = pin!(kept.keeper().keep(kept.shutdown.clone()));
    assert!(timeout(5 * MINUTE, &mut keep).await.is_err());
    assert_eq!(kept.curation.history(1).await.unwrap().running, Some((0, 1)));
    kept.shutdown.cancel();
    assert!(timeout(MINUTE, &mut keep).await.is_ok());
    assert_eq!(kept.compactions().await, 0);
}
