//! The skills directory.
//!
//! - `<name>/SKILL.md` is a local skill: whoever may write there has put it there.
//! - `<name>/<version>/SKILL.md` is an installed one, and the file `<name>/current` holds the version that is in force, so that an
//!   update is the replacement of one small file. A folder with a `SKILL.md` of its own is a local skill, whatever else is in it.
//!
//! Links are not followed: what lies elsewhere was not put here. Hidden names are no skills.

use std::{
    cmp::Ordering,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{Package, PackageError, read};
use crate::name::{check_name, check_version};

/// The file with the version that is in force.
pub(super) const CURRENT: &str = "current";
/// Longest content of that file, in bytes.
const CURRENT_BYTES: usize = 128;
/// Most skills that are looked at.
const SKILLS: usize = 1024;

/// Where a skill comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder that was put there by hand.
    Local,
    /// From a registry.
    Installed {
        /// The version in force: the name of its folder.
        version: String,
    },
}

/// A folder in the skills directory.
#[derive(Debug)]
pub(crate) struct Found {
    /// The folder's name; of a local skill also the manifest's.
    pub(crate) name: String,
    pub(crate) source: Source,
    /// The folder with `SKILL.md`.
    pub(crate) root: PathBuf,
    /// The skill, or why it can't be used.
    pub(crate) package: Result<Package, PackageError>,
}

/// Every skill below `dir`, by name, those that can't be used among them. A missing directory has none.
///
/// # Errors
///
/// `dir` itself can't be read; its path is in the message.
pub(crate) fn found(dir: &Path) -> io::Result<Vec<Found>> {
    // Folders that are no skills are not counted: they would hide those behind them.
    Ok(folders(dir)?.into_iter().filter_map(|name| one(dir, &name)).take(SKILLS).collect())
}

/// The skill in the folder `name`, if there is one.
fn one(dir: &Path, name: &str) -> Option<Found> {
    let folder = dir.join(name);
    if !fs::symlink_metadata(&folder).ok()?.is_dir() {
        return None;
    }
    let is_name = check_name(name).is_ok();
    let shown = || name.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
    if read::manifest_path(&folder).is_some() {
        let package =
            if is_name { local(&folder, name) } else { Err(PackageError::FolderName { folder: shown() }) };
        return Some(Found { name: shown(), source: Source::Local, root: folder, package });
    }
    if !is_name {
        return None;
    }
    let bad = |version: String, package| {
        let source = Source::Installed { version };
        Some(Found { name: name.to_owned(), source, root: folder.clone(), package: Err(package) })
    };
    match current(dir, name) {
        Ok(Some(version)) => {
            let root = folder.join(&version);
            if !fs::symlink_metadata(&root).is_ok_and(|metadata| metadata.is_dir()) {
                let reason = format!("the version {version} that it names is not there");
                return bad(version, PackageError::Current { reason });
            }
            let package = Package::load_as(&root, name);
            Some(Found { name: name.to_owned(), source: Source::Installed { version }, root, package })
        }
        Ok(None) => {
            let versions = versions(dir, name).ok()?;
            let newest = versions.first()?.clone();
            bad(newest, PackageError::NoCurrent { versions })
        }
        Err(error) => bad("0.0.0".to_owned(), PackageError::Current { reason: error.to_string() }),
    }
}

fn local(folder: &Path, name: &str) -> Result<Package, PackageError> {
    let package = Package::load(folder)?;
    if package.manifest.name != name {
        return Err(PackageError::OtherName { folder: name.to_owned(), name: package.manifest.name });
    }
    Ok(package)
}

/// The names of the folders in `dir`, sorted, without hidden ones. A missing directory has none.
fn folders(dir: &Path) -> io::Result<Vec<String>> {
    let in_dir = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", dir.display()));
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(in_dir(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(in_dir)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // Gone meanwhile counts as not there.
        if !name.starts_with('.') && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The version of an installed skill that is in force; `None`: there is no pointer.
///
/// # Errors
///
/// The pointer can't be read, or holds no version.
pub(crate) fn current(dir: &Path, name: &str) -> io::Result<Option<String>> {
    let bytes = match read::plain_file(&dir.join(name).join(CURRENT), CURRENT_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let version = String::from_utf8(bytes).ok().map(|text| text.trim().to_owned());
    let version = version.filter(|version| check_version(version).is_ok());
    version
        .map(Some)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no version such as 1.2.0"))
}

/// Puts a version in force. Atomic and durable: after a crash either the old one is in force or the new one.
///
/// # Errors
///
/// The version can't be one, or the file can't be written; then the old one stays in force.
pub(crate) fn set_current(dir: &Path, name: &str, version: &str) -> io::Result<()> {
    let is_valid = check_name(name).is_ok() && check_version(version).is_ok();
    if !is_valid {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no name and version of a skill"));
    }
    let folder = dir.join(name);
    let temporary = folder.join(".current.new");
    let written = write_new(&temporary, format!("{version}\n").as_bytes())
        .and_then(|()| fs::rename(&temporary, folder.join(CURRENT)));
    if let Err(error) = written {
        // What failed is reported; a leftover is replaced by the next attempt.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // The rename itself must survive a power cut.
    File::open(&folder)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The versions that are unpacked, newest first; those that are no semantic versions come last.
///
/// # Errors
///
/// The skill's folder can't be read. A missing one has no versions.
pub(super) fn versions(dir: &Path, name: &str) -> io::Result<Vec<String>> {
    let folder = dir.join(name);
    let mut versions = folders(&folder)?;
    versions.retain(|version| {
        check_version(version).is_ok() && read::manifest_path(&folder.join(version)).is_some()
    });
    openclaw_core::sort_by(&mut versions, |a, b| newest_first(a, b));
    Ok(versions)
}

/// The order of versions, newest first; `1.2` is 1.2.0, and what is no version comes last.
fn newest_first(a: &str, b: &str) -> Ordering {
    match (semantic(a), semantic(b)) {
        (Some(a), Some(b)) => b.cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => b.cmp(a),
    }
}

fn semantic(text: &str) -> Option<semver::Version> {
    let numbers = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(numbers);
    let missing = 2usize.saturating_sub(numbers.matches('.').count());
    format!("{numbers}{}{rest}", ".0".repeat(missing)).parse().ok()
}
