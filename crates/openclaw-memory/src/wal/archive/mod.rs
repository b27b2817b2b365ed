//! Archives: sealed segments, compressed. Byte by byte in `docs/formats.md`, "Archive".
//!
//! An archive holds the very bytes of its segment at their old places, in blocks that are compressed one by one. So pointers
//! stay true, frames verify as before, and whatever reads a segment reads an archive through [`ArchiveFile`].

mod block;
mod change;
mod file;
mod head;
mod write;

use std::path::{Path, PathBuf};

pub(super) use change::{archive, erase_in};
pub(super) use file::{ArchiveFile, Unopened};
pub(super) use head::ArchiveHead;
pub(super) use write::{Draft, Layout, write};

/// Where the archive that starts with the record `first` lies.
pub(super) fn archive_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.arc"))
}
