//! Gzipped tar archives, header by header: the extensions that give an entry another name or size are read here, with bounds.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use super::{ArchiveError, sink::Sink};

const SPECIAL_BITS: u32 = 0o7000;
/// Most bytes of one entry's extended attributes.
const ATTRIBUTE_BYTES: u64 = 64 * 1024;

/// A key and its value.
type Attribute = (String, Vec<u8>);

/// What was said of the next entry.
#[derive(Default)]
struct Said {
    /// Its path, in full.
    path: Option<String>,
    /// Its size.
    size: Option<u64>,
    /// Whether anything was said.
    anything: bool,
}

pub(super) fn read(bytes: &[u8], sink: &mut Sink) -> Result<(), ArchiveError> {
    let mut packed = bytes;
    let bounded = Bounded { inner: GzDecoder::new(&mut packed), left: sink.stream_bytes() };
    let mut archive = Archive::new(bounded);
    let mut said = Said::default();
    let entries = archive.entries().map_err(damaged)?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(damaged)?;
        match entry.header().entry_type() {
            EntryType::XGlobalHeader => {
                let records = attributes(&mut entry)?;
                // Git writes the commit's name there. What changes entries must stand with the entry.
                if records.iter().any(|(key, _)| is_structure(key)) {
                    return Err(ArchiveError::Ambiguous { reason: "global attributes change its entries" });
                }
            }
            EntryType::XHeader | EntryType::GNULongName if said.anything => {
                return Err(ArchiveError::Ambiguous { reason: "an entry's path is given twice" });
            }
            EntryType::XHeader => said = from_attributes(&mut entry)?,
            EntryType::GNULongName => {
                let bytes = limited(&mut entry, sink.path_bytes() as u64 + 1)?;
                let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
                said = Said { path: Some(text(bytes)?), size: None, anything: true };
            }
            _ => member(&mut entry, std::mem::take(&mut said), sink)?,
        }
    }
    if said.anything {
        return Err(ArchiveError::Ambiguous { reason: "it ends where an entry should come" });
    }
    // Archives are padded with zeros, and gzip's own checksum stands behind them.
    let mut rest = archive.into_inner();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = rest.read(&mut buffer).map_err(damaged)?;
        if count == 0 {
            break;
        }
        if buffer.get(..count).unwrap_or_default().iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::Ambiguous { reason: "there is something behind its end" });
        }
    }
    drop(rest);
    if packed.is_empty() {
        Ok(())
    } else {
        Err(ArchiveError::Ambiguous { reason: "there is something behind its end" })
    }
}

fn member<R: Read>(entry: &mut Entry<'_, R>, said: Said, sink: &mut Sink) -> Result<(), ArchiveError> {
    let path = match said.path {
        Some(path) => path,
        None => text(&entry.header().path_bytes())?,
    };
    let refused = |reason| Err(ArchiveError::entry(&path, reason));
    let kind = entry.header().entry_type();
    let mode = entry.header().mode().map_err(damaged)?;
    match kind {
        EntryType::Regular | EntryType::Directory => {}
        EntryType::Link | EntryType::Symlink | EntryType::GNULongLink => return refused("it is a link"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            return refused("it is a device, a pipe or a socket");
        }
        EntryType::GNUSparse => return refused("it is a sparse file; pack it without `--sparse`"),
        _ => return refused("it is neither a file nor a folder"),
    }
    // Some writers say it twice; readers may believe either.
    if said.size.is_some_and(|size| size != entry.size()) {
        return refused("the archive says two sizes of it");
    }
    if mode & SPECIAL_BITS != 0 {
        return refused("it has the setuid, setgid or sticky bit");
    }
    // `tar -C folder .` writes every path with it.
    let plain = path.strip_prefix("./").unwrap_or(&path);
    if kind == EntryType::Directory {
        if entry.size() != 0 {
            return refused("it is a folder with content");
        }
        return match plain.strip_suffix('/').unwrap_or(plain) {
            "" | "." => Ok(()),
            folder => sink.folder(folder),
        };
    }
    let (plain, size) = (plain.to_owned(), entry.size());
    let mut content = Exact { inner: entry, left: size };
    sink.file(&plain, mode & 0o100 != 0, &mut content)
}

/// What a PAX header says of the next entry.
fn from_attributes<R: Read>(entry: &mut Entry<'_, R>) -> Result<Said, ArchiveError> {
    let mut said = Said { path: None, size: None, anything: true };
    for (key, value) in attributes(entry)? {
        if key == "path" && said.path.is_none() {
            said.path = Some(text(&value)?);
        } else if key == "size" && said.size.is_none() {
            said.size =
                Some(std::str::from_utf8(&value).ok().and_then(|size| size.parse().ok()).unwrap_or(u64::MAX));
        } else if is_structure(&key) {
            return Err(ArchiveError::Ambiguous {
                reason: "extended attributes change what its entries are",
            });
        }
    }
    Ok(said)
}

/// Attributes that make an entry another one: readers that don't know them see other files.
fn is_structure(key: &str) -> bool {
    matches!(key, "path" | "linkpath" | "size" | "SCHILY.realsize" | "SCHILY.filetype")
        || key.starts_with("GNU.sparse")
}

/// The records of a PAX header: each is its own length in decimal, a space, `key=value` and a line feed.
fn attributes<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<Attribute>, ArchiveError> {
    let bytes = limited(entry, ATTRIBUTE_BYTES)?;
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (record, behind) = split_record(rest)
            .ok_or(ArchiveError::Ambiguous { reason: "an entry's extended attributes can't be read" })?;
        records.push(record);
        rest = behind;
    }
    Ok(records)
}

fn split_record(bytes: &[u8]) -> Option<(Attribute, &[u8])> {
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(bytes.get(..space)?).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (record, rest) = bytes.split_at_checked(digits.parse().ok()?)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let key = String::from_utf8(body.get(..equals)?.to_vec()).ok()?;
    Some(((key, body.get(equals + 1..)?.to_vec()), rest))
}

fn limited<R: Read>(entry: &mut Entry<'_, R>, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    if entry.size() > limit {
        return Err(ArchiveError::TooMuch {
            what: "an entry's long path or attributes",
            unit: "bytes",
            limit,
        });
    }
    let size = entry.size();
    let mut bytes = Vec::new();
    Exact { inner: entry, left: size }.read_to_end(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn text(bytes: &[u8]) -> Result<String, ArchiveError> {
    String::from_utf8(bytes.to_vec()).map_err(|error| ArchiveError::damaged("a path is not UTF-8", error))
}

fn damaged(error: io::Error) -> ArchiveError {
    ArchiveError::damaged("it can't be read to its end", error)
}

/// A reader that has as many bytes as it said, or fails.
struct Exact<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

/// A reader that gives so many bytes at most.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("it unpacks to more than any archive may"))?;
        Ok(count)
    }
}
