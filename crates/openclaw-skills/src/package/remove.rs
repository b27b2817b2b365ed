//! Removing a skill, in a way that a crash can't leave half of one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use openclaw_core::Timestamp;

use super::{Found, layout};

/// Folders being removed; no skill can have such a name.
const TRASH_PREFIX: &str = ".removed-";

/// Removes a skill's folder with all of its versions and returns what it was; `None`: there is none. The folder is first renamed out
/// of sight, so that a crash leaves it whole or gone for every reader. The caller has checked the name.
///
/// # Errors
///
/// The folder can't be renamed or deleted. One that was renamed is deleted by the next [`sweep`].
pub(crate) fn remove(dir: &Path, name: &str) -> io::Result<Option<Found>> {
    let Some(found) = layout::one(dir, name) else { return Ok(None) };
    let trash = trash_path(dir, name);
    match fs::rename(dir.join(name), &trash) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    // Unlinks links, never follows them.
    fs::remove_dir_all(&trash)?;
    Ok(Some(found))
}

fn trash_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{TRASH_PREFIX}{}-{name}", Timestamp::now().unix_millis()))
}

/// Finishes removals that a crash interrupted.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TRASH_PREFIX)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "a removed skill's files can't be deleted");
        }
    }
}
