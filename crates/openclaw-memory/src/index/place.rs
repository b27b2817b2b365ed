//! Where the index lies: a `redb` file on the memory's own file system, so that every fault can be played through.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Database, StorageBackend};

use super::base::{IndexError, storage};
use crate::fs::{Fs, FsFile};

/// Pages kept in memory. The system's page cache does the rest.
const CACHE_BYTES: usize = 1 << 20;
const FILE_NAME: &str = "index.redb";
/// Present when the index was found damaged while in use; the next start rebuilds it.
const CONDEMNED_NAME: &str = "rebuild";

/// The index's directory.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
}

impl Place {
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Self {
        Self { fs, dir }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn fs(&self) -> &dyn Fs {
        &*self.fs
    }

    pub(super) fn file(&self) -> PathBuf {
        self.dir.join(FILE_NAME)
    }

    /// Opens the file that is there.
    pub(super) fn open(&self) -> Result<Database, IndexError> {
        let path = self.file();
        match self.fs.open(&path) {
            Ok(file) => database(&path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(IndexError::Absent(path)),
            Err(source) => Err(IndexError::Io { path, source }),
        }
    }

    /// Makes a new one, which only its owner may read.
    pub(super) fn create(&self) -> Result<Database, IndexError> {
        let path = self.file();
        let created = self.fs.create_dir_all(&self.dir).and_then(|()| self.fs.create(&path));
        let file = created.map_err(|source| IndexError::Io { path: path.clone(), source })?;
        database(&path, file)
    }

    /// Removes the index, whatever state it is in.
    pub(crate) fn remove(&self) -> Result<(), IndexError> {
        for name in [FILE_NAME, CONDEMNED_NAME] {
            let path = self.dir.join(name);
            match self.fs.remove(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(IndexError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
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
