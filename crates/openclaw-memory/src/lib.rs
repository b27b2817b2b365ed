//! placeholder

mod fs;
mod lock;
mod poison;
mod wal;

/// The log by itself, for this crate's tests, benches and fuzz targets. No stable interface.
#[doc(hidden)]
pub mod engine {

    pub use crate::{
        fs::{Fs, FsFile, RealFs},
        lock::{Lock, LockError},
        wal::{
            AppendError, ChangeError, Committed, Cut, Damage, Gap, LogHealth, Observer, OpenError, Pointer,
            ReadError, Reader, Record, Recovery, ReplayFrom, Scanner, SegmentInfo, Slot, Ticket, Wal,
            WalOptions,
        },
    };
}
