//! The chain's file, in memory and on the disk.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use openclaw_core::{Lsn, Timestamp};

use super::{
    super::{
        frame::LogId,
        preamble::{self, Preamble},
        shared::{IoFailure, place},
    },
    chain_path,
    entry::{Entry, Hash, Reason, SIZE, origin},
};
use crate::fs::Fs;

/// Entries above which the chain is begun anew, if most of them are of the past: 4 MB.
const MOST: usize = 40_000;

/// Something in the file that is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wal) enum Flaw {
    /// The file's header does not verify.
    Header,
    /// These bytes are no entry, and entries follow.
    Entry { offset: u64, bytes: u64 },
    /// The file ends in bytes that are no entry: a torn write, or damage.
    Tail { offset: u64, bytes: u64 },
    /// This entry does not follow from the one before it.
    Link { offset: u64 },
}

/// The chain.
#[derive(Debug)]
pub(in crate::wal) struct Ledger {
    dir: PathBuf,
    id: LogId,
    entries: Vec<Entry>,
    /// Index of each segment's last entry.
    current: HashMap<u64, usize>,
    /// Where the next entry goes. `None`: the file has to be written anew as a whole.
    end: Option<u64>,
    /// What was wrong with the file when it was read.
    pub(in crate::wal) flaws: Vec<Flaw>,
}

impl Ledger {
    fn empty(dir: &Path, id: LogId) -> Self {
        let dir = dir.to_owned();
        Self { dir, id, entries: Vec::new(), current: HashMap::new(), end: None, flaws: Vec::new() }
    }

