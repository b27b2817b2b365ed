//! Archives from strangers, unpacked into a folder and nowhere else.
//!
//! An archive is either read whole by the rules below or refused with a reason: nothing in it is skipped, renamed or mended, so
//! that no two programs can read two skills in it. Blocking.

#[cfg(test)]
pub(crate) mod build;
mod error;
mod names;
mod sink;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(crate) use self::{error::ArchiveError, names::check_path};
use self::{names::Names, sink::Sink};
use crate::lock::FileRecord;

/// The file that makes a folder a skill, as it should be called, and as some call it.
pub(crate) const MANIFESTS: [&str; 2] = ["SKILL.md", "skill.md"];

/// Whether something in this folder makes it a skill.
pub(crate) fn has_manifest(folder: &Path) -> bool {
    MANIFESTS.iter().any(|name| std::fs::symlink_metadata(folder.join(name)).is_ok())
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArchiveKind {
    Zip,
    TarGz,
}

impl ArchiveKind {
    /// By its first bytes, whatever it is called.
    fn of(bytes: &[u8]) -> Option<Self> {
        // The second is an archive without entries.
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
            Some(Self::TarGz)
        } else {
            None
        }
    }
}

/// What an archive may hold.
#[derive(Debug, Clone)]
pub(crate) struct ArchiveBounds {
    /// Bytes of the archive itself.
    pub(crate) archive: u64,
    /// Bytes of all files together.
    pub(crate) total: u64,
    /// Bytes of one file.
    pub(crate) file: u64,
    /// Files.
    pub(crate) files: usize,
    /// Folders above a file, and the file.
    pub(crate) depth: usize,
    /// Bytes of a path.
    pub(crate) path: usize,
    /// How many bytes come out for one that went in, once more than [`RATIO_FROM`] came out. Source code and text stay below 20.
    pub(crate) ratio: u64,
}

/// Bytes that may come out whatever went in: small files of zeros are no bomb.
const RATIO_FROM: u64 = 1024 * 1024;

impl Default for ArchiveBounds {
    fn default() -> Self {
        Self {
            archive: 20 * 1024 * 1024,
            total: 64 * 1024 * 1024,
            file: 16 * 1024 * 1024,
            files: 2000,
            depth: 16,
            path: 512,
            ratio: 200,
        }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The folder with the skill: the one it was unpacked into, or the only one in that.
    pub(crate) root: PathBuf,
    /// Every file by its path below `root`, `/` between its parts.
    pub(crate) files: BTreeMap<String, FileRecord>,
}

/// Unpacks an archive into `dest`, an empty folder that nobody else writes into. Files are 0644 or 0755 and folders 0755, whatever
/// the archive says; all are on the disk when this returns. After an error, `dest` may hold some of them.
pub(crate) fn unpack(bytes: &[u8], dest: &Path, bounds: &ArchiveBounds) -> Result<Tree, ArchiveError> {
    let size = bytes.len() as u64;
    if size > bounds.archive {
        return Err(ArchiveError::TooMuch { what: "the archive", unit: "bytes", limit: bounds.archive });
    }
    let kind = ArchiveKind::of(bytes).ok_or(ArchiveError::UnknownKind)?;
    let mut sink = Sink::open(dest, Names::new(bounds), size)?;
    match kind {
        ArchiveKind::Zip => zip::read(bytes, &mut sink)?,
        ArchiveKind::TarGz => tar::read(bytes, &mut sink)?,
    }
    sink.finish()
}

/// For the fuzzer: whatever the bytes, this returns, and nothing is written outside `dest`.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8], dest: &Path) {
    let bounds = ArchiveBounds { total: 1 << 20, file: 1 << 18, files: 50, ..ArchiveBounds::default() };
    if let Ok(tree) = unpack(bytes, dest, &bounds) {
        assert!(tree.root.starts_with(dest), "{} is outside", tree.root.display());
        for path in tree.files.keys() {
            assert!(tree.root.join(path).is_file(), "{path} was not written");
        }
    }
}
