//! The files of a skill, for whoever wants to read or judge them.

use std::{fs, io, path::Path};

/// Most entries that are listed.
pub(super) const ENTRIES: usize = 2000;
/// Deepest folder that is looked into.
pub(super) const DEPTH: usize = 16;
/// Folders of version control, which are no part of a skill.
const PASSED_OVER: [&str; 4] = [".git", ".hg", ".svn", ".jj"];

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A plain file.
    File,
    /// A link; it is not followed.
    Link,
    /// A device, pipe or socket.
    Other,
}

/// A file of a skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the skill's folder, with `/`; what is no UTF-8 in it is replaced.
    pub(crate) path: String,
    /// Its size.
    pub(crate) bytes: u64,
    pub(crate) kind: Kind,
}

/// The files of a skill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// By path.
    pub(crate) entries: Vec<Entry>,
    /// Whether these are all of them: not more than 2000, none deeper than 16 folders, every folder readable.
    pub(crate) is_complete: bool,
}

/// Lists the files below `root`. Links are listed and not followed, folders of version control are passed over.
///
/// # Errors
///
/// `root` itself can't be read.
pub(crate) fn list_files(root: &Path) -> io::Result<Listing> {
    let mut listing = Listing { entries: Vec::new(), is_complete: true };
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return Err(error),
            Err(_) => {
                listing.is_complete = false;
                continue;
            }
        };
        for entry in entries {
            let Ok((entry, metadata)) =
                entry.and_then(|entry| Ok((entry.metadata()?, entry))).map(|(m, e)| (e, m))
            else {
                listing.is_complete = false;
                continue;
            };
            let name = entry.file_name();
            let path = format!("{prefix}{}", name.to_string_lossy());
            if metadata.is_dir() {
                if PASSED_OVER.iter().any(|passed| name == *passed) {
                    continue;
                }
                if depth < DEPTH && folders.len() < ENTRIES {
                    folders.push((entry.path(), format!("{path}/"), depth + 1));
                } else {
                    listing.is_complete = false;
                }
                continue;
            }
            if listing.entries.len() == ENTRIES {
                listing.is_complete = false;
                folders.clear();
                break;
            }
            let kind = match () {
                () if metadata.is_file() => Kind::File,
                () if metadata.is_symlink() => Kind::Link,
                () => Kind::Other,
            };
            listing.entries.push(Entry { path, bytes: metadata.len(), kind });
        }
    }
    openclaw_core::sort_by(&mut listing.entries, |a, b| a.path.cmp(&b.path));
    Ok(listing)
}
