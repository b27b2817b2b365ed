//! Sizes and counts, and the Markdown files as far as this version knows them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use openclaw_core::{
    Timestamp,
    port::{CompactedStats, MemoryError, MemoryStats, PruneRequest, Pruned, WalStats},
};

use super::Core;

/// A file below a directory.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
}

/// The Markdown files, in no order.
pub(crate) fn compacted_files(dir: &Path) -> Result<Vec<Found>, MemoryError> {
    let mut files = walk(&dir.join("compacted"))?;
    files.retain(|file| file.path.extension().is_some_and(|extension| extension == "md"));
    Ok(files)
}

fn walk(dir: &Path) -> Result<Vec<Found>, MemoryError> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let failed = |source| MemoryError::Io { path: dir.clone(), source };
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // Links are not followed: what they point at is not the memory's.
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.is_file() {
                let modified = metadata.modified().map_or_else(|_| Timestamp::now(), Timestamp::from);
                found.push(Found { path: entry.path(), bytes: metadata.len(), modified });
            }
        }
    }
    Ok(found)
}

/// Removes, or counts, those of these Markdown files that were last written before a time.
pub(super) fn prune_files(
    dir: &Path,
    names: &[String],
    request: &PruneRequest,
    pruned: &mut Pruned,
) -> Result<(), MemoryError> {
    for file in compacted_files(dir)? {
        let among = |name: &String| file.path == dir.join("compacted").join(name);
        if file.modified >= request.before || !names.iter().any(among) {
            continue;
        }
        if request.confirm {
            fs::remove_file(&file.path)
                .map_err(|source| MemoryError::Io { path: file.path.clone(), source })?;
        }
        pruned.compacted_files += 1;
        pruned.bytes += file.bytes;
    }
    Ok(())
}

/// What the log takes on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogBytes {
    /// Its segments.
    pub wal: u64,
    /// Those that were archived, as they are.
    pub archive: u64,
}

impl Core {
    pub(crate) fn log_bytes(&self) -> LogBytes {
        let mut bytes = LogBytes::default();
        for segment in self.reader.segments() {
            match segment.archived {
                Some(archived) => bytes.archive += archived,
                None => bytes.wal += segment.bytes,
            }
        }
        bytes
    }

    pub(super) fn stats(&self) -> Result<MemoryStats, MemoryError> {
        self.find_oldest()?;
        let counters = self.projections.counters();
        let compacted = compacted_files(&self.dir)?;
        let LogBytes { wal: wal_bytes, archive: archive_bytes } = self.log_bytes();
        let compacted_bytes: u64 = compacted.iter().map(|file| file.bytes).sum();
        let last_compaction =
            self.compactions(1)?.into_iter().next().map(|done| {
                done.report.started_at.saturating_add(Duration::from_millis(done.report.took_ms))
            });
        Ok(MemoryStats {
            wal: WalStats {
                entries: counters.messages + counters.memories,
                bytes: wal_bytes,
                oldest: counters.oldest_ms.map(Timestamp::from_unix_millis),
            },
            compacted: CompactedStats {
                files: compacted.len() as u64,
                bytes: compacted_bytes,
                last_compaction,
            },
            // What is derived, and the room kept ahead of the log's end, is nobody's memory.
            semantic: self.semantic.as_ref().and_then(|semantic| semantic.stats(&self.reader)),
            archive_bytes,
            total_bytes: wal_bytes + archive_bytes + compacted_bytes,
        })
    }
}
