//! Where the versions of a skill lie: `<name>/<version>/`, and the file `<name>/current` says which is in force.
//!
//! Stands in for `package::layout`, which replaces it function by function.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    lock::{open_plain, write_whole},
    name::check_version,
};

/// The pointer's name.
const CURRENT: &str = "current";
/// Longest pointer that is read, in bytes.
const BYTES: u64 = 256;

/// The folder of a version.
pub(super) fn version_dir(dir: &Path, name: &str, version: &str) -> PathBuf {
    dir.join(name).join(version)
}

/// The version in force; `None`: there is no pointer, or it points to no version.
pub(super) fn current(dir: &Path, name: &str) -> io::Result<Option<String>> {
    let file = match open_plain(&dir.join(name).join(CURRENT)) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(BYTES).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let version = text.trim_end();
    Ok(check_version(version).is_ok().then(|| version.to_owned()))
}

/// Puts a version in force: one atomic replacement, on the disk when this returns.
pub(super) fn set_current(dir: &Path, name: &str, version: &str) -> io::Result<()> {
    write_whole(&dir.join(name).join(CURRENT), format!("{version}\n").as_bytes())
}

/// The folders that are named like versions.
pub(super) fn versions(dir: &Path, name: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir.join(name)) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut versions = Vec::new();
    for entry in entries {
        let entry = entry?;
        let version = entry.file_name().into_string().ok().filter(|text| check_version(text).is_ok());
        if entry.file_type()?.is_dir() {
            versions.extend(version);
        }
    }
    versions.sort();
    Ok(versions)
}
