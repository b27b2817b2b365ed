//! Looking for bytes that must not be there.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::read::DeflateDecoder;

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

/// What an archive of the log holds, decompressed; see `docs/formats.md`.
fn unpacked(archive: &[u8]) -> Vec<u8> {
    assert!(archive.starts_with(b"OCLAWARC"), "this is no archive");
    let number = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap()) as usize;
    let (block, bytes) = (number(12), number(56));
    let stored = (0..bytes.div_ceil(block)).map(|n| number(64 + 4 * n));
    let mut at = 64 + 4 * bytes.div_ceil(block) + 4;
    let mut content = Vec::with_capacity(bytes);
    for entry in stored {
        let (plain, length) = (entry >> 31 == 1, entry & 0x7fff_ffff);
        assert_eq!(&archive[at..at + 4], b"OCAB", "a block of the archive");
        let block = &archive[at + 16..at + 16 + length];
        if plain {
            content.extend_from_slice(block);
        } else {
            DeflateDecoder::new(block).read_to_end(&mut content).unwrap();
        }
        at += 16 + length;
    }
    assert_eq!(content.len(), bytes, "all of the segment");
    content
}

/// The files below `directory` that contain `needle`: as it is, or as UTF-16, which no file here has any business to be; archives
/// also in what they hold decompressed.
#[must_use]
pub fn files_containing(directory: &Path, needle: &str) -> Vec<PathBuf> {
    let wide: Vec<u8> = needle.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    read_tree(directory)
        .into_iter()
        .filter(|(path, bytes)| {
            let packed = path.extension().is_some_and(|extension| extension == "arc");
            let inside = if packed { unpacked(bytes) } else { Vec::new() };
            [needle.as_bytes(), &wide].into_iter().any(|part| holds(bytes, part) || holds(&inside, part))
        })
        .map(|(path, _)| path)
        .collect()
}
