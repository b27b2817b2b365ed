//! Settings of the process's allocator.
//!
//! This crate must never do more than that: it is the only one of the workspace that may call C.

/// Heaps (glibc: arenas) of all threads together.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 2;

/// Has all threads share two heaps (`M_ARENA_MAX`, [mallopt(3)](https://man7.org/linux/man-pages/man3/mallopt.3.html)). To be called
/// before the first thread is started: heaps that are there stay. Tells whether it was done; elsewhere than under glibc there is
/// no such setting and nothing to be done.
///
/// glibc gives threads heaps of their own, up to eight for each core. What one thread allocates and another frees leaves holes in
/// the heap of the first, and none of them is given back.
pub fn share_arenas() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the C library has no other way to say it")]
        // SAFETY: mallopt takes two numbers, holds the allocator's own lock, and touches no memory of ours.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS) == 1
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::sync::Barrier;

    /// The kernel names the heaps of further arenas in no way, but it gives them 64 MiB of address space each, aligned to that.
    fn arenas() -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let begin = |line: &str| u64::from_str_radix(line.split('-').next()?, 16).ok();
        maps.lines()
            .filter(|line| line.contains("rw-p 00000000 00:00 0"))
            .filter_map(begin)
            .filter(|at| at % (64 << 20) == 0)
            .count()
    }

    #[test]
    fn threads_share_their_heaps() {
        // Another test of this crate would have to be a process of its own, as nextest has them.
        assert!(super::share_arenas());
        let barrier = Barrier::new(9);
        std::thread::scope(|scope| {
            for n in 0..8 {
                let barrier = &barrier;
                scope.spawn(move || {
                    let held = vec![n; 5000];
                    barrier.wait();
                    barrier.wait();
                    drop(held);
                });
            }
            barrier.wait();
            let arenas = arenas();
            barrier.wait();
            assert!(arenas < super::ARENAS as usize, "{arenas} beside the first");
        });
    }
}
