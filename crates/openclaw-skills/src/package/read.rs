//! Reading files of a skill, whose author need not be a friend: no links are followed, no devices opened, nothing read without end.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::PackageError;
use crate::manifest::{FILE_BYTES, ManifestError};

/// The name of the file that makes a folder a skill.
pub(super) const MANIFEST: &str = "SKILL.md";
/// The same as some write it.
const LOWER_CASE: &str = "skill.md";

/// Up to `most` + 1 bytes of a plain file, so that the caller can tell one that is too long. A link is an error of the kind
/// `InvalidInput`, as is anything else that is no plain file.
pub(super) fn plain_file(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let is_file = |metadata: &fs::Metadata| {
        let what = || io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file");
        metadata.is_file().then_some(()).ok_or_else(what)
    };
    is_file(&fs::symlink_metadata(path)?)?;
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Between looking and opening it may have become something else: a link, or a pipe that never answers.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    is_file(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where a folder's `SKILL.md` is, if something is there.
pub(super) fn manifest_path(folder: &Path) -> Option<PathBuf> {
    let paths = [MANIFEST, LOWER_CASE].map(|name| folder.join(name));
    paths.into_iter().find(|path| fs::symlink_metadata(path).is_ok())
}

/// The text of a folder's `SKILL.md`, and a warning about its name.
pub(super) fn manifest(folder: &Path) -> Result<(String, Option<String>), PackageError> {
    let path = manifest_path(folder).ok_or_else(|| PackageError::NoManifest { folder: folder.to_owned() })?;
    let bytes = match plain_file(&path, FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(PackageError::NotPlain { path });
        }
        Err(source) => return Err(PackageError::Unreadable { path, source }),
    };
    // Before the check for UTF-8: it may end within a character.
    if bytes.len() > FILE_BYTES {
        return Err(ManifestError::TooLong.into());
    }
    let warning = path.ends_with(LOWER_CASE).then(|| format!("{LOWER_CASE} should be called {MANIFEST}"));
    let text = String::from_utf8(bytes).map_err(|_| PackageError::NotText { path })?;
    Ok((text, warning))
}