    /// Reads what is there, and goes on behind it. Without a file it is empty.
    pub(in crate::wal) fn read(fs: &dyn Fs, dir: &Path, id: LogId) -> Result<Self, IoFailure> {
        let path = chain_path(dir);
        let mut ledger = Self::empty(dir, id);
        let file = match fs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ledger),
            Err(source) => return Err(IoFailure { action: "open", path, source }),
        };
        let len = file.len().map_err(IoFailure::at("read", &path))?;
        // Far more than it is ever given; beyond that it is something else.
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(64 << 20);
        let mut bytes = vec![0; len];
        let read = file.read_up_to(&mut bytes, 0).map_err(IoFailure::at("read", &path))?;
        bytes.truncate(read);
        ledger.parse(&bytes);
        Ok(ledger)
    }

    fn parse(&mut self, bytes: &[u8]) {
        let header = bytes.first_chunk::<{ preamble::SIZE }>();
        let header = header.and_then(|bytes| Preamble::decode(bytes, preamble::CHAIN).ok());
        let sound = header.is_some_and(|header| header.id == self.id);
        if !sound {
            self.flaws.push(Flaw::Header);
        }
        let mut hole: Option<u64> = None;
        let mut end = preamble::SIZE as u64;
        let mut link = Some(origin(&self.id));
        let mut at = preamble::SIZE as u64;
        for bytes in bytes.get(preamble::SIZE..).unwrap_or_default().chunks(SIZE) {
            let entry = bytes.first_chunk::<SIZE>().and_then(|bytes| Entry::decode(bytes, &self.id));
            if let Some(entry) = entry {
                if let Some(offset) = hole.take() {
                    self.flaws.push(Flaw::Entry { offset, bytes: at - offset });
                    link = None;
                }
                if link.is_some_and(|link| entry.link_after(&link) != entry.link) {
                    self.flaws.push(Flaw::Link { offset: at });
                }
                link = Some(entry.link);
                self.take(entry);
                end = at + SIZE as u64;
            } else {
                hole.get_or_insert(at);
            }
            at += bytes.len() as u64;
        }
        if let Some(offset) = hole {
            self.flaws.push(Flaw::Tail { offset, bytes: at - offset });
        }
        self.end = sound.then_some(end);
    }

    fn take(&mut self, entry: Entry) {
        match entry.reason {
            Reason::CarriedOn => {}
            Reason::Dropped => self.current.retain(|first, _| *first >= entry.end.0),
            _ => {
                self.current.insert(entry.first.0, self.entries.len());
            }
        }
        self.entries.push(entry);
    }

    pub(in crate::wal) fn exists(&self) -> bool {
        !self.entries.is_empty() || self.end.is_some()
    }

    /// The last entry of a segment.
    pub(in crate::wal) fn current(&self, first: u64) -> Option<&Entry> {
        self.entries.get(*self.current.get(&first)?)
    }

    /// The last entries of all segments, oldest segment first.
    pub(in crate::wal) fn all_current(&self) -> Vec<Entry> {
        let mut all: Vec<_> = self.current.values().filter_map(|at| self.entries.get(*at).copied()).collect();
        all.sort_unstable_by_key(|entry| entry.first);
        all
    }

    /// Below this record the chain knows of a drop.
    pub(in crate::wal) fn dropped_below(&self) -> Lsn {
        let dropped = self.entries.iter().filter(|entry| entry.reason == Reason::Dropped);
        dropped.map(|entry| entry.end).max().unwrap_or_default()
    }

    pub(in crate::wal) fn vouches_for(&self, first: u64) -> bool {
        self.current(first).is_some_and(Entry::vouches)
    }

    pub(in crate::wal) fn is_changing(&self, first: u64) -> bool {
        self.current(first).is_some_and(|entry| entry.reason == Reason::Changing)
    }

    /// A new entry for a segment that has one.
    pub(super) fn entry_of(&self, first: u64, reason: Reason) -> Option<Entry> {
        let unix_ms = Timestamp::now().unix_millis();
        self.current(first).map(|known| Entry { reason, unix_ms, hash: [0; 32], ..*known })
    }

    /// The last link; who has it noted down elsewhere can tell later whether the chain still leads through it.
    pub(in crate::wal) fn head(&self) -> Option<Hash> {
        self.entries.last().map(|entry| entry.link)
    }

    /// Adds entries, durably. They are known from now on even if that fails; then the next time writes the file anew.
    pub(in crate::wal) fn append(&mut self, fs: &dyn Fs, entries: Vec<Entry>) -> Result<(), IoFailure> {
        if entries.is_empty() && (self.end.is_some() || self.entries.is_empty()) {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(entries.len() * SIZE);
        for mut entry in entries {
            entry.link = entry.link_after(&self.head().unwrap_or_else(|| origin(&self.id)));
            bytes.extend_from_slice(&entry.encode(&self.id));
            self.take(entry);
        }
        // Until this succeeded, nobody knows what the file holds.
        let Some(end) = self.end.take() else { return self.write_anew(fs) };
        let path = chain_path(&self.dir);
        let file = match fs.open(&path) {
            Ok(file) => file,
            // Somebody removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.write_anew(fs),
            Err(source) => return Err(IoFailure { action: "open", path, source }),
        };
        file.write_all_at(&bytes, end)
            // What a torn write left behind it.
            .and_then(|()| file.set_len(end + bytes.len() as u64))
            .and_then(|()| file.sync_data())
            .map_err(IoFailure::at("write", &path))?;
        self.end = Some(end + bytes.len() as u64);
        Ok(())
    }

    /// Begins anew, behind the last link, when most entries are of the past.
    pub(super) fn bound(&mut self, fs: &dyn Fs) -> Result<(), IoFailure> {
        if self.entries.len() < MOST || self.entries.len() < 4 * self.current.len() {
            return Ok(());
        }
        self.begin_anew(self.all_current());
        self.write_anew(fs)
    }

    /// Forgets the past: the chain is what is given, behind the last link.
    pub(in crate::wal) fn begin_anew(&mut self, entries: Vec<Entry>) {
        let dropped = self.dropped_below();
        let unix_ms = Timestamp::now().unix_millis();
        let carried = self.head().map(|hash| Entry {
            first: Lsn(0),
            end: Lsn(0),
            len: 0,
            reason: Reason::CarriedOn,
            unix_ms,
            hash,
            link: [0; 32],
        });
        let dropped = (dropped > Lsn(0)).then_some(Entry {
            first: Lsn(0),
            end: dropped,
            len: 0,
            reason: Reason::Dropped,
            unix_ms,
            hash: [0; 32],
            link: [0; 32],
        });
        *self = Self::empty(&self.dir, self.id);
        for mut entry in carried.into_iter().chain(dropped).chain(entries) {
            entry.link = entry.link_after(&self.head().unwrap_or_else(|| origin(&self.id)));
            self.take(entry);
        }
    }

    pub(in crate::wal) fn write_anew(&mut self, fs: &dyn Fs) -> Result<(), IoFailure> {
        self.end = None;
        let head = Preamble { id: self.id, lsn: Lsn(0), previous: Lsn(0) };
        let mut bytes = head.encode(preamble::CHAIN).to_vec();
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.encode(&self.id));
        }
        place(fs, &self.dir, &chain_path(&self.dir), &bytes, 0)?;
        self.end = Some(bytes.len() as u64);
        Ok(())
    }
}
