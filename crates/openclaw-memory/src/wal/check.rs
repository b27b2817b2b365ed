//! Checks a log, byte by byte and without changing any, whether it is open or not.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use openclaw_core::Lsn;

use super::{
    OpenError, Pointer, Problem, ProblemKind, Wal, WalOptions,
    archive::ArchiveFile,
    chain::{Flaw, Hash, Ledger, Reason, chain_path, hash_frames},
    frame::Codec,
    preamble::{self, Preamble, Unreadable},
    recovery::{Found, Inventory, identify, look_at},
    replay::{End, Hole, walk},
    shared::{Dirs, Home, IoFailure, Segment, Shared, manifest_path},
    walk::Walker,
};
use crate::fs::{Fs, FsFile};

/// Problems that are kept; more are counted.
pub(crate) const MOST_PROBLEMS: usize = 1000;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    /// Problems that were not kept.
    pub(crate) more: u64,
    pub(crate) segments: u64,
    pub(crate) archives: u64,
    pub(crate) records: u64,
    pub(crate) erased: u64,
    /// Bytes of segments that were checked, decompressed.
    pub(crate) bytes: u64,
    pub(crate) lsns: Range<Lsn>,
    /// Segments that the chain vouches for.
    pub(crate) chained: u64,
    pub(crate) chain_head: Option<Hash>,
}

impl Findings {
    pub(crate) fn add(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn note(&mut self, kind: ProblemKind, path: PathBuf, detail: impl Into<String>) {
        self.add(Problem { kind, path, offset: 0, bytes: 0, lsns: Lsn(0)..Lsn(0), detail: detail.into() });
    }
}

/// A record that verified, and how far the check is.
pub(crate) struct Met<'a> {
    pub(crate) at: Pointer,
    pub(crate) path: &'a std::path::Path,
    /// `None` when it was erased.
    pub(crate) payload: Option<&'a [u8]>,
    pub(crate) bytes_done: u64,
    pub(crate) bytes_total: u64,
}

/// A log to check.
pub(crate) struct Check {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dirs: Dirs,
    pub(super) codec: Codec,
    pub(super) floor: u64,
    pub(super) segments: Vec<Segment>,
    /// What the next record gets, if the log is open.
    next: Option<u64>,
    pub(super) ledger: Ledger,
    live: Option<Arc<Shared>>,
    pub(super) findings: Findings,
    /// Files that are no part of this log, though they are named like it.
    pub(super) strangers: Vec<PathBuf>,
    pub(super) manifest_sound: bool,
}

impl Check {
    /// A log that nobody has open. `None`: there is none.
    pub(crate) fn closed(
        fs: Arc<dyn Fs>,
        wal: &std::path::Path,
        options: &WalOptions,
    ) -> Result<Option<Self>, OpenError> {
        let dirs = Dirs::new(wal, options);
        let inventory = match Inventory::take(&*fs, &dirs) {
            Err(failure) if failure.source.kind() == io::ErrorKind::NotFound => return Ok(None),
            taken => taken?,
        };
        if inventory.manifest.is_none() && inventory.segments.is_empty() {
            return Ok(None);
        }
        let mut findings = Findings::default();
        for path in inventory.unfinished {
            findings.note(ProblemKind::Unfinished, path, "a file that was being written");
        }
        let manifest = read_preamble(&*fs, &manifest_path(&dirs.wal), preamble::MANIFEST)?;
        if manifest.is_none() {
            let bytes = u64::from(inventory.manifest.is_some()) * preamble::SIZE as u64;
            findings.add(Problem {
                kind: ProblemKind::Manifest,
                path: manifest_path(&dirs.wal),
                offset: 0,
                bytes,
                lsns: Lsn(0)..Lsn(0),
                detail: "which records were dropped on purpose is no longer known".to_owned(),
            });
        }
        let mut found = Vec::with_capacity(inventory.segments.len());
        for (first, home) in inventory.segments {
            found.push(look_at(&*fs, &dirs, first, home)?);
        }
        let chain = read_preamble(&*fs, &chain_path(&dirs.wal), preamble::CHAIN)?;
        // The log's id, from whatever still tells it.
        let strangers = strangers(manifest.or(chain), &found);
        let strangers: Vec<_> =
            strangers.into_iter().map(|at| found.remove(at)).map(|it| dirs.path(it.first, it.home)).collect();
        for path in &strangers {
            findings.note(ProblemKind::Foreign, path.clone(), "");
        }
        let id = match identify(&dirs, manifest.or(chain), &found)? {
            Some(id) => id,
            None => return Ok(None),
        };
        let codec = Codec::new(id);
        let ledger = Ledger::read(&*fs, &dirs.wal, id)?;
        let lowest = found.first().map_or(1, |segment| segment.first);
        let floor =
            manifest.map_or_else(|| lowest.min(ledger.dropped_below().0.max(1)), |it| it.lsn.0.max(1));
        let mut segments: Vec<Segment> = Vec::with_capacity(found.len());
        for segment in found.iter().filter(|segment| segment.first >= floor) {
            let twice = segments.last().is_some_and(|before| before.first == segment.first);
            if twice {
                let path = dirs.path(segment.first, Home::Wal);
                findings.note(ProblemKind::Unfinished, path, "it has been archived, and is still there");
                segments.pop();
            }
            segments.push(segment.segment());
        }
        if segments.len() < found.len() && found.iter().any(|segment| segment.first < floor) {
            findings.note(
                ProblemKind::Unfinished,
                dirs.wal.clone(),
                "segments that were dropped are still there",
            );
        }
        Ok(Some(Self {
            fs,
            dirs,
            codec,
            floor,
            segments,
            next: None,
            ledger,
            live: None,
            findings,
            strangers,
            manifest_sound: manifest.is_some(),
        }))
    }

