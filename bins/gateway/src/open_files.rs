//! How many files and sockets the process may have open, and how many of them connections get.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for every connection, with a file or a provider's socket for each. More only makes a leak harder to see.
const ENOUGH: u64 = 8192;
/// Kept for the log and its segments, the index, providers and the rest.
const RESERVED: u64 = 256;
/// Fewer connections than this are no gateway.
const FEWEST: usize = 16;

/// Raises the soft limit as far as the hard one allows, and as is useful. Returns what is in force.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(ENOUGH);
    if soft >= wanted {
        return soft;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        // What is there has to do.
        Err(_) => soft,
    }
}

/// How many of `wanted` connections there may be when `files` may be open.
pub(crate) fn connections(wanted: usize, files: u64) -> usize {
    let left = usize::try_from(files.saturating_sub(RESERVED)).unwrap_or(usize::MAX);
    let most = left.clamp(FEWEST, FEWEST.max(wanted));
    if most < wanted {
        tracing::warn!(
            connections = most,
            open_files = files,
            "fewer connections than usual: raise the limit of open files (`ulimit -n`) to {}",
            RESERVED + wanted as u64
        );
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (files, expected) in [(8192, 1024), (1280, 1024), (1024, 768), (256, 16), (0, 16)] {
            assert_eq!(connections(1024, files), expected, "{files}");
        }
    }

    #[test]
    fn raising_never_lowers() {
        let before = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(raise() >= before);
        assert_eq!(raise(), getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
    }
}
