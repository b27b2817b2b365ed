//! Process 1 at work: it waits for the skill, reaps what the skill leaves behind, and ends all when a bound is met.
//!
//! When process 1 ends, the kernel ends every process of its namespace: nothing that a skill starts outlives it.

use std::{
    fs::File,
    os::fd::{BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, WaitOptions, pidfd_open, wait},
    stdio,
};

use super::used;
use crate::sandbox::{ended, plan::Bounds};

/// How often memory and processes are looked at: while something goes on, and while nothing does.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));
/// How often what costs more to count is looked at.
const SLOW_LOOK: Duration = Duration::from_secs(1);
/// How the other end is found to be gone.
const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP);

/// Waits until the skill ends or has to; the exit code to end with.
///
/// `locks`: the table of file locks of this sandbox.
pub(super) fn supervise(skill: Pid, bounds: &Bounds, lifeline: Option<&OwnedFd>, locks: Option<&File>) -> u8 {
    let end = Instant::now() + Duration::from_millis(bounds.lifetime_ms);
    let watched = pidfd_open(skill, PidfdFlags::empty()).ok();
    let mut pause = LOOK.0;
    let mut last = 0;
    let mut slow = Instant::now() + SLOW_LOOK;
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
        if Instant::now() >= slow {
            if used::watches_too_much().unwrap_or(true) || locks.is_some_and(used::locks_too_much) {
                return ended::MEMORY;
            }
            slow = Instant::now() + SLOW_LOOK;
        }
        if Instant::now() >= end {
            return ended::TIME;
        }
        // A skill that waits for its call is looked at less and less often.
        let moved = used.memory.abs_diff(last) > 64 * 1024 || used.processes > 2;
        pause = if moved { LOOK.0 } else { (pause * 2).min(LOOK.1) };
        last = used.memory;
        let pause = pause.min(end.saturating_duration_since(Instant::now()));
        if wait_for_something(watched.as_ref(), lifeline, pause) {
            return ended::TIME;
        }
    }
}

/// Sleeps until the skill ends or `pause` is over. Whether the gateway is gone: nobody reads our standard error any more, or the lifeline is
/// broken (a container's engine goes on reading).
fn wait_for_something(main: Option<&OwnedFd>, lifeline: Option<&OwnedFd>, pause: Duration) -> bool {
    let stderr = stdio::stderr();
    let mut fds = vec![PollFd::from_borrowed_fd(stderr, PollFlags::empty())];
    fds.extend(lifeline.map(|fd| PollFd::new(fd, PollFlags::empty())));
    let gateway = fds.len();
    fds.extend(main.map(|fd| PollFd::new(fd, PollFlags::IN)));
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(pause.subsec_nanos().max(1_000_000)) };
    poll(&mut fds, Some(&pause)).is_ok() && fds.iter().take(gateway).any(|fd| fd.revents().intersects(GONE))
}

/// Sleeps until there is something to read; whether the lifeline broke meanwhile.
pub(super) fn is_alone(from: BorrowedFd<'_>, lifeline: Option<&OwnedFd>) -> bool {
    let mut fds = vec![PollFd::from_borrowed_fd(from, PollFlags::IN)];
    fds.extend(lifeline.map(|fd| PollFd::new(fd, PollFlags::empty())));
    poll(&mut fds, None).is_ok() && fds.iter().skip(1).any(|fd| fd.revents().intersects(GONE))
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

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        os::{
            fd::AsFd as _,
            unix::net::{UnixListener, UnixStream},
        },
    };

    use super::*;

    #[test]
    fn a_lifeline_that_nobody_accepts_breaks_with_its_gateway() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = UnixListener::bind(dir.path().join("life.sock")).unwrap();
        let lifeline: OwnedFd = UnixStream::connect(dir.path().join("life.sock")).unwrap().into();
        let (mut plan, from) = UnixStream::pair().unwrap();
        plan.write_all(b"0").unwrap();
        assert!(!is_alone(from.as_fd(), Some(&lifeline)), "there is a plan to read");
        assert!(!wait_for_something(None, Some(&lifeline), Duration::from_millis(1)));
        drop(gateway);
        assert!(is_alone(from.as_fd(), Some(&lifeline)));
        assert!(wait_for_something(None, Some(&lifeline), Duration::from_secs(60)));
    }
}
