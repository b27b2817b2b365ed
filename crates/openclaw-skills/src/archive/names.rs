//! What can be a path in an archive, and which paths can be together.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::{ArchiveBounds, ArchiveError};

/// Longest name of a file or folder, in bytes: what file systems take.
const NAME_BYTES: usize = 255;
/// Names that mean a device on Windows, with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The paths of one archive.
#[derive(Debug)]
pub(super) struct Names {
    bounds: ArchiveBounds,
    /// By the name that a file system without case and with its own normalisation would know it under.
    seen: HashMap<String, Seen>,
    files: usize,
}

#[derive(Debug)]
struct Seen {
    path: String,
    is_folder: bool,
}

impl Names {
    pub(super) fn new(bounds: &ArchiveBounds) -> Self {
        Self { bounds: bounds.clone(), seen: HashMap::new(), files: 0 }
    }

    pub(super) fn bounds(&self) -> &ArchiveBounds {
        &self.bounds
    }

    /// Takes a file's path; returns the folders that are new with it, outermost first.
    pub(super) fn file(&mut self, path: &str) -> Result<Vec<String>, ArchiveError> {
        self.check(path)?;
        self.files += 1;
        if self.files > self.bounds.files {
            return Err(ArchiveError::TooMuch {
                what: "the archive",
                unit: "files",
                limit: self.bounds.files as u64,
            });
        }
        let new = match path.rsplit_once('/') {
            Some((folder, _)) => self.folders(folder)?,
            None => Vec::new(),
        };
        match self.seen.get(&key(path)) {
            None => {}
            Some(seen) if seen.is_folder => {
                return Err(ArchiveError::entry(path, "it is a folder and a file at once"));
            }
            Some(seen) if seen.path == path => {
                return Err(ArchiveError::entry(path, "there are two entries of that path"));
            }
            Some(_) => return Err(ArchiveError::entry(path, COLLISION)),
        }
        self.seen.insert(key(path), Seen { path: path.to_owned(), is_folder: false });
        Ok(new)
    }

    /// Takes a folder's path, which may be known; returns it and those above it that are new.
    pub(super) fn folder(&mut self, path: &str) -> Result<Vec<String>, ArchiveError> {
        self.check(path)?;
        self.folders(path)
    }

    fn check(&self, path: &str) -> Result<(), ArchiveError> {
        if path.len() > self.bounds.path {
            return Err(ArchiveError::entry(path, "its path is too long"));
        }
        if path.split('/').count() > self.bounds.depth {
            return Err(ArchiveError::entry(path, "it lies too deep"));
        }
        check_path(path).map_err(|reason| ArchiveError::entry(path, reason))
    }

    fn folders(&mut self, path: &str) -> Result<Vec<String>, ArchiveError> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut new = Vec::new();
        for folder in ends.filter_map(|end| path.get(..end)) {
            match self.seen.get(&key(folder)) {
                None => {
                    self.seen.insert(key(folder), Seen { path: folder.to_owned(), is_folder: true });
                    new.push(folder.to_owned());
                }
                Some(seen) if !seen.is_folder => {
                    return Err(ArchiveError::entry(path, "a file is used as a folder"));
                }
                Some(seen) if seen.path != folder => return Err(ArchiveError::entry(path, COLLISION)),
                Some(_) => {}
            }
        }
        // Folders without files cost as much as files do.
        if self.seen.len() > self.bounds.files.saturating_mul(2) {
            let limit = self.bounds.files as u64 * 2;
            return Err(ArchiveError::TooMuch { what: "the archive", unit: "files and folders", limit });
        }
        Ok(new)
    }
}

const COLLISION: &str =
    "another entry's path differs from it only in case or in how Unicode writes the same letters";

/// Two paths of one key can't be in one folder on every file system. Upper case first: it takes `ß` and `ſ` along.
fn key(path: &str) -> String {
    path.nfkc().collect::<String>().to_uppercase().to_lowercase().nfkc().collect()
}

/// Whether a path is relative, plain, and means the same on every system. The error says why not.
pub(crate) fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it has no name");
    }
    if path.starts_with('/') {
        return Err("its path is absolute");
    }
    path.split('/').try_for_each(check_name)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => return Err("a part of its path is empty"),
        "." | ".." => return Err("its path leads up or nowhere (`.` or `..`)"),
        _ => {}
    }
    if name.len() > NAME_BYTES {
        return Err("a part of its path is too long");
    }
    // Those that turn the direction of writing, or are not seen at all, make a name look like another.
    let is_deceptive = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if name.chars().any(|c| c.is_control() || is_deceptive(c)) {
        return Err("its path has control characters");
    }
    if name.contains('\\') {
        return Err("its path has a backslash");
    }
    if name.contains(':') {
        return Err("its path has a colon, which names a drive or a stream on Windows");
    }
    if name.ends_with(['.', ' ']) {
        return Err("a part of its path ends in a dot or a space, which Windows leaves out");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        let number = stem.strip_prefix(port);
        number.is_some_and(|number| {
            number.chars().count() == 1 && number.chars().all(|c| "0123456789¹²³".contains(c))
        })
    });
    if is_port || DEVICES.contains(&stem.as_str()) {
        return Err("a part of its path means a device on Windows");
    }
    Ok(())
}
