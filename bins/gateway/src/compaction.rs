//! When the log is made into Markdown: once a day at a local time, and whenever it has grown past a size.
//!
//! The clock is looked at once a minute: that is right after a suspended laptop wakes, after the clock was set, and when the
//! configuration or the time zone changes, without anything that would have to tell us. A time that passed while no gateway ran is
//! caught up a minute after the start.

use std::{sync::Arc, time::Duration};

use openclaw_core::{
    Timestamp,
    config::{CompactionConfig, Config},
    port::{CompactRequest, CurationPort, MemoryError, MemoryPort},
};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use tz::TimeZone;

const LOOK: Duration = Duration::from_secs(60);
/// How long after a start what was missed is caught up, in seconds: who starts a gateway wants to talk to it first.
const QUIET: i64 = 60;
const DAY: i64 = 24 * 60 * 60;
/// The log has to grow by this part of its bound before its size asks again: the newest segment always stays.
const AGAIN: u64 = 4;

/// Offset of local time from UTC in seconds, at a time in seconds since 1970.
pub(crate) trait Zone: Send + Sync {
    fn offset(&self, unix: i64) -> i64;
}

/// The system's zone: `TZ` when it is set, else `/etc/localtime`, else UTC.
pub(crate) struct SystemZone {
    tz: Option<String>,
}

impl SystemZone {
    /// `tz`: the variable `TZ`, when the environment has it.
    pub(crate) fn new(tz: Option<String>) -> Self {
        Self { tz }
    }
}

impl Zone for SystemZone {
    fn offset(&self, unix: i64) -> i64 {
        // Read each time: it may change, and is asked a few times a minute.
        let zone = match &self.tz {
            Some(tz) => TimeZone::from_posix_tz(tz),
            None => TimeZone::local(),
        };
        let offset =
            zone.ok().and_then(|zone| zone.find_local_time_type(unix).ok().map(tz::LocalTimeType::ut_offset));
        offset.map_or(0, i64::from)
    }
}

/// The first point after `after` at which it is `hour:minute` by local clocks. On a day whose clocks skip that time it is as much
/// later as they skip; on a day that has it twice, the first one counts, and only that.
pub(crate) fn next(after: i64, (hour, minute): (u8, u8), zone: &dyn Zone) -> i64 {
    let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60;
    let today = (after + zone.offset(after)).div_euclid(DAY);
    // Zones have moved by a whole day; nothing moves by two.
    let days = (today - 1..=today + 3).map(|day| at(day * DAY + of_day, zone));
    days.filter(|unix| *unix > after).min().unwrap_or(after + DAY)
}

/// The last point up to `until` at which it was that time; see [`next`].
fn last(until: i64, (hour, minute): (u8, u8), zone: &dyn Zone) -> i64 {
    let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60;
    let today = (until + zone.offset(until)).div_euclid(DAY);
    let days = (today - 3..=today + 1).map(|day| at(day * DAY + of_day, zone));
    days.filter(|unix| *unix <= until).max().unwrap_or(until - DAY)
}

/// When local clocks show this, in seconds since 1970 as if they were UTC.
fn at(local: i64, zone: &dyn Zone) -> i64 {
    let (before, behind) = (zone.offset(local - DAY), zone.offset(local + DAY));
    let shown = [before, behind]
        .map(|offset| local - offset)
        .into_iter()
        .filter(|unix| unix + zone.offset(*unix) == local);
    // Skipped: by the offset before the jump it lies behind it.
    shown.min().unwrap_or(local - before)
}

/// When to compact next; holds what was seen before.
#[derive(Debug, Default)]
struct Schedule {
    /// For this time of day …
    time: Option<(u8, u8)>,
    /// … this is the next point.
    due: i64,
    /// Size of the log after the last compaction.
    left: u64,
}

/// Why it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Time,
    Size,
}

impl Schedule {
    /// At a start: what should have been done since the last compaction, `None` if there was none, is due after a while.
    fn begin(now: i64, compacted: Option<i64>, config: &CompactionConfig, zone: &dyn Zone) -> Self {
        let Some(time) = config.time_of_day().filter(|_| config.enabled) else { return Self::default() };
        let is_missed = compacted.is_none_or(|compacted| compacted < last(now, time, zone));
        let next = next(now, time, zone);
        Self { time: Some(time), due: if is_missed { next.min(now + QUIET) } else { next }, left: 0 }
    }

    fn look(&mut self, now: i64, bytes: u64, config: &CompactionConfig, zone: &dyn Zone) -> Option<Reason> {
        let time = config.time_of_day().filter(|_| config.enabled)?;
        // A clock that was set back by more than a day must not put it off for long.
        if self.time != Some(time) || self.due > now + 2 * DAY {
            (self.time, self.due) = (Some(time), next(now, time, zone));
        }
        let bound = u64::from(config.max_wal_mb) << 20;
        if now >= self.due {
            Some(Reason::Time)
        } else {
            // What erasing and archiving took away is not to be grown again before its size counts.
            self.left = self.left.min(bytes);
            (bytes > bound && bytes >= self.left.saturating_add(bound / AGAIN)).then_some(Reason::Size)
        }
    }

    /// A compaction has ended, well or not: the next attempt is not the next minute's.
    fn ended(&mut self, now: i64, bytes: u64, zone: &dyn Zone) {
        self.left = bytes;
        if let Some(time) = self.time {
            self.due = next(now, time, zone);
        }
    }
}

/// What the task works with.
pub(crate) struct Keeper {
    pub(crate) curation: Arc<dyn CurationPort>,
    pub(crate) memory: Arc<dyn MemoryPort>,
    pub(crate) config: watch::Receiver<Arc<Config>>,
    pub(crate) zone: Arc<dyn Zone>,
    /// The wall clock.
    pub(crate) now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Keeper {
    /// Compacts on time until `shutdown`. A compaction under way is left to the memory, which stops it when it closes.
    pub(crate) async fn keep(self, shutdown: CancellationToken) {
        let Some(mut schedule) = shutdown.run_until_cancelled(self.begin()).await else { return };
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if shutdown.run_until_cancelled(self.look(&mut schedule)).await.is_none() {
                return;
            }
        }
    }

    async fn begin(&self) -> Schedule {
        let config = self.config.borrow().memory.compaction.clone();
        match self.curation.history(1).await {
            Ok(history) => {
                let compacted = history.reports.first().map(|report| report.started_at.unix_millis() / 1000);
                Schedule::begin(self.unix(), compacted, &config, &*self.zone)
            }
            // Then nothing is known to be missed.
            Err(error) => {
                debug!(%error, "past compactions can't be read");
                Schedule::default()
            }
        }
    }

    async fn look(&self, schedule: &mut Schedule) {
        let config = self.config.borrow().memory.compaction.clone();
        let Some(reason) = schedule.look(self.unix(), self.bytes().await, &config, &*self.zone) else {
            return;
        };
        debug!(?reason, "compacting");
        let done = self.curation.compact(CompactRequest::default()).await;
        if let Err(MemoryError::UnderWay { .. }) = done {
            debug!("a compaction is under way already");
        } else if let Err(error) = done {
            warn!(%error, "the log could not be made into Markdown; the next try is at its time, or by `gateway memory compact`");
        }
        let bytes = self.bytes().await;
        schedule.ended(self.unix(), bytes, &*self.zone);
    }

    fn unix(&self) -> i64 {
        (self.now)().unix_millis().div_euclid(1000)
    }

    /// Size of the log. When it can't be told, the time of day still counts.
    async fn bytes(&self) -> u64 {
        self.memory.stats().await.map_or(0, |stats| stats.wal.bytes)
    }
}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod tests;
