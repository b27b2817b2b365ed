//! Memory that was needed for a while goes back to the system.
//!
//! A burst of turns, a compaction and an import free what they held, and the allocator keeps it for the next one. On somebody's own
//! machine others want it. It is given back when the work is over, or is hardly any: under load it would be asked for again at once,
//! and going through the heap holds up who allocates. A start is work, too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How often is looked.
const LOOK: Duration = Duration::from_secs(5);
/// Processor time between two looks up to which hardly anything goes on: a tenth of one core, as answers take that wait for a chat platform's pace.
const AT_REST: Duration = Duration::from_millis(500);
/// Processor time since something was given back that is likely to have left something worth it.
const WORTH: Duration = Duration::from_millis(20);

/// When to give memory back, by the processor time that was used so far.
#[derive(Debug, Default)]
struct Rest {
    /// At the last look.
    last: Duration,
    /// When something was given back.
    given: Option<Duration>,
}

impl Rest {
    /// Whether work was done since memory was given back, and is over.
    fn is_due(&mut self, used: Duration) -> bool {
        let is_over = used.saturating_sub(std::mem::replace(&mut self.last, used)) <= AT_REST;
        is_over && self.given.is_none_or(|given| used.saturating_sub(given) >= WORTH)
    }

    fn given(&mut self, used: Duration) {
        self.given = Some(used);
    }
}

/// Looks now and then until `shutdown`, and has `give` called when it is due.
pub(super) async fn watch(shutdown: CancellationToken, give: fn() -> bool) {
    let mut ticks = interval_at(Instant::now() + LOOK, LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rest = Rest::default();
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if !rest.is_due(used()) {
            continue;
        }
        let given = tokio::task::spawn_blocking(give).await;
        debug!(?given, "gave memory back");
        // What that took is no work.
        rest.given(used());
    }
}

/// Processor time of the whole process.
fn used() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_when_work_is_over() {
        let mut rest = Rest::default();
        let ms = Duration::from_millis;
        // A start, which is short; then nothing; then work; its end; and nothing again.
        let due = [60, 65, 70, 3_000, 9_000, 9_050, 9_060, 9_065].map(|used| {
            let due = rest.is_due(ms(used));
            if due {
                rest.given(ms(used));
            }
            due
        });
        assert_eq!(due, [true, false, false, false, false, true, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_until_it_is_told_to_end() {
        use std::sync::atomic::{AtomicU32, Ordering};

        static GIVEN: AtomicU32 = AtomicU32::new(0);
        // Something to look at.
        while used() < WORTH * 2 {
            std::hint::black_box((0..10_000_u64).sum::<u64>());
        }
        let shutdown = CancellationToken::new();
        let watching = watch(shutdown.clone(), || GIVEN.fetch_add(1, Ordering::Relaxed) == 0);
        let ending = async {
            tokio::time::sleep(LOOK * 3).await;
            shutdown.cancel();
        };
        tokio::join!(watching, ending);
        assert!(GIVEN.load(Ordering::Relaxed) > 0);
    }
}
