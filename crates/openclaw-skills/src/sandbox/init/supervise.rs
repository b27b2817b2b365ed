//! Process 1 at work: it waits for the skill, reaps what the skill leaves behind, and ends all when a bound is met.
//!
//! When process 1 ends, the kernel ends every process of its namespace: nothing that a skill starts outlives it.

use std::time::{Duration, Instant};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, WaitOptions, pidfd_open, wait},
    stdio,
};

use super::used;
use crate::sandbox::{ended, plan::Bounds};

/// How often memory and processes are looked at: while something goes on, and while nothing does.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));

/// Waits until the skill ends or has to; the exit code to end with.
pub(super) fn supervise(skill: Pid, bounds: &Bounds) -> u8 {
    let end = Instant::now() + Duration::from_millis(bounds.lifetime_ms);
    let watched = pidfd_open(skill, PidfdFlags::empty()).ok();
    let mut pause = LOOK.0;
    let mut last = 0;
    loop {
        if let Some(code) = reap(skill) {
            return code;
        }
        // What can't be looked at can't be bounded.
        let Ok(used) = used::look() else { return ended::MEMORY };
        if used.processes > bounds.processes {
            return ended::PROCESSES;
        }
        if used.memory > bounds.memory_bytes && used::has_too_much(bounds) {
            return ended::MEMORY;
        }
        if Instant::now() >= end {
            return ended::TIME;
        }
        // A skill that waits for its call is looked at less and less often.
        let moved = used.memory.abs_diff(last) > 64 * 1024 || used.processes > 2;
        pause = if moved { LOOK.0 } else { (pause * 2).min(LOOK.1) };
        last = used.memory;
        if wait_for_something(watched.as_ref(), pause.min(end.saturating_duration_since(Instant::now()))) {
            return ended::TIME;
        }
    }
}

/// Sleeps until the skill ends or `pause` is over. Whether the gateway is gone: nobody reads our standard error any more.
fn wait_for_something(main: Option<&std::os::fd::OwnedFd>, pause: Duration) -> bool {
    let stderr = stdio::stderr();
    let mut fds = vec![PollFd::from_borrowed_fd(stderr, PollFlags::empty())];
    fds.extend(main.map(|fd| PollFd::new(fd, PollFlags::IN)));
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos().max(1_000_000)) };
    match poll(&mut fds, Some(&pause)) {
        Ok(_) => fds.first().is_some_and(|stderr| stderr.revents().contains(PollFlags::ERR)),
        Err(_) => false,
    }
}

/// Takes leave of all that have ended, orphans included; how the skill ended, if it is among them.
fn reap(main: Pid) -> Option<u8> {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == main {
            return Some(ended::told(status.exit_status(), status.terminating_signal()));
        }
    }
    None
}
