//! Looking for bytes that must not be there.

use std::path::{Path, PathBuf};

/// Every file below `directory`, with its content.
#[must_use]
pub fn read_tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.push((path, bytes));
            }
        }
    }
    files
}

/// The files below `directory` that contain `needle`: as it is, or as UTF-16, which no file here has any business to be.
#[must_use]
pub fn files_containing(directory: &Path, needle: &str) -> Vec<PathBuf> {
    let wide: Vec<u8> = needle.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    read_tree(directory)
        .into_iter()
        .filter(|(_, bytes)| holds(bytes, needle.as_bytes()) || holds(bytes, &wide))
        .map(|(path, _)| path)
        .collect()
}
