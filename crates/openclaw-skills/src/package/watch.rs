//! Noticing that skills have changed, by looking: a few hundred `lstat`s every second or two cost less than they seem, and work on
//! every file system, where the kernel's notifications do not.

use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    time::SystemTime,
};

use super::{
    files::{DEPTH, ENTRIES},
    read::manifest_path,
};

/// Folders below an installed skill's that are looked into, `<name>/<version>/file`: its files are compared with the lock before
/// each call, anyway.
const INSTALLED_DEPTH: usize = 2;
/// The file that says what was installed.
const LOCK: &str = "skills.lock";
/// Folders that change without a skill changing.
const PASSED_OVER: [&str; 2] = ["node_modules", "__pycache__"];

/// What the skills directory looks like from outside: names, kinds, sizes, times and inodes of its files, not their content. Two that
/// are equal mean that nothing has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// By the name of a folder or file in the skills directory.
    skills: BTreeMap<String, u64>,
}

impl Fingerprint {
    /// Looks at `dir`: the folders of skills, as far as a skill's files go, and the lock file. What can't be read counts as not there.
    pub(crate) fn take(dir: &Path) -> Self {
        let all = entries(dir, usize::MAX).into_iter();
        let skills = all.filter(|(name, metadata)| metadata.is_dir() || name == LOCK);
        let numbered = skills.map(|(name, metadata)| {
            let number = number(&dir.join(&name), &metadata);
            (name, number)
        });
        Self { skills: numbered.collect() }
    }

    /// Whether a skill that was there looks as it did, and the lock file. Of one that was not there nothing is said.
    pub(crate) fn has_still(&self, dir: &Path, skill: &str) -> bool {
        [skill, LOCK].into_iter().all(|name| {
            match (self.skills.get(name), fs::symlink_metadata(dir.join(name))) {
                (Some(before), Ok(metadata)) => *before == number(&dir.join(name), &metadata),
                (Some(_), Err(_)) => false,
                (None, there) => name != LOCK || there.is_err(),
            }
        })
    }

    /// The stamp of one skill; 0 when it was not there.
    pub(crate) fn of(&self, skill: &str) -> u64 {
        self.skills.get(skill).copied().unwrap_or(0)
    }

    /// The names of the skills that are not as they were; `skills.lock` is among them when it is another.
    #[cfg(test)]
    pub(super) fn differing(&self, earlier: &Self) -> std::collections::BTreeSet<String> {
        let names = self.skills.keys().chain(earlier.skills.keys());
        names.filter(|name| self.skills.get(*name) != earlier.skills.get(*name)).cloned().collect()
    }
}

fn number(path: &Path, metadata: &fs::Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    stamp(metadata, &mut hasher);
    if metadata.is_dir() {
        let depth = if manifest_path(path).is_some() { DEPTH } else { INSTALLED_DEPTH };
        walk(path, depth, &mut { ENTRIES }, &mut hasher);
    }
    hasher.finish()
}

/// What is in a folder, by name, without hidden entries: of `most` that are there.
fn entries(folder: &Path, most: usize) -> Vec<(String, fs::Metadata)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<_> = entries
        .flatten()
        .take(most)
        .filter_map(|entry| Some((entry.file_name().to_string_lossy().into_owned(), entry.metadata().ok()?)))
        .filter(|(name, _)| !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str()))
        .collect();
    openclaw_core::sort_by(&mut all, |(a, _), (b, _)| a.cmp(b));
    all
}

fn walk(folder: &Path, depth: usize, left: &mut usize, hasher: &mut DefaultHasher) {
    for (name, metadata) in entries(folder, ENTRIES) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        name.hash(hasher);
        stamp(&metadata, hasher);
        if metadata.is_dir() && depth > 1 {
            walk(&folder.join(&name), depth - 1, left, hasher);
        }
    }
}

fn stamp(metadata: &fs::Metadata, hasher: &mut DefaultHasher) {
    let is = metadata.file_type();
    (is.is_dir(), is.is_file(), is.is_symlink()).hash(hasher);
    // A folder's own time changes with files that are passed over.
    if is.is_dir() {
        return;
    }
    metadata.len().hash(hasher);
    metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).hash(hasher);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // The change time moves even where a tool sets the modification time back; the mode decides what can be run.
        (metadata.ino(), metadata.ctime(), metadata.ctime_nsec(), metadata.mode()).hash(hasher);
    }
}
