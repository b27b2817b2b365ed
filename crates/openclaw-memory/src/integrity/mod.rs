//! Whether a memory is what was written, and putting it in order when it is not.

mod derived;
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

pub use repair::{RepairReport, repair, repair_with};
pub use report::{CheckProgress, LostRecord, VerifyReport};
pub use verify::{verify, verify_with};

use crate::{
    OpenError,
    fs::Fs,
    lock::Lock,
    vault::{Unlock, Vault},
    wal::WalOptions,
};

/// Where a memory keeps its archives.
pub(crate) fn log_options(dir: &Path, mut options: WalOptions) -> WalOptions {
    options.archive_dir = Some(dir.join("archive"));
    options
}

/// Nobody may change a memory while it is checked as a closed one.
fn lock(dir: &Path) -> Result<Lock, OpenError> {
    Lock::acquire(&dir.join("lock")).map_err(|error| OpenError::lock(dir.to_owned(), error))
}

/// What opens sealed records; nothing is made that is not there.
fn open_vault(fs: &dyn Fs, dir: &Path, unlock: Option<&Unlock>) -> Result<Option<Vault>, OpenError> {
    match unlock {
        Some(unlock) if Vault::exists(fs, dir)? => Ok(Some(Vault::open(fs, dir, unlock)?)),
        _ => Ok(None),
    }
}
