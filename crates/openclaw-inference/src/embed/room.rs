//! Memory that the system gets back as soon as it is let go of.

/// Bytes to reserve at least. The allocators of Linux keep smaller pieces for later once they have seen some of their size
/// (glibc's `M_MMAP_THRESHOLD` grows up to 32 MiB), and a model that was unloaded would stay resident. What is reserved and
/// never written costs nothing but address space.
const LEAST: usize = 33 << 20;

/// An empty vector with room for `count` things, which all goes back to the system with it.
pub(super) fn returnable<T>(count: usize) -> Vec<T> {
    Vec::with_capacity(count.max(LEAST / size_of::<T>().max(1)))
}
