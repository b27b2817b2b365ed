//! The hash chain: what each sealed segment held when it was sealed, and after each change that was made to it on purpose.
//! Byte by byte, and what it proves, in `docs/formats.md`, "Chain".

mod entry;
mod ledger;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{Lsn, Timestamp};
use sha2::{Digest as _, Sha256};

pub(crate) use entry::Hash;
pub(super) use entry::{Entry, Reason, SIZE};
pub(super) use ledger::{Flaw, Ledger};

use super::{
    ChangeError, preamble,
    replay::walk_to_end,
    shared::{Home, IoFailure, Segment, Shared},
    walk::Walker,
};
use crate::fs::FsFile;

/// Where the chain of a log lies.
pub(super) fn chain_path(dir: &Path) -> PathBuf {
    dir.join("chain")
}

/// What a round of catching up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainProgress {
    /// Entries that were added.
    pub added: u64,
    /// Whether every sealed segment is vouched for now.
    pub complete: bool,
}

/// See [`super::Wal::extend_chain`].
pub(super) fn extend(shared: &Shared, stop: &dyn Fn() -> bool) -> Result<ChainProgress, ChangeError> {
    let mut progress = ChainProgress::default();
    let mut after = 0;
    loop {
        // Let go between segments, so that erasures get their turn; but what is hashed is noted before anybody may change it.
        let _changing = shared.change();
        let mut slot = shared.chain();
        let ledger = load(shared, &mut slot)?;
        let missing = shared.with_table(|table| {
            let sealed = table.segments.len().saturating_sub(1);
            let missing = |(index, segment): (usize, &Segment)| {
                let wanted = segment.first > after && index < sealed && !ledger.vouches_for(segment.first);
                wanted.then(|| (*segment, table.lsns(index).end))
            };
            table.segments.iter().enumerate().find_map(missing)
        });
        let Some((segment, end)) = missing.filter(|_| !stop()) else {
            ledger.append(&*shared.fs, Vec::new())?;
            ledger.bound(&*shared.fs)?;
            progress.complete = missing.is_none();
            return Ok(progress);
        };
        let reason = if ledger.is_changing(segment.first) { Reason::Erased } else { Reason::Sealed };
        let entry = describe(shared, segment, end, reason)?;
        ledger.append(&*shared.fs, vec![entry])?;
        progress.added += 1;
        after = segment.first;
    }
}

fn describe(shared: &Shared, segment: Segment, end: u64, reason: Reason) -> Result<Entry, ChangeError> {
    let path = shared.path(segment.first);
    let file = shared.open_file(segment.first).map_err(IoFailure::at("open", &path))?;
    let (len, hash) = match segment.home {
        // A segment may end in space that was kept ahead and not cut off by a crash.
        Home::Wal => {
            let mut walker = Walker::new(Arc::clone(&file), shared.codec, segment.first, segment.end);
            let walked = walk_to_end(&mut walker).map_err(IoFailure::at("read", &path))?;
            let len = if walked.dirty == 0 { walked.offset } else { segment.end };
            (len, hash_frames(&*file, len))
        }
        Home::Moving | Home::Archive => (segment.end, hash_frames(&*file, segment.end)),
    };
    Ok(Entry {
        first: Lsn(segment.first),
        end: Lsn(end),
        len: u32::try_from(len).unwrap_or(u32::MAX),
        reason,
        unix_ms: Timestamp::now().unix_millis(),
        hash: hash.map_err(IoFailure::at("read", &path))?,
        link: [0; 32],
    })
}

/// The hash of a segment's frames: its bytes from the header to `len`.
pub(super) fn hash_frames(file: &dyn FsFile, len: u64) -> io::Result<Hash> {
    let mut hasher = Sha256::new();
    let mut buf = vec![0; 256 << 10];
    let mut at = preamble::SIZE as u64;
    while at < len {
        let part = usize::try_from(len - at).unwrap_or(usize::MAX).min(buf.len());
        let Some(piece) = buf.get_mut(..part) else { break };
        let read = file.read_up_to(piece, at)?;
        hasher.update(piece.get(..read).unwrap_or_default());
        if read < part {
            break;
        }
        at += part as u64;
    }
    Ok(hasher.finalize().into())
}

fn load<'a>(shared: &Shared, slot: &'a mut Option<Ledger>) -> Result<&'a mut Ledger, ChangeError> {
    let ledger = match slot.take() {
        Some(ledger) => ledger,
        None => {
            let ledger = Ledger::read(&*shared.fs, &shared.dirs.wal, shared.codec.id)?;
            if !ledger.flaws.is_empty() {
                let path = chain_path(&shared.dirs.wal);
                tracing::warn!(path = %path.display(), flaws = ?ledger.flaws, "the log's hash chain is damaged; it goes on behind the damage");
            }
            ledger
        }
    };
    Ok(slot.insert(ledger))
}

/// Notes that a sealed segment is about to be changed, so that nobody takes that for somebody else's doing. Deleting comes
/// first: when this fails, it is logged, and the change is noted afterwards.
pub(super) fn announce_change(shared: &Shared, segment: &Segment) {
    note(shared, |ledger| {
        let known = ledger.vouches_for(segment.first);
        known.then(|| ledger.entry_of(segment.first, Reason::Changing)).flatten()
    });
}

/// The same for segments that are about to be dropped.
pub(super) fn announce_drop(shared: &Shared, first: u64, floor: u64) {
    note(shared, |ledger| {
        // Nothing of it is in a chain that was not begun yet.
        ledger.exists().then(|| Entry {
            first: Lsn(first),
            end: Lsn(floor),
            len: 0,
            reason: Reason::Dropped,
            unix_ms: Timestamp::now().unix_millis(),
            hash: [0; 32],
            link: [0; 32],
        })
    });
}

fn note(shared: &Shared, entry: impl FnOnce(&Ledger) -> Option<Entry>) {
    let mut slot = shared.chain();
    let noted = load(shared, &mut slot).and_then(|ledger| match entry(ledger) {
        Some(entry) => ledger.append(&*shared.fs, vec![entry]).map_err(ChangeError::from),
        None => Ok(()),
    });
    if let Err(error) = noted {
        let cause: &dyn std::error::Error = &error;
        tracing::warn!(%error, cause = ?cause.source(), "a change of the log could not be noted in its hash chain before it was made");
    }
}
