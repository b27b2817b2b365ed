//! Memory that was needed for a while goes back to the system.
//!
//! A burst of turns, a compaction and an import free what they held, and the allocator keeps it for the next one. On somebody's own
//! machine others want it.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How soon after the start the first look is: what it took is over by then.
const SETTLED: Duration = Duration::from_millis(500);
/// How often is looked afterwards.
const LOOK: Duration = Duration::from_secs(10);
/// Less than this is not worth going through the heap.
const WORTH: u64 = 2 << 20;

/// Whether what is resident has grown enough since something was given back.
fn is_worth_it(resident: u64, left: u64) -> bool {
    resident >= left.saturating_add(WORTH)
}

/// Looks now and then until `shutdown`. Where the system does not tell what is resident it does nothing.
pub(super) async fn give_back(shutdown: CancellationToken) {
    let begin = tokio::time::Instant::now() + SETTLED;
    let mut ticks = tokio::time::interval_at(begin, LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left = 0;
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let Some(before) = resident() else { return };
        if !is_worth_it(before, left) {
            continue;
        }
        // It holds up who allocates, but no thread that serves.
        if tokio::task::spawn_blocking(openclaw_heap::give_back).await.is_err() {
            return;
        }
        left = resident().unwrap_or(before);
        debug!(before, left, "gave memory back");
    }
}

/// Bytes of the process that are in memory, by proc(5).
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    // The same on all machines this runs on but a few, where more is said to be resident than is.
    const PAGE: u64 = 4096;
    Some(pages * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_change_is_left_alone() {
        assert!(is_worth_it(12 << 20, 0) && is_worth_it(14 << 20, 12 << 20));
        assert!(!is_worth_it(13 << 20, 12 << 20) && !is_worth_it(5 << 20, 12 << 20));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn it_looks_until_it_is_told_to_end() {
        assert!(resident().unwrap() > 1 << 20);
        let shutdown = CancellationToken::new();
        let looking = give_back(shutdown.clone());
        let ending = async {
            tokio::time::sleep(LOOK * 3).await;
            shutdown.cancel();
        };
        tokio::time::timeout(LOOK * 4, async { tokio::join!(looking, ending) }).await.unwrap();
    }
}
