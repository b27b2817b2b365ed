//! Where the index lies: a `redb` file on the memory's own file system, so that every fault can be played through.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, StorageBackend};

use super::error::{IndexError, storage};
use crate::fs::{Fs, FsFile, Overlay};

/// Pages kept in memory. The system's page cache does the rest.
const CACHE_BYTES: usize = 1 << 20;
const FILE_NAME: &str = "index.redb";
/// One that is being made while the other is in use.
const NEXT_NAME: &str = "index.redb.new";
/// Present while the index in use is known to be damaged; a start that finds it rebuilds the index.
const CONDEMNED_NAME: &str = "rebuild";

/// The index's directory.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    name: &'static str,
}

impl Place {
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        Self { fs, dir, name: FILE_NAME }
    }

    /// The same directory, where nothing can be changed.
    pub(crate) fn read_only(&self) -> Self {
        Self { fs: Arc::new(Overlay(Arc::clone(&self.fs))), ..self.clone() }
    }

    /// Where an index is made while the one in use stays.
    pub(crate) fn next(&self) -> Self {
        Self { name: NEXT_NAME, ..self.clone() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.fs
    }

    /// The file as messages name it: also one that only takes its place later.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join(FILE_NAME)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(self.name)
    }

    /// Opens the file that is there.
    pub(super) fn open(&self) -> Result<Database, IndexError> {
        let path = self.path();
        match self.fs.open(&path) {
            Ok(file) => database(&path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(IndexError::Absent(path)),
            Err(source) => Err(IndexError::Io { path, source }),
        }
    }

    /// Makes a new one, which only its owner may read.
    pub(super) fn create(&self) -> Result<Database, IndexError> {
        let path = self.path();
        let created = self.fs.create_dir_all(&self.dir).and_then(|()| self.fs.create(&path));
        let file = created.map_err(|source| IndexError::Io { path: path.clone(), source })?;
        database(&path, file)
    }

    /// Removes the index, whatever state it is in.
    pub(crate) fn remove(&self) -> Result<(), IndexError> {
        [FILE_NAME, NEXT_NAME, CONDEMNED_NAME].into_iter().try_for_each(|name| self.remove_file(name))
    }

    fn remove_file(&self, name: &str) -> Result<(), IndexError> {
        let path = self.dir.join(name);
        match self.fs.remove(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(IndexError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// Removes what was made of an index that was to take this one's place.
    pub(crate) fn remove_next(&self) -> Result<(), IndexError> {
        self.remove_file(NEXT_NAME)
    }

    /// Puts the file made at [`Place::next`] in the place of the other, which stays readable for who has it open.
    pub(crate) fn promote_next(&self) -> Result<(), IndexError> {
        let (from, to) = (self.dir.join(NEXT_NAME), self.file());
        let renamed = self.fs.rename(&from, &to).and_then(|()| self.fs.sync_dir(&self.dir));
        renamed.map_err(|source| IndexError::Io { path: to, source })
    }

    /// The index can be trusted again.
    pub(crate) fn acquit(&self) -> Result<(), IndexError> {
        self.remove_file(CONDEMNED_NAME)
    }

    /// Notes that the index can't be trusted, so that the next start builds it anew.
    pub(crate) fn condemn(&self) {
        if let Err(error) = self.fs.create(&self.dir.join(CONDEMNED_NAME)) {
            tracing::warn!(%error, path = %self.dir.display(), "can't mark the index for rebuilding");
        }
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.fs.open(&self.dir.join(CONDEMNED_NAME)).is_ok()
    }
}

fn database(path: &Path, file: Arc<dyn FsFile>) -> Result<Database, IndexError> {
    engine_file(file).map_err(|error| storage(path, error))
}

/// A `redb` file, new or old, on the memory's own file system.
pub(crate) fn engine_file(file: Arc<dyn FsFile>) -> Result<Database, redb::DatabaseError> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder.create_with_backend(File(file))
}

/// The file as the engine uses it. Who may use it is settled by the memory's own lock.
#[derive(Debug)]
struct File(Arc<dyn FsFile>);

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
