//! The disk under [`FaultFs`](super::FaultFs): what processes see, what is durable, and what lies in between.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// A disk writes whole sectors or nothing.
const SECTOR: usize = 512;

/// A change of the names in a directory.
#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link { name: PathBuf, inode: usize },
    Unlink { name: PathBuf },
    Move { from: PathBuf, to: PathBuf },
}

impl NameChange {
    fn dir(&self) -> Option<&Path> {
        match self {
            Self::Link { name, .. } | Self::Unlink { name } | Self::Move { to: name, .. } => name.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Link { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
            Self::Move { from, to } => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// A change of a file's bytes that was not synced yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    match change {
        Change::SetLen(len) => bytes.resize(*len, 0),
        Change::Write { offset, data } => {
            let end = offset + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(place) = bytes.get_mut(*offset..end) {
                place.copy_from_slice(data);
            }
        }
    }
}

/// A file.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    /// As processes see it.
    pub(super) current: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Inode {
    pub(super) fn synced(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), current: bytes, unsynced: Vec::new() }
    }

    fn change(&mut self, change: Change, lies: bool) {
        apply(&change, &mut self.current);
        if !lies {
            self.unsynced.push(change);
        }
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            apply(&change, &mut self.durable);
        }
    }

    pub(super) fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    fn lose_power(&mut self, luck: &mut Option<Luck>) {
        if let Some(luck) = luck {
            for change in &self.unsynced {
                match change {
                    Change::SetLen(_) if luck.flip() => apply(change, &mut self.durable),
                    Change::SetLen(_) => {}
                    Change::Write { offset, data } => {
                        for piece in sectors(*offset, data).filter(|_| luck.flip()) {
                            apply(&piece, &mut self.durable);
                        }
                    }
                }
            }
        }
        *self = Self::synced(std::mem::take(&mut self.durable));
    }
}

/// A write, cut at the borders of sectors.
fn sectors(offset: usize, data: &[u8]) -> impl Iterator<Item = Change> {
    let mut rest = data;
    let mut at = offset;
    std::iter::from_fn(move || {
        let (now, later) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        let piece = Change::Write { offset: at, data: now.to_vec() };
        (rest, at) = (later, at + now.len());
        (!now.is_empty()).then_some(piece)
    })
}

/// A reproducible coin.
#[derive(Debug)]
struct Luck(u64);

impl Luck {
    /// Splitmix64's step (public domain, Vigna 2015).
    fn flip(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    inodes: Vec<Inode>,
    /// As processes see them.
    pub(super) names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    unsynced_names: Vec<NameChange>,
    pub(super) capacity: Option<u64>,
    /// No file can be opened.
    pub(super) out_of_files: bool,
    pub(super) operations: u64,
    pub(super) fault: Option<super::Fault>,
    pub(super) crashed: bool,
}

impl Disk {
    pub(super) fn find(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn inode(&mut self, index: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(index).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn add(&mut self) -> usize {
        self.inodes.push(Inode::default());
        self.inodes.len() - 1
    }

    pub(super) fn rename(&mut self, change: NameChange, lies: bool) {
        change.apply(&mut self.names);
        if !lies {
            self.unsynced_names.push(change);
        }
    }

    pub(super) fn sync_names(&mut self, dir: &Path) {
        let durable = &mut self.durable_names;
        self.unsynced_names.retain(|change| {
            let here = change.dir() == Some(dir);
            if here {
                change.apply(durable);
            }
            !here
        });
    }

    pub(super) fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|inode| self.inodes.get(*inode))
            .map(|file| file.current.len() as u64)
            .sum()
    }

    pub(super) fn write(&mut self, inode: usize, offset: u64, data: &[u8], lies: bool) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let used = self.used();
        let capacity = self.capacity;
        let file = self.inode(inode)?;
        let room = capacity.map_or(usize::MAX, |capacity| {
            usize::try_from(capacity.saturating_sub(used)).unwrap_or(usize::MAX)
        });
        let end = file.current.len().saturating_add(room);
        let fits = data.len().min(end.saturating_sub(offset));
        let written = data.get(..fits).unwrap_or_default();
        file.change(Change::Write { offset, data: written.to_vec() }, lies);
        if fits < data.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(super) fn set_len(&mut self, inode: usize, len: u64, lies: bool) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.inode(inode)?.change(Change::SetLen(len), lies);
        Ok(())
    }

    /// Keeps what is durable and, with luck, some of the rest.
    pub(super) fn lose_power(&mut self, seed: Option<u64>) {
        let mut luck = seed.map(Luck);
        for file in &mut self.inodes {
            file.lose_power(&mut luck);
        }
        let unsynced = std::mem::take(&mut self.unsynced_names);
        if let Some(luck) = &mut luck {
            for change in unsynced {
                if luck.flip() {
                    change.apply(&mut self.durable_names);
                }
            }
        }
        self.names = self.durable_names.clone();
    }
}
