//! Whether the files are still those that were installed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    fs::{self, Metadata},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sha2::{Digest as _, Sha256};

use super::{FileRecord, LockError, Record, digest::hex, file::open_plain};

/// Most files and folders that are looked at; an archive has fewer.
const ENTRIES: usize = 10_000;
/// Most differences that are told.
const DIFFERENCES: usize = 100;
/// A file changed so short a time ago may change again and look the same: clocks of file systems tick slowly.
const SETTLED: Duration = Duration::from_secs(2);

/// One difference between the files and the lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// Another content, length or kind, or it can be run now, or no more.
    Changed(String),
    /// It is not there.
    Missing(String),
    /// It was not installed.
    Added(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => write!(f, "changed: {path}"),
            Self::Missing(path) => write!(f, "missing: {path}"),
            Self::Added(path) => write!(f, "added: {path}"),
        }
    }
}

/// Compares files with the lock. Folders whose files have not been touched since are not hashed again.
#[derive(Debug)]
pub(crate) struct Verifier {
    settled: Duration,
    /// By folder: what it looked like when its files were found to be right.
    intact: Mutex<HashMap<PathBuf, u64>>,
}

/// What is in a folder, by path; folders themselves are not in it.
type Found = BTreeMap<String, Metadata>;

impl Default for Verifier {
    fn default() -> Self {
        Self::new(SETTLED)
    }
}

impl Verifier {
    pub(super) fn new(settled: Duration) -> Self {
        Self { settled, intact: Mutex::default() }
    }

    /// How many folders are known to be intact.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.intact.lock().map_or(0, |seen| seen.len())
    }

    /// Compares the files below `root` with `record`; links count as changed, folders without files do not count. Blocking.
    ///
    /// # Errors
    /// When a file can't be read.
    pub(crate) fn differences(&self, root: &Path, record: &Record) -> Result<Vec<Difference>, LockError> {
        let failed = |source| LockError::Io { action: "check", path: root.to_owned(), source };
        let mut found = Found::new();
        collect(root, "", &mut found, &mut 0).map_err(failed)?;
        let look = looks(&found, record);
        let is_known = |seen: &HashMap<_, _>| seen.get(root) == Some(&look);
        if self.intact.lock().is_ok_and(|seen| is_known(&seen)) {
            return Ok(Vec::new());
        }
        let mut differences = BTreeSet::new();
        for (path, file) in &record.files {
            match found.get(path) {
                None => {
                    differences.insert(Difference::Missing(path.clone()));
                }
                Some(metadata) => {
                    if !is_same(&root.join(path), metadata, file).map_err(failed)? {
                        differences.insert(Difference::Changed(path.clone()));
                    }
                }
            }
        }
        let added = found.keys().filter(|path| !record.files.contains_key(*path));
        differences.extend(added.cloned().map(Difference::Added));
        if let Ok(mut seen) = self.intact.lock() {
            if differences.is_empty() && is_settled(&found, self.settled) {
                seen.insert(root.to_owned(), look);
            } else {
                seen.remove(root);
            }
        }
        Ok(differences.into_iter().take(DIFFERENCES).collect())
    }
}

fn collect(folder: &Path, prefix: &str, found: &mut Found, count: &mut usize) -> io::Result<()> {
    // A link in place of the folder is not followed: then every file is missing.
    let is_folder = match fs::symlink_metadata(folder) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    if !is_folder {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        *count += 1;
        if *count > ENTRIES {
            return Err(io::Error::other(format!("there are more than {ENTRIES} files")));
        }
        // A name that is not UTF-8 was not installed, whatever it is shown as.
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = fs::symlink_metadata(entry.path())?;
        if metadata.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found, count)?;
        } else {
            found.insert(path, metadata);
        }
    }
    Ok(())
}

fn is_same(path: &Path, metadata: &Metadata, file: &FileRecord) -> io::Result<bool> {
    let is_executable = metadata.mode() & 0o111 != 0;
    let has_privileges = metadata.mode() & 0o7000 != 0;
    if !metadata.is_file()
        || metadata.len() != file.bytes
        || is_executable != file.executable
        || has_privileges
    {
        return Ok(false);
    }
    let (mut opened, mut hash) = (open_plain(path)?.take(file.bytes + 1), Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match opened.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize()) == file.sha256),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// One number for what a folder looks like without reading its files, and for what it is compared with. The kernel keeps the
/// time of change; who can set that can do worse.
fn looks(found: &Found, record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, metadata) in found {
        let times = (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
        (path, metadata.dev(), metadata.ino(), metadata.len(), metadata.mode(), times).hash(&mut hasher);
    }
    record.files.hash(&mut hasher);
    hasher.finish()
}

fn is_settled(found: &Found, settled: Duration) -> bool {
    let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return false };
    found.values().all(|metadata| {
        let changed = Duration::from_secs(u64::try_from(metadata.ctime()).unwrap_or(u64::MAX));
        changed.checked_add(settled).is_some_and(|then| then < now)
    })
}
