//! Opening what is on the disk.

use std::{path::Path, sync::Arc};

use super::{
    LexicalError,
    dead::{self, Dead},
    engine::Live,
    manifest::{self, Listed, Manifest},
    page::PageCache,
    segment::Segment,
};
use crate::fs::Fs;

pub(super) fn open_segments(
    fs: &dyn Fs,
    dir: &Path,
    manifest: &Manifest,
    cache: &Arc<PageCache>,
) -> Result<Vec<Live>, LexicalError> {
    let open = |listed: &Listed| {
        let path = manifest::segment_path(dir, listed.id);
        let segment = Arc::new(Segment::open(fs, &path, listed.id, cache)?);
        let dead = match listed.dead {
            0 => None,
            generation => Some(Arc::new(read_dead(fs, dir, &segment, generation)?)),
        };
        Ok(Live { segment, dead, generation: listed.dead })
    };
    manifest.segments.iter().map(open).collect()
}

fn read_dead(fs: &dyn Fs, dir: &Path, segment: &Segment, generation: u64) -> Result<Dead, LexicalError> {
    let path = manifest::dead_path(dir, segment.head.id, generation);
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => dead::damaged(path.clone(), "the file is missing"),
        _ => LexicalError::Io { action: "read", path: path.clone(), source },
    };
    let file = fs.open(&path).map_err(failed)?;
    let len = file.len().map_err(failed)?;
    // A bit over what a list of all documents can take.
    if len > 64 + 8 * u64::from(segment.head.docs) {
        return Err(dead::damaged(path, "it is too long"));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    Dead::decode(&bytes, segment.head.id, segment.head.docs).map_err(|what| dead::damaged(path, what))
}