    /// A log while it is open.
    pub(crate) fn open<T: Send + 'static>(wal: &Wal<T>) -> Result<Self, OpenError> {
        let shared = Arc::clone(wal.shared());
        let _changing = shared.change();
        let ledger = {
            let _chain = shared.chain();
            Ledger::read(&*shared.fs, &shared.dirs.wal, shared.codec.id)?
        };
        let (segments, next) = shared.with_table(|table| (table.segments.clone(), table.next));
        let mut findings = Findings::default();
        let manifest = read_preamble(&*shared.fs, &manifest_path(&shared.dirs.wal), preamble::MANIFEST)?;
        if manifest.is_none() {
            findings.note(ProblemKind::Manifest, manifest_path(&shared.dirs.wal), "");
        }
        let lowest = segments.first().map_or(1, |segment| segment.first);
        drop(_changing);
        Ok(Self {
            fs: Arc::clone(&shared.fs),
            dirs: shared.dirs.clone(),
            codec: shared.codec,
            floor: manifest.map_or(lowest, |manifest| manifest.lsn.0.max(1)),
            segments,
            next: Some(next),
            ledger,
            live: Some(shared),
            findings,
            strangers: Vec::new(),
            manifest_sound: manifest.is_some(),
        })
    }

    /// Goes through everything, showing each record that verifies.
    pub(crate) fn run(mut self, visit: &mut dyn FnMut(&Met<'_>, &mut Findings)) -> Findings {
        self.check_chain_file();
        let total: u64 = self.segments.iter().map(|segment| segment.end).sum();
        let mut done = 0;
        let mut expected = self.floor;
        for index in 0..self.segments.len() {
            let Some(mut segment) = self.segments.get(index).copied() else { break };
            let behind = self.segments.get(index + 1).map(|segment| segment.first);
            // What is being erased is not damaged; and what is hashed must be what the chain knows at the same time.
            let live = self.live.clone();
            let _changing = live.as_ref().map(|shared| shared.change());
            if let Some(shared) = &live {
                // Dropped meanwhile, or archived.
                let Some((_, now)) = shared.with_table(|table| table.get(segment.first)) else { continue };
                segment = now;
                if let Ok(ledger) = Ledger::read(&*self.fs, &self.dirs.wal, self.codec.id) {
                    self.ledger = ledger;
                }
            }
            if segment.first > expected {
                self.findings.add(Problem {
                    kind: ProblemKind::Gap,
                    path: self.dirs.path(expected, Home::Wal),
                    offset: 0,
                    bytes: 0,
                    lsns: Lsn(expected)..Lsn(segment.first),
                    detail: String::new(),
                });
            }
            let path = self.dirs.path(segment.first, segment.home);
            expected = match self.segment(&path, segment, behind, (done, total), visit) {
                Ok(next) => next,
                Err(error) => {
                    let lsns = Lsn(segment.first)..Lsn(behind.unwrap_or(segment.first));
                    let detail = error.to_string();
                    let kind = ProblemKind::Unreadable;
                    self.findings.add(Problem { kind, path, offset: 0, bytes: 0, lsns, detail });
                    behind.unwrap_or(segment.first)
                }
            };
            done += segment.end;
        }
        if let Some(next) = self.next.filter(|_| self.segments.is_empty()) {
            expected = next;
        }
        self.findings.lsns = Lsn(self.floor)..Lsn(expected);
        self.check_missing();
        self.findings
    }

    /// Checks one segment; returns the Lsn behind its last record.
    fn segment(
        &mut self,
        path: &std::path::Path,
        segment: Segment,
        behind: Option<u64>,
        (done, total): (u64, u64),
        visit: &mut dyn FnMut(&Met<'_>, &mut Findings),
    ) -> io::Result<u64> {
        let file = self.fs.open(path)?;
        let (file, len): (Arc<dyn FsFile>, u64) = if segment.home == Home::Wal {
            self.findings.segments += 1;
            self.check_header(path, &*file, segment.first)?;
            (file, segment.end)
        } else {
            self.findings.archives += 1;
            let archive = ArchiveFile::open(Arc::clone(&file), &self.codec, segment.first)?;
            self.check_archive(path, &*file, &archive)?;
            let len = archive.len()?;
            (Arc::new(archive), len)
        };
        let mut walker = Walker::new(Arc::clone(&file), self.codec, segment.first, len);
        let findings = &mut self.findings;
        let end = walk(&mut walker, |walker, frame| {
            findings.records += 1;
            findings.erased += u64::from(frame.kind.erased);
            let payload = if frame.kind.erased { None } else { Some(walker.payload(frame)?) };
            let bytes_done = done + u64::from(frame.offset);
            visit(&Met { at: frame.pointer(), path, payload, bytes_done, bytes_total: total }, findings);
            Ok(())
        })?;
        self.findings.bytes += end.offset;
        let next = self.check_end(path, &end, (behind, len));
        for hole in end.damages {
            self.report(path, hole);
        }
        self.check_hash(path, &*file, &segment, len, behind)?;
        Ok(next)
    }

    fn report(&mut self, path: &std::path::Path, hole: Hole) {
        let damage = hole.at(path);
        let (kind, offset, bytes) = (ProblemKind::Records, damage.offset, damage.bytes);
        let detail = String::new();
        self.findings.add(Problem { kind, path: damage.path, offset, bytes, lsns: damage.lost, detail });
    }

    fn check_end(&mut self, path: &std::path::Path, end: &End, (behind, len): (Option<u64>, u64)) -> u64 {
        let problem = |kind, lsns: Range<u64>| Problem {
            kind,
            path: path.to_owned(),
            offset: end.offset,
            bytes: end.dirty,
            lsns: Lsn(lsns.start)..Lsn(lsns.end),
            detail: String::new(),
        };
        match behind {
            Some(behind) if end.dirty > 0 => {
                self.findings.add(problem(ProblemKind::Records, end.next..behind));
                behind.max(end.next)
            }
            // What was acknowledged since the start can't be an unfinished write.
            None if self.live.is_some() && (end.dirty > 0 || end.offset < len) => {
                self.findings.add(problem(ProblemKind::Records, end.next..end.next));
                end.next
            }
            None if end.dirty > 0 => {
                self.findings.add(problem(ProblemKind::Tail, end.next..end.next));
                end.next
            }
            _ => end.next,
        }
    }

    fn check_header(&mut self, path: &std::path::Path, file: &dyn FsFile, first: u64) -> io::Result<()> {
        let mut bytes = [0; preamble::SIZE];
        file.read_up_to(&mut bytes, 0)?;
        let header = Preamble::decode(&bytes, preamble::SEGMENT).ok();
        if header.is_none_or(|header| header.id != self.codec.id || header.lsn.0 != first) {
            let bytes = preamble::SIZE as u64;
            self.findings.add(Problem {
                kind: ProblemKind::Header,
                path: path.to_owned(),
                offset: 0,
                bytes,
                lsns: Lsn(first)..Lsn(first),
                detail: String::new(),
            });
        }
        Ok(())
    }

    fn check_archive(
        &mut self,
        path: &std::path::Path,
        file: &dyn FsFile,
        archive: &ArchiveFile,
    ) -> io::Result<()> {
        let none = Lsn(0)..Lsn(0);
        let mut add = |kind, offset, bytes, detail: &str| {
            let (path, lsns, detail) = (path.to_owned(), none.clone(), detail.to_owned());
            self.findings.add(Problem { kind, path, offset, bytes, lsns, detail });
        };
        let head = preamble::SIZE as u64;
        if archive.head.is_none() {
            add(ProblemKind::Header, 0, head, "");
        } else if !archive.has_table {
            add(ProblemKind::Archive, head, u64::from(archive.blocks()) * 4 + 4, "its table of blocks");
        }
        for number in 0..archive.blocks() {
            if !archive.block(number)?.1 {
                let (offset, bytes) = archive.place(number).unwrap_or_default();
                add(ProblemKind::Archive, offset, bytes, &format!("block {number}"));
            }
        }
        let len = file.len()?;
        if let Some(end) = archive.file_end().filter(|end| len > *end) {
            add(ProblemKind::Archive, end, len - end, "bytes behind its last block");
        }
        Ok(())
    }

    /// Whether the segment is what the chain vouches for.
    fn check_hash(
        &mut self,
        path: &std::path::Path,
        file: &dyn FsFile,
        segment: &Segment,
        len: u64,
        behind: Option<u64>,
    ) -> io::Result<()> {
        let Some(entry) = self.ledger.current(segment.first).copied() else { return Ok(()) };
        if entry.reason == Reason::Changing {
            let detail = "records were being erased in it";
            if self.live.is_none() {
                self.findings.note(ProblemKind::Unfinished, path.to_owned(), detail);
            }
            return Ok(());
        }
        self.findings.chained += 1;
        let same = u64::from(entry.len) <= len
            && behind.is_none_or(|behind| entry.end.0 == behind)
            && hash_frames(file, u64::from(entry.len))? == entry.hash;
        if !same {
            self.findings.add(Problem {
                kind: ProblemKind::Changed,
                path: path.to_owned(),
                offset: preamble::SIZE as u64,
                bytes: u64::from(entry.len).saturating_sub(preamble::SIZE as u64),
                lsns: entry.first..entry.first,
                detail: format!(
                    "noted when it held the records {} to {}",
                    entry.first.0,
                    entry.end.0.saturating_sub(1)
                ),
            });
        }
        Ok(())
    }

    fn check_chain_file(&mut self) {
        self.findings.chain_head = self.ledger.head();
        let path = chain_path(&self.dirs.wal);
        for flaw in self.ledger.flaws.clone() {
            let (kind, offset, bytes, detail) = match flaw {
                Flaw::Header => (ProblemKind::Chain, 0, preamble::SIZE as u64, "its header"),
                Flaw::Entry { offset, bytes } => (ProblemKind::Chain, offset, bytes, "entries"),
                Flaw::Tail { offset, bytes } => {
                    (ProblemKind::Chain, offset, bytes, "its end, or an unfinished write")
                }
                Flaw::Link { offset } => (ProblemKind::ChainBroken, offset, super::chain::SIZE as u64, ""),
            };
            let (path, lsns, detail) = (path.clone(), Lsn(0)..Lsn(0), detail.to_owned());
            self.findings.add(Problem { kind, path, offset, bytes, lsns, detail });
        }
    }

    /// What the chain knows of and the directory does not have.
    fn check_missing(&mut self) {
        let live = self.live.as_ref();
        let now = live.map(|shared| shared.with_table(|table| table.segments.clone()));
        let segments = now.as_ref().unwrap_or(&self.segments);
        // While the log is open, segments may be dropped in the middle of this.
        let floor = now.as_ref().and_then(|now| now.first()).map_or(self.floor, |segment| segment.first);
        let (mut missing, mut unexplained) = (Vec::new(), None);
        for entry in self.ledger.all_current() {
            if entry.first.0 < floor {
                unexplained = unexplained.max(Some(entry.end));
            } else if segments.binary_search_by_key(&entry.first.0, |segment| segment.first).is_err() {
                missing.push(entry);
            }
        }
        for entry in missing {
            self.findings.add(Problem {
                kind: ProblemKind::Missing,
                path: self.dirs.path(entry.first.0, Home::Wal),
                offset: 0,
                bytes: 0,
                lsns: entry.first..entry.end,
                detail: "the hash chain knows it".to_owned(),
            });
        }
        if let Some(end) = unexplained.filter(|end| *end > self.ledger.dropped_below() && live.is_none()) {
            self.findings.add(Problem {
                kind: ProblemKind::Dropped,
                path: manifest_path(&self.dirs.wal),
                offset: 32,
                bytes: 8,
                lsns: self.ledger.dropped_below().max(Lsn(1))..end,
                detail: "the manifest says so, the hash chain does not".to_owned(),
            });
        }
    }
}

/// The files that say they are of another log than most of what tells.
fn strangers(known: Option<Preamble>, found: &[Found]) -> Vec<usize> {
    let first = || found.iter().find_map(|segment| segment.header);
    let Some(id) = known.or_else(first).map(|header| header.id) else { return Vec::new() };
    let foreign = |segment: &Found| segment.header.is_some_and(|header| header.id != id);
    // From behind, so that taking one out does not move the others.
    (0..found.len()).rev().filter(|at| found.get(*at).is_some_and(foreign)).collect()
}

fn read_preamble(fs: &dyn Fs, path: &std::path::Path, magic: [u8; 8]) -> Result<Option<Preamble>, OpenError> {
    let file = match fs.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(IoFailure::at("open", path))?,
    };
    let mut bytes = [0; preamble::SIZE];
    file.read_up_to(&mut bytes, 0).map_err(IoFailure::at("read", path))?;
    match Preamble::decode(&bytes, magic) {
        Ok(preamble) => Ok(Some(preamble)),
        Err(Unreadable::Damaged) => Ok(None),
        Err(Unreadable::Future(found)) => {
            Err(OpenError::FutureVersion { path: path.to_owned(), found, supported: preamble::VERSION })
        }
    }
}
