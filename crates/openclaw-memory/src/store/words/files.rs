//! The Markdown files in the index: which there are, and giving it those that changed.

use openclaw_core::MemoryId;

use super::{Core, Failed, LINE, Owned, Words, percent};
use crate::{
    compaction::{Passage, passages_of},
    lexical::{DocKey, Doomed, Lexical, NewDoc, Space},
    record::{Reader as Fields, put_bytes, put_signed, put_varint},
    store::stats::compacted_files,
};

/// Largest Markdown file that is searched.
const FILE_BYTES: u64 = 8 << 20;

/// A Markdown file in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedFile {
    /// Below the memory's directory.
    pub(crate) path: String,
    modified_ms: i64,
    bytes: u64,
    /// The major number of its passages.
    pub(crate) major: u64,
    /// Remembered entries that lines cite which a person changed: the person's words count instead.
    pub(crate) overruled: Vec<MemoryId>,
}

impl Words {
    /// Gives the Markdown files that changed.
    pub(super) fn give_files(&self, core: &Core, index: &Lexical) -> Result<(), Failed> {
        let mut there = Vec::new();
        for file in compacted_files(core.dir())? {
            let Ok(below) = file.path.strip_prefix(core.dir()) else { continue };
            if file.path.extension().is_some_and(|extension| extension == "md") && file.bytes <= FILE_BYTES {
                let path = below.to_string_lossy().into_owned();
                there.push((path, file.modified.unix_millis(), file.bytes));
            }
        }
        let mut files = self.giving();
        let same = |file: &IndexedFile, (path, modified_ms, bytes): &(String, i64, u64)| {
            file.path == *path && file.modified_ms == *modified_ms && file.bytes == *bytes
        };
        let (kept, gone): (Vec<IndexedFile>, Vec<IndexedFile>) =
            files.iter().cloned().partition(|file| there.iter().any(|there| same(file, there)));
        let fresh: Vec<_> =
            there.into_iter().filter(|there| !kept.iter().any(|file| same(file, there))).collect();
        if gone.is_empty() && fresh.is_empty() {
            return Ok(());
        }
        let mut doomed: Vec<Doomed<'_>> = gone.iter().map(|file| lines_of(file.major)).collect();
        if files.is_empty() {
            // Also those of which the notes of another version told.
            doomed.push(Doomed::Keys { space: Space::Markdown, from: (0, 0), to: (u64::MAX, u32::MAX) });
        }
        index.delete(&doomed)?;
        let next = index.last_key(Space::Markdown).map_or(1, |key| key.major + 1);
        let next = next.max(kept.iter().map(|file| file.major + 1).max().unwrap_or(1));
        let mut now_there = kept;
        for ((path, modified_ms, bytes), next) in fresh.into_iter().zip(next..) {
            // Gone, or no text: then it has nothing to find.
            let whole = core.dir().join(&path);
            let text = std::fs::read(&whole).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let found: Vec<Passage> = passages_of(&core.markdown_name(&whole), &text).collect();
            let edited = found.iter().filter(|passage| passage.edited).flat_map(|passage| &passage.citations);
            let overruled = edited.filter_map(|id| id.parse().ok()).collect();
            let docs: Vec<Owned> = found
                .into_iter()
                .filter(|passage| !passage.struck)
                .map(|passage| Owned {
                    key: DocKey { space: Space::Markdown, major: next, minor: passage.line as u32 },
                    time_ms: passage.date.map_or(modified_ms, |date| date.unix_millis()),
                    kind: LINE,
                    importance: percent(passage.importance.unwrap_or(0.6)),
                    place: 0,
                    conversation: Vec::new(),
                    channel: String::new(),
                    text: passage.text,
                })
                .collect();
            let borrowed: Vec<NewDoc<'_>> = docs.iter().map(Owned::doc).collect();
            index.add(&borrowed, 0)?;
            now_there.push(IndexedFile { path, modified_ms, bytes, major: next, overruled });
        }
        index.set_notes(write_notes(&now_there));
        *files = now_there;
        index.flush()?;
        Ok(())
    }
}

fn lines_of(major: u64) -> Doomed<'static> {
    Doomed::Keys { space: Space::Markdown, from: (major, 0), to: (major, u32::MAX) }
}

/// Version, then each file.
const NOTES: u8 = 2;

pub(super) fn write_notes(files: &[IndexedFile]) -> Vec<u8> {
    let mut out = vec![NOTES];
    for file in files {
        put_bytes(&mut out, file.path.as_bytes());
        put_signed(&mut out, file.modified_ms);
        put_varint(&mut out, file.bytes);
        put_varint(&mut out, file.major);
        put_varint(&mut out, file.overruled.len() as u64);
        for id in &file.overruled {
            out.extend(id.to_bytes());
        }
    }
    out
}

pub(super) fn read_notes(notes: &[u8]) -> Option<Vec<IndexedFile>> {
    let mut reader = Fields::new(notes);
    if reader.byte().ok()? != NOTES {
        return None;
    }
    let mut files = Vec::new();
    while !reader.is_empty() {
        let mut file = IndexedFile {
            path: reader.text().ok()?.to_owned(),
            modified_ms: reader.signed().ok()?,
            bytes: reader.varint().ok()?,
            major: reader.varint().ok()?,
            overruled: Vec::new(),
        };
        for _ in 0..reader.varint().ok()? {
            file.overruled.push(MemoryId::from_bytes(reader.array().ok()?));
        }
        files.push(file);
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back() {
        let file = |path: &str, major, overruled| IndexedFile {
            path: path.to_owned(),
            modified_ms: -5,
            bytes: 9,
            major,
            overruled,
        };
        let ids = vec![MemoryId::generate(), MemoryId::generate()];
        let files = vec![file("compacted/facts.md", 3, ids), file("compacted/事実.md", 9, Vec::new())];
        assert_eq!(read_notes(&write_notes(&files)), Some(files));
        assert_eq!(read_notes(&[]), None);
        assert_eq!(read_notes(&[NOTES]), Some(Vec::new()));
    }
}
