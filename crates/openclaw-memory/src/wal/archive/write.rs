//! Writing an archive: whole and synced under a temporary name first.

use std::{
    io,
    path::{Path, PathBuf},
};

use openclaw_core::Lsn;

use super::{
    super::{frame::Codec, preamble, shared::IoFailure},
    block::{self, Deflater, HEAD, Stored},
    file::table_checksum,
    head::{ArchiveHead, BLOCK},
};
use crate::fs::{Fs, FsFile};

/// Bytes that are written at a time.
const PIECE: usize = 256 << 10;

/// What an archive says of its segment.
#[derive(Debug, Clone, Copy)]
pub(in crate::wal) struct Layout {
    pub(in crate::wal) first: u64,
    pub(in crate::wal) previous: u64,
    /// Behind its last record.
    pub(in crate::wal) end: u64,
    /// Its bytes.
    pub(in crate::wal) len: u32,
}

/// An archive that is written and synced, but not in its place yet.
#[derive(Debug)]
pub(in crate::wal) struct Draft {
    temporary: PathBuf,
    path: PathBuf,
    /// Its size.
    pub(in crate::wal) bytes: u64,
}

/// Blocks that need not be compressed again, head and all.
type Ready<'a> = dyn Fn(u32) -> io::Result<Option<Vec<u8>>> + 'a;

/// Compresses what `source` holds into a draft of `path`, taking over the blocks that `ready` has.
pub(in crate::wal) fn write(
    fs: &dyn Fs,
    path: &Path,
    codec: &Codec,
    layout: Layout,
    source: &dyn FsFile,
    ready: &Ready<'_>,
) -> Result<Draft, IoFailure> {
    let temporary = path.with_extension("tmp");
    let file = fs.create(&temporary).map_err(IoFailure::at("create", &temporary))?;
    match fill(&*file, codec, layout, source, ready) {
        Ok(bytes) => Ok(Draft { temporary, path: path.to_owned(), bytes }),
        Err(source) => {
            // What may be erased later must not stay in a file that nobody looks into.
            fs.remove(&temporary).map_err(IoFailure::at("remove", &temporary))?;
            Err(IoFailure { action: "write", path: temporary, source })
        }
    }
}

fn fill(
    file: &dyn FsFile,
    codec: &Codec,
    layout: Layout,
    source: &dyn FsFile,
    ready: &Ready<'_>,
) -> io::Result<u64> {
    let head = ArchiveHead {
        id: codec.id,
        first: Lsn(layout.first),
        previous: Lsn(layout.previous),
        end: Lsn(layout.end),
        len: layout.len,
        block: BLOCK,
    };
    let seed = block::seed(codec, layout.first);
    let blocks = head.blocks();
    // Head and table come last, when the sizes are known.
    let mut at = (preamble::SIZE + blocks as usize * 4 + 4) as u64;
    let mut front = head.encode().to_vec();
    let mut pending = Vec::with_capacity(PIECE + BLOCK as usize);
    let mut deflater = Deflater::default();
    let mut deflated = Vec::new();
    let mut bytes = Vec::new();
    for number in 0..blocks {
        let before = pending.len();
        if let Some(kept) = ready(number)? {
            pending.extend_from_slice(&kept);
        } else {
            let offset = u64::from(number) * u64::from(BLOCK);
            let len = (u64::from(layout.len) - offset).min(u64::from(BLOCK));
            bytes.resize(usize::try_from(len).unwrap_or(0), 0);
            source.read_exact_at(&mut bytes, offset)?;
            let plain = !deflater.deflate(&bytes, &mut deflated);
            let stored = if plain { &bytes } else { &deflated };
            pending.extend_from_slice(&block::head(seed, number, stored, plain));
            pending.extend_from_slice(stored);
        }
        let stored = pending.get(before..).and_then(block::parse).map_or(Stored(0), |(_, stored)| stored);
        debug_assert_eq!(pending.len() - before, HEAD + stored.len());
        front.extend_from_slice(&stored.0.to_le_bytes());
        if pending.len() >= PIECE {
            file.write_all_at(&pending, at)?;
            at += pending.len() as u64;
            pending.clear();
        }
    }
    file.write_all_at(&pending, at)?;
    at += pending.len() as u64;
    let crc = table_checksum(seed, front.get(preamble::SIZE..).unwrap_or_default());
    front.extend_from_slice(&crc.to_le_bytes());
    file.write_all_at(&front, 0)?;
    file.sync_data()?;
    Ok(at)
}

impl Draft {
    /// Puts it in its place, durably.
    pub(in crate::wal) fn place(self, fs: &dyn Fs, dir: &Path) -> Result<u64, IoFailure> {
        fs.rename(&self.temporary, &self.path).map_err(IoFailure::at("rename", &self.temporary))?;
        fs.sync_dir(dir).map_err(IoFailure::at("sync", dir))?;
        Ok(self.bytes)
    }
}
