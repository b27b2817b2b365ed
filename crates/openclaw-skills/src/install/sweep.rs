//! What a crash left is taken back or completed.

use std::{fs, io, path::Path};

use super::{InstallError, layout};
use crate::{lock::Lock, name::check_name};

/// Folders that are being unpacked; no skill can have such a name.
pub(super) const STAGING: &str = ".staging-";
/// Folders that are being removed: the time, a hyphen and the skill's name follow.
pub(super) const TRASH: &str = ".removed-";

/// Brings a skills directory into a state that one of its changes could have ended in. The caller holds its lock. A damaged
/// lock file stays as it is, and so does what it speaks of. Blocking.
pub(super) fn sweep(dir: &Path) -> Result<(), InstallError> {
    let removed = leftovers(dir)?;
    let Some(before) = Lock::read(dir)? else { return Ok(()) };
    let mut lock = before.clone();
    for name in removed {
        if fs::symlink_metadata(dir.join(&name)).is_err() {
            lock.remove(&name);
        }
    }
    let names: Vec<_> = lock.names().map(str::to_owned).collect();
    for name in &names {
        settle(dir, name, &mut lock)?;
    }
    if lock != before {
        lock.write(dir)?;
    }
    for name in &names {
        discard(dir, name, &lock)?;
    }
    Ok(())
}

/// Deletes what was being unpacked or removed; returns the names of skills that were being removed.
fn leftovers(dir: &Path) -> Result<Vec<String>, InstallError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(InstallError::io("read", dir)(error)),
    };
    let mut removed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(InstallError::io("read", dir))?;
        let file_name = entry.file_name();
        let text = file_name.to_string_lossy();
        let trash = text.strip_prefix(TRASH);
        if trash.is_none() && !text.starts_with(STAGING) {
            continue;
        }
        removed.extend(trash.and_then(|rest| rest.split_once('-')).map(|(_, name)| name.to_owned()));
        remove(&entry.path())?;
    }
    removed.retain(|name| check_name(name).is_ok());
    Ok(removed)
}

/// The version in force is the first of those in the lock.
fn settle(dir: &Path, name: &str, lock: &mut Lock) -> Result<(), InstallError> {
    let current = layout::current(dir, name).map_err(InstallError::io("read", &dir.join(name)))?;
    if let Some(current) = current.filter(|current| lock.record(name, current).is_some()) {
        // Those before it were being installed, or are being rolled back.
        let mut is_reached = false;
        lock.retain(name, |record| {
            is_reached |= record.version == current;
            is_reached
        });
        return Ok(());
    }
    let is_there = |version: &str| layout::version_dir(dir, name, version).is_dir();
    let head = lock.versions(name).first().map(|record| record.version.clone());
    match head {
        // The first installation, all but done; or the pointer was lost.
        Some(version) if is_there(&version) => {
            let set = layout::set_current(dir, name, &version);
            set.map_err(InstallError::io("write", &dir.join(name).join("current")))
        }
        // The first installation, just begun. A skill of several versions whose folders somebody took away is kept, as missing.
        Some(_) if lock.versions(name).len() == 1 && !dir.join(name).join("current").exists() => {
            lock.retain(name, |_| false);
            // Only when it is empty.
            match fs::remove_dir(dir.join(name)) {
                Ok(()) | Err(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Deletes the versions that are not in the lock.
fn discard(dir: &Path, name: &str, lock: &Lock) -> Result<(), InstallError> {
    if lock.versions(name).is_empty() {
        return Ok(());
    }
    let found = layout::versions(dir, name).map_err(InstallError::io("read", &dir.join(name)))?;
    for version in found.iter().filter(|version| lock.record(name, version).is_none()) {
        remove(&layout::version_dir(dir, name, version))?;
    }
    Ok(())
}

/// Deletes what is in a folder, if there is one.
pub(super) fn empty(folder: &Path) -> Result<(), InstallError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(InstallError::io("delete", folder)(error)),
    };
    for entry in entries {
        remove(&entry.map_err(InstallError::io("delete", folder))?.path())?;
    }
    Ok(())
}

/// Deletes a file or folder; links are unlinked, never followed.
pub(super) fn remove(path: &Path) -> Result<(), InstallError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(InstallError::io("delete", path)(error)),
    };
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(InstallError::io("delete", path))
}
