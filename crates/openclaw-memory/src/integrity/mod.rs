//! Whether a memory is what was written, and putting it in order when it is not.

mod index;
mod lost;
mod repair;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;

pub(crate) use verify::verify_open;

pub use repair::{RepairReport, repair};
pub use report::{CheckProgress, LostRecord, VerifyReport};
pub use verify::verify;

use crate::{OpenError, lock::Lock, wal::WalOptions};

/// Where a memory keeps its archives.
pub(crate) fn log_options(dir: &Path, mut options: WalOptions) -> WalOptions {
    options.archive_dir = Some(dir.join("archive"));
    options
}

/// Nobody may change a memory while it is checked as a closed one.
fn lock(dir: &Path) -> Result<Lock, OpenError> {
    Lock::acquire(&dir.join("lock")).map_err(|error| OpenError::lock(dir.to_owned(), error))
}
