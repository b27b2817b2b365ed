//! Records of compactions: which part of the log is Markdown now.

use std::ops::Range;

use openclaw_core::{Lsn, port::CompactionReport};

use super::{
    MARK,
    wire::{CodecError, Reader, put_bytes, put_varint},
};

/// One finished compaction, its report undecoded.
#[derive(Debug, Clone)]
pub(crate) struct MarkRecord<'a> {
    /// The records that were compacted.
    pub(crate) lsns: Range<Lsn>,
    /// Files written, relative to the data directory, and the SHA-256 of what was written.
    pub(crate) files: Vec<(&'a str, [u8; 32])>,
    report: &'a [u8],
}

/// The payload of a mark. The report's own list of files is not stored twice.
pub(crate) fn encode_mark(
    lsns: &Range<Lsn>,
    report: &CompactionReport,
    files: &[(String, [u8; 32])],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(MARK);
    put_varint(&mut out, lsns.start.0);
    put_varint(&mut out, lsns.end.0);
    put_varint(&mut out, files.len() as u64);
    for (path, hash) in files {
        put_bytes(&mut out, path.as_bytes());
        out.extend_from_slice(hash);
    }
    let report = CompactionReport { files: Vec::new(), ..report.clone() };
    // A report is plain data; it always has a JSON text.
    out.extend_from_slice(&serde_json::to_vec(&report).unwrap_or_default());
    out
}

pub(super) fn mark(mut reader: Reader<'_>) -> Result<MarkRecord<'_>, CodecError> {
    let lsns = Lsn(reader.varint()?)..Lsn(reader.varint()?);
    let mut files = Vec::new();
    for _ in 0..reader.varint()? {
        files.push((reader.text()?, reader.array()?));
    }
    Ok(MarkRecord { lsns, files, report: reader.rest() })
}

impl MarkRecord<'_> {
    pub(crate) fn report(&self) -> Result<CompactionReport, CodecError> {
        let report: CompactionReport = serde_json::from_slice(self.report).map_err(|_| CodecError::Json)?;
        let files = self.files.iter().map(|(path, _)| (*path).to_owned()).collect();
        Ok(CompactionReport { files, ..report })
    }
}
