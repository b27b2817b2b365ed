//! Reading and replacing the files: whole, durable, and never over what a person wrote meanwhile.

use std::{
    collections::{BTreeSet, btree_map::Entry},
    io,
    path::{Path, PathBuf},
};

use super::{
    error::CompactionError,
    merge::Contents,
    place::{self, MAKING, SUMMARIES},
};
use crate::fs::Fs;

/// Largest file that is read, in bytes.
const FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Times that a changed file is read again before giving up.
pub(super) const ATTEMPTS: usize = 8;

/// The directory of the Markdown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
}

/// Whether a file was as it had been read when it was to be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// A person was quicker: read this file again.
    Changed(String),
}

impl Directory<'_> {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file's bytes; `None`: it is not there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CompactionError> {
        let path = self.path(name);
        let file = match self.fs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CompactionError::io("read", path)(error)),
        };
        let len = file.len().map_err(CompactionError::io("read", &path))?;
        if len > FILE_BYTES {
            return Err(CompactionError::TooLarge { path, bytes: len, limit: FILE_BYTES });
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let got = file.read_up_to(&mut bytes, 0).map_err(CompactionError::io("read", &path))?;
        bytes.truncate(got);
        Ok(Some(bytes))
    }

    /// Reads these files and their ledgers.
    pub(super) fn load(&self, names: &BTreeSet<String>) -> Result<Contents, CompactionError> {
        let mut contents = Contents::default();
        for name in names {
            contents.files.insert(name.clone(), self.read(name)?);
            let ledger = place::ledger(name);
            if let Entry::Vacant(vacant) = contents.ledgers.entry(ledger) {
                let bytes = self.read(vacant.key())?;
                vacant.insert(bytes);
            }
        }
        Ok(contents)
    }

    /// The names of all files: directly here, and of the summaries.
    pub(super) fn names(&self) -> Result<Vec<String>, CompactionError> {
        let mut names = Vec::new();
        for (dir, prefix) in
            [(self.dir.to_owned(), String::new()), (self.path(SUMMARIES), format!("{SUMMARIES}/"))]
        {
            let found = match self.fs.list(&dir) {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(CompactionError::io("list", dir)(error)),
            };
            let name = |path: &PathBuf| Some(format!("{prefix}{}", path.file_name()?.to_str()?));
            names.extend(found.iter().filter_map(name));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The names of all Markdown files.
    pub(super) fn markdown(&self) -> Result<Vec<String>, CompactionError> {
        let mut names = self.names()?;
        names.retain(|name| name.ends_with(".md"));
        Ok(names)
    }

    /// Removes what an interrupted run left half made.
    pub(super) fn clear(&self) -> Result<(), CompactionError> {
        for name in self.names()?.iter().filter(|name| name.ends_with(MAKING)) {
            let path = self.path(name);
            self.fs.remove(&path).map_err(CompactionError::io("remove", path))?;
        }
        Ok(())
    }

    /// Makes the directories, durably.
    pub(super) fn create(&self) -> Result<(), CompactionError> {
        let summaries = self.path(SUMMARIES);
        self.fs.create_dir_all(&summaries).map_err(CompactionError::io("create", summaries))?;
        if let Some(parent) = self.dir.parent() {
            self.fs.sync_dir(parent).map_err(CompactionError::io("sync", parent))?;
        }
        Ok(())
    }

    /// Makes the names in the directories durable, also those that an interrupted run has put there.
    pub(super) fn sync(&self) -> Result<(), CompactionError> {
        for dir in [self.path(SUMMARIES), self.dir.to_owned()] {
            match self.fs.sync_dir(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CompactionError::io("sync", dir)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the new bytes under another name, and makes them durable.
    fn make(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, CompactionError> {
        let making = self.path(&format!("{name}{MAKING}"));
        let write = || {
            let file = self.fs.create(&making)?;
            file.write_all_at(bytes, 0)?;
            file.sync_data()
        };
        write().map_err(CompactionError::io("write", &making))?;
        Ok(making)
    }

    /// Replaces a file unless it has changed since it was read; `after` of `None` removes it. Not durable before [`Self::sync`].
    pub(super) fn put(
        &self,
        name: &str,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Result<Put, CompactionError> {
        let path = self.path(name);
        let making = after.map(|bytes| self.make(name, bytes)).transpose()?;
        // From here to the rename there is no more than this one read.
        if self.read(name)?.as_deref() != before {
            return Ok(Put::Changed(name.to_owned()));
        }
        match making {
            Some(making) => self.fs.rename(&making, &path).map_err(CompactionError::io("replace", path))?,
            None if before.is_some() => self.fs.remove(&path).map_err(CompactionError::io("remove", path))?,
            None => {}
        }
        Ok(Put::Done)
    }

    /// Brings the files from `before` to `after`: first the Markdown, durably, then the ledgers, which must never know of a line that
    /// is not there. Returns the names of the Markdown files it replaced.
    pub(super) fn store(
        &self,
        before: &Contents,
        after: &Contents,
    ) -> Result<Result<Vec<String>, String>, CompactionError> {
        let mut written = Vec::new();
        for (name, bytes) in &after.files {
            let old = before.files.get(name).and_then(Option::as_deref);
            if old == bytes.as_deref() {
                continue;
            }
            match self.put(name, old, bytes.as_deref())? {
                Put::Done => written.push(name.clone()),
                Put::Changed(name) => return Ok(Err(name)),
            }
        }
        self.sync()?;
        let mut renamed = false;
        for (name, bytes) in &after.ledgers {
            let old = before.ledgers.get(name).and_then(Option::as_deref);
            if old == bytes.as_deref() {
                continue;
            }
            if let Put::Changed(name) = self.put(name, old, bytes.as_deref())? {
                return Ok(Err(name));
            }
            renamed = true;
        }
        if renamed {
            self.sync()?;
        }
        Ok(Ok(written))
    }
}
