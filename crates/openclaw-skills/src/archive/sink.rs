//! Where unpacked files go: below one opened folder, each made anew, never through a link.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags, fchmod, mkdirat, open, openat};
use sha2::{Digest as _, Sha256};

use super::{ArchiveError, MANIFESTS, RATIO_FROM, Tree, names::Names};
use crate::lock::{FileRecord, hex};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Writes one archive's files.
pub(super) struct Sink {
    dest: PathBuf,
    root: OwnedFd,
    names: Names,
    folders: Vec<String>,
    files: BTreeMap<String, FileRecord>,
    total: u64,
    /// Most bytes that may come out of an archive of this size.
    most: u64,
}

impl Sink {
    /// Into `dest`, from an archive of `size` bytes.
    pub(super) fn open(dest: &Path, names: Names, size: u64) -> Result<Self, ArchiveError> {
        let root = open(dest, FOLDER, Mode::empty()).map_err(|errno| io_at("open", dest)(errno.into()))?;
        let most = names.bounds().ratio.saturating_mul(size).saturating_add(RATIO_FROM);
        let (folders, files) = (Vec::new(), BTreeMap::new());
        Ok(Self { dest: dest.to_owned(), root, names, folders, files, total: 0, most })
    }

    /// Bytes that may still come: those of all files, and what headers and padding of so many may add.
    pub(super) fn stream_bytes(&self) -> u64 {
        self.names.bounds().total + self.names.bounds().files as u64 * 4096
    }

    /// Most bytes that one entry's long name or attributes may take.
    pub(super) fn path_bytes(&self) -> usize {
        self.names.bounds().path
    }

    /// Makes a folder.
    pub(super) fn folder(&mut self, path: &str) -> Result<(), ArchiveError> {
        let new = self.names.folder(path)?;
        self.make(new)
    }

    /// Makes a file of what `content` gives.
    pub(super) fn file(
        &mut self,
        path: &str,
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        let new = self.names.file(path)?;
        self.make(new)?;
        let shown = self.dest.join(path);
        let (parent, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(parent.as_ref().unwrap_or(&self.root), name, flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(made.map_err(|errno| io_at("create", &shown)(errno.into()))?);
        let mode = if executable { 0o755 } else { 0o644 };
        let (bytes, sha256) = self.copy(path, content, &mut file)?;
        fchmod(&file, Mode::from_raw_mode(mode))
            .map_err(io::Error::from)
            .and_then(|()| file.sync_all())
            .map_err(io_at("write", &shown))?;
        self.files.insert(path.to_owned(), FileRecord { sha256, bytes, executable });
        Ok(())
    }

    fn copy(
        &mut self,
        path: &str,
        content: &mut dyn Read,
        file: &mut File,
    ) -> Result<(u64, String), ArchiveError> {
        let bounds = self.names.bounds();
        let mut buffer = vec![0; 64 * 1024];
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok((bytes, hex(&hash.finalize()))),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ArchiveError::damaged(format!("`{path}` can't be read"), error)),
            };
            bytes += count as u64;
            self.total += count as u64;
            let too_much = |what, limit| Err(ArchiveError::TooMuch { what, unit: "bytes", limit });
            if bytes > bounds.file {
                return too_much("a file of the archive", bounds.file);
            }
            if self.total > bounds.total {
                return too_much("what the archive unpacks to", bounds.total);
            }
            if self.total > self.most {
                return Err(ArchiveError::entry(path, "it unpacks to far more than it takes: a bomb"));
            }
            let part = buffer.get(..count).unwrap_or_default();
            hash.update(part);
            file.write_all(part).map_err(io_at("write", &self.dest.join(path)))?;
        }
    }

    fn make(&mut self, new: Vec<String>) -> Result<(), ArchiveError> {
        for folder in new {
            let (parent, name) = self.parent(&folder)?;
            let failed = |errno: rustix::io::Errno| io_at("create", &self.dest.join(&folder))(errno.into());
            let parent = parent.as_ref().unwrap_or(&self.root);
            mkdirat(parent, name, Mode::RWXU).map_err(failed)?;
            // The umask may have taken bits away.
            let made = openat(parent, name, FOLDER, Mode::empty()).map_err(failed)?;
            fchmod(&made, Mode::from_raw_mode(0o755)).map_err(failed)?;
            self.folders.push(folder);
        }
        Ok(())
    }

    /// The folder of a path, opened part by part so that no link is followed, and the name in it. `None`: the root.
    fn parent<'p>(&self, path: &'p str) -> Result<(Option<OwnedFd>, &'p str), ArchiveError> {
        match path.rsplit_once('/') {
            None => Ok((None, path)),
            Some((folder, name)) => Ok((Some(self.walk(folder)?), name)),
        }
    }

    fn walk(&self, folder: &str) -> Result<OwnedFd, ArchiveError> {
        let failed = |errno: rustix::io::Errno| io_at("open", &self.dest.join(folder))(errno.into());
        let step = |from: BorrowedFd<'_>, name: &str| openat(from, name, FOLDER, Mode::empty());
        let mut parts = folder.split('/');
        let first = parts.next().unwrap_or_default();
        let first = step(self.root.as_fd(), first).map_err(failed)?;
        parts.try_fold(first, |at, name| step(at.as_fd(), name)).map_err(failed)
    }

    /// Everything is on the disk. A folder that is alone at the top and holds the skill is the skill.
    pub(super) fn finish(self) -> Result<Tree, ArchiveError> {
        let failed = |folder: &Path| io_at("write", folder);
        // Innermost first: a folder's entry is durable with the folder above.
        for folder in self.folders.iter().rev() {
            let opened = self.walk(folder)?;
            File::from(opened).sync_all().map_err(failed(&self.dest.join(folder)))?;
        }
        File::from(self.root).sync_all().map_err(failed(&self.dest))?;
        if self.files.is_empty() {
            return Err(ArchiveError::Ambiguous { reason: "it holds no files" });
        }
        let top =
            self.files.keys().next().and_then(|path| path.split_once('/')).map(|(top, _)| top.to_owned());
        let (mut root, mut files) = (self.dest, self.files);
        if let Some(top) = top.map(|top| format!("{top}/"))
            && MANIFESTS.iter().any(|name| files.contains_key(&format!("{top}{name}")))
            && files.keys().all(|path| path.starts_with(&top))
        {
            root.push(&top);
            let strip =
                |(path, file): (String, FileRecord)| Some((path.strip_prefix(&top)?.to_owned(), file));
            files = files.into_iter().filter_map(strip).collect();
        }
        Ok(Tree { root, files })
    }
}

fn io_at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + use<> {
    let path = path.to_owned();
    move |source| ArchiveError::Io { action, path, source }
}
