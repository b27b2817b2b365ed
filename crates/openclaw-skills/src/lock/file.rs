//! The lock file on the disk, and how small files are replaced whole.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

use serde::{Deserialize, Serialize};

use super::{Lock, Record, digest::is_sha256};
use crate::{
    archive::check_path,
    limits::LOCK_TIME,
    name::{check_name, check_version},
};

/// The file's name in the skills directory.
const NAME: &str = "skills.lock";
/// The version this program reads and writes.
const VERSION: u32 = 1;
/// Longest file that is read, in bytes: a hundred thousand files.
const BYTES: u64 = 32 * 1024 * 1024;

/// The lock file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// It is not what was written: installed skills can't be trusted.
    #[error(
        "{} is damaged ({reason}): installed skills are disabled. Restore it from a copy, or remove it and install them again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("{} is of version {version}, and this program reads version {VERSION}: use a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Another change takes its time.
    #[error(
        "{} is still being changed by {}, after {} s: try again when that is done",
        dir.display(), holder_words(*holder), LOCK_TIME.as_secs()
    )]
    Held {
        /// The skills directory.
        dir: PathBuf,
        /// The process's number, if it says.
        holder: Option<u32>,
    },
    /// The system refused.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

fn holder_words(holder: Option<u32>) -> String {
    match holder {
        Some(id) if id == process::id() => "another request to this program".to_owned(),
        Some(id) => format!("another program (process {id})"),
        None => "another program".to_owned(),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    skills: BTreeMap<String, Vec<Record>>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Lock {
    /// Reads the lock of a skills directory; `None`: there is none. Blocking.
    ///
    /// # Errors
    /// When the file is damaged, of a newer version, or can't be read.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, LockError> {
        let path = dir.join(NAME);
        let failed = |source| LockError::Io { action: "read", path: path.clone(), source };
        let damaged = |reason: String| LockError::Damaged { path: path.clone(), reason };
        let file = match open_plain(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > BYTES {
            return Err(damaged(format!("it has more than {BYTES} bytes")));
        }
        let json = |error: serde_json::Error| damaged(error.to_string());
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(json)?;
        if version != VERSION {
            return Err(LockError::Newer { path: path.clone(), version });
        }
        let content: Content = serde_json::from_slice(&bytes).map_err(json)?;
        check(&content).map_err(damaged)?;
        Ok(Some(Self { skills: content.skills }))
    }

    /// Replaces the lock of a skills directory; it is on the disk when this returns. Blocking; the caller holds the
    /// directory's [`super::Guard`].
    ///
    /// # Errors
    /// When the file can't be written; the one before is then still there.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), LockError> {
        let path = dir.join(NAME);
        let failed = |source: io::Error| LockError::Io { action: "write", path: path.clone(), source };
        let content = Content { version: VERSION, skills: self.skills.clone() };
        let mut bytes = serde_json::to_vec_pretty(&content).map_err(|error| failed(error.into()))?;
        bytes.push(b'\n');
        write_whole(&path, &bytes).map_err(failed)
    }
}

/// What is used as a path must be one.
fn check(content: &Content) -> Result<(), String> {
    for (name, versions) in &content.skills {
        check_name(name).map_err(|error| format!("{name:?}: {error}"))?;
        if versions.is_empty() {
            return Err(format!("`{name}` has no version"));
        }
        for (index, record) in versions.iter().enumerate() {
            let version = &record.version;
            check_version(version).map_err(|error| format!("`{name}` {version:?}: {error}"))?;
            if versions.iter().take(index).any(|other| other.version == *version) {
                return Err(format!("`{name}` {version} stands there twice"));
            }
            for (path, file) in &record.files {
                check_path(path).map_err(|reason| format!("`{name}` {version}, {path:?}: {reason}"))?;
                if !is_sha256(&file.sha256) {
                    return Err(format!("`{name}` {version}, `{path}`: its sha256 is none"));
                }
            }
        }
    }
    Ok(())
}

/// Opens a plain file for reading; a link, a pipe or a device is an error.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no plain file")) }
}

/// Replaces a file whole, mode 0600: written beside it, synced, renamed, and the folder synced.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let draft = folder.join(format!(".{}.new", name.to_string_lossy()));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let replaced =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if replaced.is_err() {
        // It takes room where there may be none.
        let _ = fs::remove_file(&draft);
    }
    replaced?;
    sync_folder(folder)
}

/// Makes what was created, renamed and removed in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
