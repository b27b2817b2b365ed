//! Which Markdown files the index knows, in which state.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::scan::paragraphs;
use crate::{
    lexical::{DocKey, Doomed, Lexical, LexicalError, NewDoc, Space},
    record::{CodecError, Reader, put_signed, put_varint},
    store::CompactedFile,
};

/// A file in a state. A changed file is a new one, and the old one is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// Of its path: what is on the disk names no file.
    name: u64,
    bytes: u64,
    modified_ms: i64,
    /// The major key of its passages.
    major: u64,
}

/// Files by the major key of their passages.
pub(super) type Files = Arc<HashMap<u64, CompactedFile>>;

/// The files as the index has them.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    known: Vec<Known>,
    current: Files,
}

fn name_of(path: &Path) -> u64 {
    let hash = Sha256::digest(path.as_os_str().as_encoded_bytes());
    hash.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
}

impl KnownFiles {
    /// From the index's notes. Notes that make no sense are of files that will be read again.
    pub(super) fn of(index: &Lexical) -> Self {
        let notes = index.notes();
        Self { known: decode(&notes).unwrap_or_default(), current: Files::default() }
    }

    pub(super) fn current(&self) -> Files {
        Arc::clone(&self.current)
    }

    /// Brings the index up to the files that are there now.
    pub(super) fn update(&mut self, index: &Lexical, found: Vec<CompactedFile>) -> Result<(), LexicalError> {
        let mut next = index.last_key(Space::Markdown).map_or(0, |key| key.major);
        next = self.known.iter().map(|known| known.major).fold(next, u64::max) + 1;
        let mut known = Vec::with_capacity(found.len());
        let mut current = HashMap::with_capacity(found.len());
        let mut fresh = Vec::new();
        for file in found {
            let state = Known {
                name: name_of(&file.path),
                bytes: file.bytes,
                modified_ms: file.modified.unix_millis(),
                major: 0,
            };
            let same = |old: &&Known| Known { major: 0, ..**old } == state;
            let major = self.known.iter().find(same).map_or(next, |old| old.major);
            if major == next {
                next += 1;
                fresh.push((major, file.path.clone(), state.modified_ms));
            }
            known.push(Known { major, ..state });
            current.insert(major, file);
        }
        let gone: Vec<Doomed<'_>> = self
            .known
            .iter()
            .filter(|old| !current.contains_key(&old.major))
            .map(|old| Doomed::Keys {
                space: Space::Markdown,
                from: (old.major, 0),
                to: (old.major, u32::MAX),
            })
            .collect();
        if !gone.is_empty() {
            index.delete(&gone)?;
        }
        let changed = !gone.is_empty() || !fresh.is_empty();
        for (major, path, time_ms) in fresh {
            // Removed since it was listed, or unreadable: nothing to find in it.
            let Ok(bytes) = fs::read(&path) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let docs: Vec<NewDoc<'_>> = (0..)
                .zip(paragraphs(&text))
                .map(|(minor, text)| NewDoc {
                    key: DocKey { space: Space::Markdown, major, minor },
                    text,
                    time_ms,
                    kind: 0,
                    importance: 0,
                    place: 0,
                    conversation: &[],
                    channel: &[],
                    previous: None,
                })
                .collect();
            index.add(&docs, 0)?;
        }
        self.known = known;
        self.current = Arc::new(current);
        if changed {
            index.set_notes(self.encode());
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.known.len() as u64);
        for file in &self.known {
            out.extend_from_slice(&file.name.to_le_bytes());
            put_varint(&mut out, file.bytes);
            put_signed(&mut out, file.modified_ms);
            put_varint(&mut out, file.major);
        }
        out
    }
}

fn decode(notes: &[u8]) -> Result<Vec<Known>, CodecError> {
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(notes);
    (0..reader.varint()?)
        .map(|_| {
            Ok(Known {
                name: u64::from_le_bytes(reader.array()?),
                bytes: reader.varint()?,
                modified_ms: reader.signed()?,
                major: reader.varint()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back() {
        let known = vec![
            Known { name: 7, bytes: 100, modified_ms: -5, major: 1 },
            Known { name: u64::MAX, bytes: 0, modified_ms: 1 << 50, major: 900 },
        ];
        let files = KnownFiles { known: known.clone(), current: Files::default() };
        assert_eq!(decode(&files.encode()).unwrap(), known);
        assert_eq!(decode(&[]).unwrap(), []);
        assert!(decode(&files.encode()[..9]).is_err());
    }
}
