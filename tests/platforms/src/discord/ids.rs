//! Ids that hold their time, and the server's clock, which tests move.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// When Discord's time begins, in Unix milliseconds: <https://docs.discord.com/developers/reference#snowflakes>.
const EPOCH: u64 = 1_420_070_400_000;

/// Unix time that goes with Tokio's clock, and the ids made by it.
#[derive(Debug)]
pub(super) struct Clock {
    begun: Instant,
    base: u64,
    last: u64,
}

impl Default for Clock {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { begun: Instant::now(), base: now.as_millis() as u64, last: 0 }
    }
}

impl Clock {
    /// Unix milliseconds.
    pub(super) fn now(&self) -> u64 {
        self.base + self.begun.elapsed().as_millis() as u64
    }

    pub(super) fn set(&mut self, unix_millis: u64) {
        self.base = unix_millis;
        self.begun = Instant::now();
    }

    /// A new id, greater than all before it.
    pub(super) fn id(&mut self) -> u64 {
        self.last = (self.last + 1).max((self.now() - EPOCH) << 22);
        self.last
    }
}

/// When an id was made, as ISO 8601.
pub(super) fn time_of(id: u64) -> String {
    iso((id >> 22) + EPOCH)
}

/// Unix milliseconds as ISO 8601.
pub(super) fn iso(unix_millis: u64) -> String {
    let (days, of_day) = (unix_millis / 86_400_000, unix_millis % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}000+00:00", of_day % 1000)
}

/// The same as HTTP's `Date`, whose clock then is the server's.
pub(crate) fn http_date(unix_millis: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, of_day) = (unix_millis / 86_400_000, unix_millis % 86_400_000 / 1000);
    let (year, month, day) = date(days);
    let (name, month) = (DAYS[days as usize % 7], MONTHS[month as usize - 1]);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The date so many days after 1 January 1970. Years begin in March here, so that the leap day is the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_its_time() {
        assert_eq!(time_of(175_928_847_299_117_063), "2016-04-30T11:18:25.796000+00:00");
        assert_eq!(iso(1_709_164_800_000), "2024-02-29T00:00:00.000000+00:00");
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
