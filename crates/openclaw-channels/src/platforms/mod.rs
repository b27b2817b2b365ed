//! The platforms. Each folder here is one: `mod.rs` has a `PLATFORM`, and nothing outside of the folder names it.

use crate::adapter::Platform;

include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

/// The platform with this name.
#[must_use]
pub fn platform(name: &str) -> Option<&'static dyn Platform> {
    platforms().find(|platform| platform.name() == name)
}

/// Every platform, by name.
pub fn platforms() -> impl Iterator<Item = &'static dyn Platform> {
    ALL.iter().copied()
}
