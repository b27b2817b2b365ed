//! Whether an index on the disk is what was written.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use redb::Database;

use super::{
    Base, IndexError,
    error::storage,
    place::{Place, engine_file},
};
use crate::fs::{Fs, Overlay};

/// Reads a whole index and holds every page against its checksum, without changing anything: what an engine does not do while
/// it answers. Takes about as long as reading the file. No checkpoint may run meanwhile.
pub(crate) fn check_pages(place: &Place) -> Result<(), IndexError> {
    without_panic(&place.file(), || Base::open(&place.read_only())?.check_pages())
}

/// The same for any file of the engine; a missing one is fine.
pub(crate) fn check_engine_file(fs: &Arc<dyn Fs>, path: &Path) -> Result<(), IndexError> {
    let file = match Overlay(Arc::clone(fs)).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|source| IndexError::Io { path: path.to_owned(), source })?,
    };
    without_panic(path, || {
        let mut database = engine_file(file).map_err(|error| storage(path, error))?;
        check_engine(&mut database, path)
    })
}

pub(super) fn check_engine(database: &mut Database, path: &Path) -> Result<(), IndexError> {
    // False: the engine mended something, so it was not what it had written.
    match database.check_integrity().map_err(|error| storage(path, error))? {
        true => Ok(()),
        false => Err(IndexError::Pages(path.to_owned())),
    }
}

/// Damaged pages may show as a panic.
fn without_panic<T>(path: &Path, work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(IndexError::Pages(path.to_owned())))
}
