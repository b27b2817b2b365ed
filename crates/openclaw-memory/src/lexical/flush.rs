//! From memory to the disk: new segments, and the manifest that names them.

use std::{path::Path, sync::Arc};

use super::{
    LexicalError, Space,
    engine::{Lexical, Live, Writer},
    manifest::{self, Listed, Manifest},
    memtable::MemTable,
    postings::Posting,
    segment::{Segment, SegmentWriter},
};
use crate::fs::Fs;

impl Lexical {
    /// Whether so many documents are in memory that they should be flushed.
    #[must_use]
    pub fn flush_is_due(&self) -> bool {
        let state = self.state();
        let half = super::memtable::MAX_DOCS / 2;
        state
            .tables
            .iter()
            .any(|table| table.postings() >= self.options.memory_terms || table.rows().len() >= half)
    }

    /// Makes durable what is in memory, and how far it reaches.
    ///
    /// # Errors
    /// See [`LexicalError`]; what is in memory stays there, and is found.
    pub fn flush(&self) -> Result<(), LexicalError> {
        self.flush_locked(&mut self.writer())
    }

    pub(super) fn flush_locked(&self, writer: &mut Writer) -> Result<(), LexicalError> {
        let tables = {
            let mut state = self.state();
            state.tables.iter_mut().for_each(|table| Arc::make_mut(table).sort());
            state.tables.clone()
        };
        let mut manifest = writer.manifest.clone();
        manifest.covered = writer.covered;
        manifest.notes.clone_from(&writer.notes);
        let mut made = Vec::new();
        for (table, space) in tables.iter().zip([Space::Markdown, Space::Log]) {
            if table.rows().len() == table.dead() {
                continue;
            }
            // An id is used once, so that no file is taken for another.
            let id = writer.manifest.next;
            writer.manifest.next += 1;
            let path = manifest::segment_path(&self.dir, id);
            write_table(table, &*self.fs, &path, id, space)?;
            let segment = Arc::new(Segment::open(&*self.fs, &path, id, &self.cache)?);
            manifest.segments.push(Listed { id, dead: 0 });
            made.push(Live { segment, dead: None, generation: 0 });
        }
        manifest.next = writer.manifest.next;
        if manifest != writer.manifest || !writer.exists {
            self.commit(writer, manifest)?;
        }
        let mut state = self.state();
        if !made.is_empty() {
            state.segments = Arc::new(state.segments.iter().cloned().chain(made).collect());
        }
        state.tables = Default::default();
        Ok(())
    }

    /// Makes a manifest the one that counts.
    pub(super) fn commit(&self, writer: &mut Writer, manifest: Manifest) -> Result<(), LexicalError> {
        if writer.poisoned {
            return Err(LexicalError::Poisoned(self.dir.clone()));
        }
        if let Err(error) = manifest.replace(&*self.fs, &self.dir) {
            // Either may be on the disk now, so the files of both have to stay: nothing more can be changed.
            writer.poisoned = true;
            return Err(error);
        }
        writer.manifest = manifest;
        writer.exists = true;
        Ok(())
    }

    /// Whether a commit failed, so that the index takes no more changes until it is opened again.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.writer().poisoned
    }
}

/// Writes the documents of a table that are alive. The table is sorted.
fn write_table(
    table: &MemTable,
    fs: &dyn Fs,
    path: &Path,
    id: u64,
    space: Space,
) -> Result<(), LexicalError> {
    let alive = || table.rows().iter().filter(|row| !row.dead);
    let mut out = SegmentWriter::create(fs, path, id, space, alive().map(|row| Ok(row.length)))?;
    for row in alive() {
        out.row(&row.row)?;
    }
    out.end_of_rows()?;
    let mut next = 0;
    let numbers = table.rows().iter().map(|row| {
        let number = next;
        next += u32::from(!row.dead);
        number
    });
    let numbers: Vec<u32> = numbers.collect();
    for (hash, posting) in table.all() {
        let at = posting.doc as usize;
        if let (Some(row), Some(doc)) = (table.rows().get(at).filter(|row| !row.dead), numbers.get(at)) {
            out.term(hash, Posting { doc: *doc, ..posting }, row.length)?;
        }
    }
    out.finish()
}
