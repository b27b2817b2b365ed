//! Exports as they are downloaded: ZIP archives, read where they lie.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RangeReader, ZipArchive};

use super::{ImportError, UNPACKED_BYTES, source::Source};

/// Most files of an archive that are read.
const PARTS: usize = 10_000;

/// The conversations of an export as it was downloaded.
pub(super) fn archive(path: &Path, file: File) -> Result<Vec<Source>, ImportError> {
    let unreadable =
        |error: rawzip::Error| ImportError::Io { path: path.to_owned(), source: io::Error::other(error) };
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let zip = ZipArchive::from_file(file, &mut buffer).map_err(unreadable)?;
    let mut found = Vec::new();
    let mut entries = zip.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(unreadable)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        if is_conversations(&name) && found.len() < PARTS {
            found.push((name, entry.wayfinder(), entry.compression_method(), entry.uncompressed_size_hint()));
        }
    }
    openclaw_core::sort_by(&mut found, |(a, ..), (b, ..)| a.cmp(b));
    if found.is_empty() {
        let what = "the archive holds no conversations.json".to_owned();
        return Err(ImportError::Unknown { path: path.to_owned(), what });
    }
    let mut sources = Vec::new();
    for (name, wayfinder, method, bytes) in found {
        let entry = zip.get_entry(wayfinder).map_err(unreadable)?;
        let (start, end) = entry.compressed_data_range();
        let file = File::open(path).map_err(ImportError::io(path))?;
        let packed = RangeReader::new(FileReader::from(file), start..end);
        let name = format!("{}!{name}", path.display());
        let unpacked: Box<dyn Read> = match method {
            CompressionMethod::STORE => Box::new(entry.verifying_reader(packed)),
            CompressionMethod::DEFLATE => Box::new(entry.verifying_reader(DeflateDecoder::new(packed))),
            other => {
                let what = format!("{name} is packed in a way that is not known here ({other:?})");
                return Err(ImportError::Unknown { path: path.to_owned(), what });
            }
        };
        sources.push(Source::new(name, bytes, Box::new(unpacked.take(UNPACKED_BYTES)), path)?);
    }
    Ok(sources)
}

/// `conversations.json`, or one of the parts that large exports come in.
fn is_conversations(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".json").is_some_and(|stem| {
        let part = stem.strip_prefix("conversations-");
        stem == "conversations" || part.is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_are_told_by_their_files_name() {
        for name in ["conversations.json", "export/conversations.json", "conversations-003.json"] {
            assert!(is_conversations(name), "{name}");
        }
        for name in
            ["shared_conversations.json", "conversations.json.bak", "conversations-x.json", "user.json", ""]
        {
            assert!(!is_conversations(name), "{name}");
        }
    }
}
