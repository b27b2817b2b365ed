//! Archives for tests, made by hand so that they can be wrong.

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder};

/// An entry of a ZIP archive; what is `None` is made right.
#[derive(Clone)]
pub(crate) struct Zipped {
    pub(crate) path: Vec<u8>,
    pub(crate) local_path: Option<Vec<u8>>,
    pub(crate) content: Vec<u8>,
    /// Bytes in place of the packed content.
    pub(crate) packed: Option<Vec<u8>>,
    pub(crate) method: u16,
    pub(crate) local_method: Option<u16>,
    pub(crate) flags: u16,
    /// The system it was made on; 3 is Unix.
    pub(crate) creator: u8,
    pub(crate) mode: u32,
    pub(crate) size: Option<u32>,
    pub(crate) local_size: Option<u32>,
    pub(crate) crc: Option<u32>,
    /// Where its header is said to be.
    pub(crate) offset: Option<u32>,
    pub(crate) extra: Vec<u8>,
    /// Bytes behind its packed content.
    pub(crate) behind: Vec<u8>,
}

impl Zipped {
    pub(crate) fn new(path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self {
            path: path.as_ref().to_vec(),
            local_path: None,
            content: content.as_ref().to_vec(),
            packed: None,
            method: 8,
            local_method: None,
            flags: 1 << 11,
            creator: 3,
            mode: 0o100_644,
            size: None,
            local_size: None,
            crc: None,
            offset: None,
            extra: Vec::new(),
            behind: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

fn le16(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_le_bytes()
}

fn le32(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn crc(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

/// The archive of these entries, with this comment.
pub(crate) fn zip_with(entries: &[Zipped], comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = entry.packed.clone().unwrap_or_else(|| match entry.method {
            8 => deflate(&entry.content),
            _ => entry.content.clone(),
        });
        let crc = entry.crc.unwrap_or_else(|| crc(&entry.content));
        let size = entry.size.unwrap_or_else(|| u32::try_from(entry.content.len()).unwrap());
        let has_descriptor = entry.flags & 8 != 0;
        let header = |size: u32, method: u16, is_local: bool| {
            let is_open = is_local && has_descriptor;
            let mut header = Vec::new();
            header.extend(20_u16.to_le_bytes());
            header.extend(entry.flags.to_le_bytes());
            header.extend(method.to_le_bytes());
            header.extend([0; 4]);
            header.extend(if is_open { [0; 4] } else { crc.to_le_bytes() });
            header.extend(if is_open { [0; 4] } else { le32(packed.len()) });
            header.extend(if is_open { [0; 4] } else { size.to_le_bytes() });
            header
        };
        let offset = entry.offset.unwrap_or_else(|| u32::try_from(bytes.len()).unwrap());
        let local_path = entry.local_path.as_ref().unwrap_or(&entry.path);
        bytes.extend(b"PK\x03\x04");
        let local_size = entry.local_size.unwrap_or(size);
        bytes.extend(header(local_size, entry.local_method.unwrap_or(entry.method), true));
        bytes.extend(le16(local_path.len()));
        bytes.extend(le16(0));
        bytes.extend(local_path);
        bytes.extend(&packed);
        bytes.extend(&entry.behind);
        if has_descriptor {
            bytes.extend(b"PK\x07\x08");
            bytes.extend(crc.to_le_bytes());
            bytes.extend(le32(packed.len()));
            bytes.extend(size.to_le_bytes());
        }
        directory.extend(b"PK\x01\x02");
        directory.extend([20, entry.creator]);
        directory.extend(header(size, entry.method, false));
        directory.extend(le16(entry.path.len()));
        directory.extend(le16(entry.extra.len()));
        directory.extend([0; 8 - 2]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.path);
        directory.extend(&entry.extra);
    }
    let (start, length) = (bytes.len(), directory.len());
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06");
    bytes.extend([0; 4]);
    bytes.extend(le16(entries.len()));
    bytes.extend(le16(entries.len()));
    bytes.extend(le32(length));
    bytes.extend(le32(start));
    bytes.extend(le16(comment.len()));
    bytes.extend(comment);
    bytes
}

pub(crate) fn zip(entries: &[Zipped]) -> Vec<u8> {
    zip_with(entries, b"")
}

/// A ZIP archive of plain files.
pub(crate) fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = files.iter().map(|(path, content)| Zipped::new(path, content)).collect();
    zip(&entries)
}

/// One entry of a tar archive, padded.
pub(crate) fn tarred(path: &[u8], kind: u8, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    {
        let old = header.as_old_mut();
        let length = path.len().min(100);
        old.name[..length].copy_from_slice(&path[..length]);
        old.linkflag = [kind];
    }
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    if matches!(kind, b'1' | b'2') {
        header.as_old_mut().linkname[..6].copy_from_slice(b"/etc/x");
    }
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A record of extended attributes.
pub(crate) fn attribute(key: &str, value: &str) -> Vec<u8> {
    let body = format!(" {key}={value}\n");
    let mut length = body.len() + 1;
    while length.to_string().len() + body.len() != length {
        length = length.to_string().len() + body.len();
    }
    format!("{length}{body}").into_bytes()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The gzipped archive of these entries.
pub(crate) fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    gzip(&bytes)
}

/// A gzipped tar archive of plain files.
pub(crate) fn tar_gz_of(files: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = files
        .iter()
        .map(|(path, content)| tarred(path.as_bytes(), b'0', 0o644, content.as_bytes()))
        .collect();
    tar_gz(&entries)
}
