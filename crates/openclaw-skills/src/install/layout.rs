//! Where the versions of a skill lie: `<name>/<version>/`, and the file `<name>/current` says which is in force.
//!
//! Installing heals what [`crate::package`] only reports: a pointer that holds no version counts as none, and a folder that is named like a
//! version is one, whatever is in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(super) use crate::package::set_current;
use crate::{name::check_version, package};

/// The folder of a version.
pub(super) fn version_dir(dir: &Path, name: &str, version: &str) -> PathBuf {
    dir.join(name).join(version)
}

/// The version in force; `None`: there is no pointer, or it holds no version.
pub(super) fn current(dir: &Path, name: &str) -> io::Result<Option<String>> {
    match package::current(dir, name) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        current => current,
    }
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
