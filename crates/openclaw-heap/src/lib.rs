//! What the process asks of its allocator, and of the kernel for its own code.
//!
//! This crate must never do more than that: it is the only one of the workspace that may call C.

mod code;

pub use code::give_back_code;

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

/// Gives memory that was freed back to the system, also where some of the same heap is still in use
/// (`malloc_trim`, [malloc_trim(3)](https://man7.org/linux/man-pages/man3/malloc_trim.3.html)). Goes through all that is free and
/// holds up who allocates meanwhile, for milliseconds when tens of MiB are. Tells whether there was something to give; elsewhere
/// than under glibc there is not.
pub fn give_back() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "the C library has no other way to say it")]
        // SAFETY: malloc_trim takes a number, holds the allocator's own locks, and gives away only what nobody has.
        unsafe {
            libc::malloc_trim(0) == 1
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::sync::Barrier;

    fn resident_pages() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
    }

    #[test]
    fn what_lies_between_is_given_back() {
        // Every 64th stays, so that no page but its own is kept by it.
        let mut held: Vec<Vec<u8>> = (0..20_000).map(|n| vec![n as u8; 1024]).collect();
        let before = resident_pages();
        let mut n = 0;
        held.retain(|_| {
            n += 1;
            n % 64 == 0
        });
        assert!(super::give_back());
        let after = resident_pages();
        assert!(after + 2000 < before, "{before} pages, then {after}");
        assert_eq!(held.len(), 20_000 / 64);
    }

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
