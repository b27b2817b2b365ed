//! Whether the index's files are what was written.

use std::{path::Path, sync::Arc};

use super::{Lexical, LexicalError, engine::Live, load::open_segments, manifest::Manifest, page::PageCache};
use crate::fs::Fs;

/// Holds every page of an index that nobody has open against its checksum. Needs no key, changes nothing, and takes about as
/// long as reading the files.
///
/// # Errors
/// See [`LexicalError`]: [`LexicalError::Absent`] and [`LexicalError::Version`] when there is none to look at.
pub(crate) fn check_closed(fs: &dyn Fs, dir: &Path) -> Result<(), LexicalError> {
    let (manifest, _) = Manifest::read_unproven(fs, dir)?;
    let cache = Arc::new(PageCache::new(0));
    check_all(&open_segments(fs, dir, &manifest, &cache)?)
}

fn check_all(segments: &[Live]) -> Result<(), LexicalError> {
    segments.iter().try_for_each(|live| live.segment.file.check_pages())
}

impl Lexical {
    /// Holds every page of its files against its checksum, past the cache. Searches and changes go on meanwhile.
    ///
    /// # Errors
    /// [`LexicalError::Damaged`] with the first page that is wrong, [`LexicalError::Io`].
    pub fn check(&self) -> Result<(), LexicalError> {
        let segments = Arc::clone(&self.state().segments);
        check_all(&segments)
    }
}
