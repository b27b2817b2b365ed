//! The Markdown's side of removing: lines that cite what goes, go first, while it can still be read what that is.

use std::{
    borrow::Cow,
    collections::HashSet,
    path::{Path, PathBuf},
};

use openclaw_core::{Lsn, MemoryId, MessageId, RunId, Timestamp, port::MemoryError};

use super::{Core, error};
use crate::{
    compaction::{self, Removed},
    fs::Fs,
    index::short_hash,
    record::Record,
    vault::Slot,
    wal::{Pointer, ReadError},
};

/// What was forgotten by intent and perhaps not yet carried out. While there is any, no checkpoint may pass the intent; so
/// whoever checkpoints or forgets holds this.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// Records to overwrite.
    pub(crate) records: Vec<Pointer>,
    /// Those of them that no line of the Markdown may cite any more. They are overwritten after those lines are gone, durably: then
    /// a start that meets the intent either finds their ids in them, or nothing left to do.
    cited: Vec<Pointer>,
    /// Remembered entries likewise.
    entries: Vec<MemoryId>,
    /// Keys of conversations that were erased, to be destroyed before the records are overwritten.
    pub(super) keys: Vec<Slot>,
}

impl Unfinished {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.keys.is_empty()
    }

    /// Adds what an intent names.
    pub(crate) fn owe(&mut self, records: &[Pointer], entries: &[MemoryId], keeps_lines: bool) {
        self.records.extend_from_slice(records);
        if !keeps_lines {
            self.cited.extend_from_slice(records);
            self.entries.extend_from_slice(entries);
        }
    }

    /// Adds what another one holds.
    pub(crate) fn take(&mut self, other: &mut Self) {
        self.records.append(&mut other.records);
        self.cited.append(&mut other.cited);
        self.entries.append(&mut other.entries);
        self.keys.append(&mut other.keys);
    }

    pub(super) fn done(&mut self) {
        *self = Self::default();
    }
}

/// What lines may not cite any more.
#[derive(Debug, Default)]
struct Gone {
    runs: HashSet<RunId>,
    ids: HashSet<String>,
    /// Records that can't be read: overwritten before, or damaged.
    unread: HashSet<Lsn>,
}

impl Core {
    pub(super) fn markdown_dir(&self) -> PathBuf {
        self.dir.join("compacted")
    }

    /// By what name compaction knows a file of the Markdown.
    pub(crate) fn markdown_name<'a>(&self, path: &'a Path) -> Cow<'a, str> {
        path.strip_prefix(self.markdown_dir()).unwrap_or(path).to_string_lossy()
    }

    pub(super) fn fs(&self) -> &dyn Fs {
        self.base.place().fs()
    }

    /// Takes out the lines that cite what goes. After that they are not asked for again. To be called with the Markdown's turn.
    pub(super) fn erase_lines(&self, unfinished: &mut Unfinished) -> Result<Removed, MemoryError> {
        if unfinished.cited.is_empty() && unfinished.entries.is_empty() {
            return Ok(Removed::default());
        }
        // One that was taken in again since keeps its lines, should a start meet the intent of before.
        let mut still_gone = Vec::with_capacity(unfinished.entries.len());
        for id in &unfinished.entries {
            if self.projections.memory(*id).map_err(|e| self.index_failed(e))?.is_none() {
                still_gone.push(*id);
            }
        }
        unfinished.entries = still_gone;
        let gone = self.gone(unfinished)?;
        let removed =
            compaction::erase_citations(self.fs(), &self.markdown_dir(), &|id| self.is_gone(id, &gone));
        let removed = removed.map_err(error::compaction)?;
        (unfinished.cited, unfinished.entries) = Default::default();
        if removed.lines > 0 {
            tracing::info!(
                lines = removed.lines,
                files = removed.touched.len(),
                "took lines out of the Markdown with what they cite"
            );
        }
        Ok(removed)
    }

    /// Does not look for lines that cite records, when all of these are overwritten: the lines went first. Most removals that a start
    /// meets were finished long before it, and looking up every citation of years of Markdown takes longer than the rest of the
    /// start. Lines that cite entries, whose ids are known, are looked for all the same.
    pub(super) fn pass_over_finished(&self, unfinished: &mut Unfinished) {
        let is_overwritten = |at: &Pointer| match self.reader.read_sealed(*at) {
            Err(ReadError::Erased(_)) => true,
            // With its segment, of which nothing was left.
            Err(ReadError::Absent { lsn, held }) => lsn < held.start,
            _ => false,
        };
        if unfinished.cited.iter().all(is_overwritten) {
            unfinished.cited.clear();
        }
    }

    /// Counts the lines from before a time, and those that cite what would go.
    pub(super) fn count_lines(
        &self,
        before: Timestamp,
        unfinished: &Unfinished,
    ) -> Result<Removed, MemoryError> {
        let gone = self.gone(unfinished)?;
        let is_gone = |id: &str| self.is_gone(id, &gone);
        compaction::count_before(self.fs(), &self.markdown_dir(), before, &is_gone).map_err(error::compaction)
    }

    fn gone(&self, unfinished: &Unfinished) -> Result<Gone, MemoryError> {
        let mut gone = Gone::default();
        gone.ids.extend(unfinished.entries.iter().map(MemoryId::to_string));
        for at in &unfinished.cited {
            let payload = self.payload(*at)?;
            match payload.as_deref().map(Record::decode) {
                Some(Ok(Record::Imported(record))) => _ = gone.ids.insert(record.id.as_str().to_owned()),
                Some(Ok(Record::Remembered(record))) => _ = gone.ids.insert(record.id.to_string()),
                // What became of an entry may go without the entry.
                Some(Ok(Record::Changed(_))) => {}
                Some(Ok(record)) => gone.runs.extend(record.run()),
                Some(Err(_)) | None => _ = gone.unread.insert(at.lsn),
            }
        }
        Ok(gone)
    }

    fn is_gone(&self, id: &str, gone: &Gone) -> bool {
        if gone.ids.contains(id) {
            return true;
        }
        let run = id.parse().ok().and_then(|id: MessageId| RunId::of_message(&id));
        if run.is_some_and(|run| gone.runs.contains(&run)) {
            return true;
        }
        if gone.unread.is_empty() {
            return false;
        }
        // As far as the index still knows where it was.
        let places = match run {
            Some(run) => self.projections.run_candidates(run),
            None => self.projections.import_candidates(&short_hash(id)),
        };
        places.is_ok_and(|places| places.iter().any(|at| gone.unread.contains(&at.lsn)))
    }

    /// Whether there is what a line cites.
    pub(super) fn can_be_cited(&self, id: &str) -> Result<bool, MemoryError> {
        if let Ok(id) = id.parse::<MemoryId>() {
            return Ok(self.projections.memory(id).map_err(|e| self.index_failed(e))?.is_some());
        }
        match id.parse::<MessageId>() {
            Ok(id) => self.holds_message(&id),
            Err(_) => Ok(false),
        }
    }
}

/// A file of the Markdown, relative to the data directory.
pub(super) fn relative(file: &str) -> String {
    Path::new("memory/compacted").join(file).to_string_lossy().into_owned()
}
