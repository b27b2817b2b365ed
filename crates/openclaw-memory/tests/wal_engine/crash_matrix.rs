//! Every operation of a workload fails in every way, the machine crashes in every way, and the log is opened again: all that
//! was acknowledged is there exactly once and in order, and nothing else is half there.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use openclaw_core::Lsn;
use openclaw_memory::engine::{Crash, Fault, FaultFs, FaultKind, Pointer, ReplayFrom, Wal, read_archive};

use crate::kit::{DIR, contains, open, open_at, run, segments, small};

const KINDS: [FaultKind; 5] =
    [FaultKind::Fail, FaultKind::Tear, FaultKind::Full, FaultKind::CrashBefore, FaultKind::CrashAfter];

const CRASHES: [Crash; 5] =
    [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(1), Crash::Torn(2), Crash::Torn(3)];

/// What the workload was told.
#[derive(Debug, Default)]
struct Told {
    /// Everything that was ever tried.
    tried: Vec<Vec<u8>>,
    /// What was acknowledged.
    acknowledged: BTreeMap<Pointer, Vec<u8>>,
    /// Whose erasure was tried, and whether all of it was acknowledged.
    erasing: Vec<Pointer>,
    erased: bool,
    /// Records before this one may be dropped; they are when it was acknowledged.
    floor: u64,
}

impl Told {
    fn payload(&mut self) -> Vec<u8> {
        let n = self.tried.len();
        let mut payload = format!("payload {n:04} ").into_bytes();
        payload.resize(13 + n * 97 % 900, b'a' + (n % 26) as u8);
        self.tried.push(payload.clone());
        payload
    }

    /// Appends `count` records in one batch, if they fit into one: so that the same operations happen each time, and each number
    /// of an operation is that operation, however busy the machine is.
    fn append(&mut self, wal: &Wal<usize>, count: usize) {
        let payloads: Vec<_> = (0..count).map(|_| self.payload()).collect();
        run(async {
            let mut tickets = Vec::new();
            let last = payloads.len() - 1;
            for (at, payload) in payloads.into_iter().enumerate() {
                let Ok(slot) = wal.reserve(payload.len()).await else { continue };
                let queued = match at == last {
                    true => slot.append(payload.clone(), 0),
                    false => slot.append_with_next(payload.clone(), 0),
                };
                if let Ok(ticket) = queued {
                    tickets.push((ticket, payload));
                }
            }
            for (ticket, payload) in tickets {
                if let Ok(pointer) = ticket.await {
                    assert!(self.acknowledged.insert(pointer, payload).is_none(), "{pointer:?} given twice");
                }
            }
        });
    }

    fn start(fs: &FaultFs) -> Option<Wal<usize>> {
        open_at(Arc::new(fs.clone()), Path::new(DIR), small(), ReplayFrom::Beginning).ok().map(|log| log.wal)
    }

    /// Appends, rotates, closes, opens, archives, erases, chains, drops, appends.
    fn work(&mut self, fs: &FaultFs) {
        if let Some(wal) = Self::start(fs) {
            for count in [1, 3, 1, 6, 1, 1, 1] {
                self.append(&wal, count);
            }
        }
        let Some(wal) = Self::start(fs) else { return };
        for count in [4, 1, 1, 1] {
            self.append(&wal, count);
        }
        let sealed = |wal: &Wal<usize>| wal.reader().segments().into_iter().filter(|segment| segment.sealed);
        // Archived before something in it is erased, and after.
        let _ = wal.extend_chain(&|| false);
        if let Some(segment) = sealed(&wal).next() {
            let _ = wal.archive(segment.lsns.start);
        }
        self.erasing = self.acknowledged.keys().skip(2).step_by(3).copied().collect();
        self.erased = wal.erase(&self.erasing).is_ok();
        self.append(&wal, 2);
        let _ = wal.extend_chain(&|| false);
        for segment in sealed(&wal) {
            let _ = wal.archive(segment.lsns.start);
        }
        let target = Lsn(15);
        let starts = wal.reader().segments().into_iter().map(|segment| segment.lsns.start.0);
        self.floor = starts.filter(|first| *first <= target.0).max().unwrap_or(0);
        let _ = wal.drop_before(target);
        self.append(&wal, 2);
        run(wal.close());
    }

    /// Opens the disk after the crash and holds it against what was told.
    fn check(&self, fs: &FaultFs, context: &str) {
        let log = open(fs, small());
        let mut seen = BTreeMap::new();
        let mut before = 0;
        for (pointer, payload) in &log.seen {
            assert!(pointer.lsn.0 > before, "{context}: {pointer:?} out of order");
            before = pointer.lsn.0;
            if let Some(payload) = payload {
                assert!(self.tried.contains(payload), "{context}: {pointer:?} was never written");
                assert!(
                    !seen.values().flatten().any(|other| other == payload),
                    "{context}: {pointer:?} is doubled"
                );
            } else {
                assert!(self.erasing.contains(pointer), "{context}: {pointer:?} was erased");
            }
            seen.insert(*pointer, payload.clone());
        }
        for (pointer, payload) in &self.acknowledged {
            let dropped = pointer.lsn.0 < self.floor;
            match seen.get(pointer) {
                Some(Some(found)) => {
                    assert_eq!(found, payload, "{context}: {pointer:?}");
                    assert!(
                        !(self.erased && self.erasing.contains(pointer)),
                        "{context}: {pointer:?} is back"
                    );
                }
                Some(None) => {}
                // Torn in the middle of being erased, which the redo finishes.
                None if self.erasing.contains(pointer) && !self.erased => {}
                None => assert!(dropped, "{context}: acknowledged {pointer:?} is lost; {:?}", log.report),
            }
        }
        self.redo(fs, &log.wal, context);
        let chained = log.wal.extend_chain(&|| false).expect(context);
        assert!(chained.complete, "{context}");
        // The log goes on, and what it takes now is there after a power loss.
        let pointer = run(log.wal.append(b"after the crash".to_vec(), 0)).expect(context);
        assert_eq!(pointer.lsn, log.report.next, "{context}");
        let again = open(&fs.crash(Crash::LoseUnsynced), small());
        let erasing = |pointer: &Pointer| self.erasing.contains(pointer);
        let kept: Vec<_> = log.seen.iter().filter(|(pointer, _)| !erasing(pointer)).cloned().collect();
        let mut found: Vec<_> = again.seen.into_iter().filter(|(pointer, _)| !erasing(pointer)).collect();
        assert_eq!(found.pop(), Some((pointer, Some(b"after the crash".to_vec()))), "{context}");
        assert_eq!(found, kept, "{context}");
    }

    /// What the store does at replay with an erasure whose intent it finds in the log.
    fn redo(&self, fs: &FaultFs, wal: &Wal<usize>, context: &str) {
        wal.erase(&self.erasing).expect(context);
        for pointer in &self.erasing {
            let payload = &self.acknowledged[pointer];
            let archived = wal.reader().segments().into_iter().filter(|segment| segment.archived.is_some());
            let archived = archived.map(|segment| {
                let bytes = read_archive(fs, Path::new(DIR), segment.lsns.start).unwrap();
                (segment.path, bytes)
            });
            let plain = segments(fs).into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap()));
            for (path, bytes) in archived.chain(plain) {
                assert!(!contains(&bytes, &payload[..13]), "{context}: {pointer:?} left bytes in {path:?}");
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_whatever_fails_wherever() {
    let whole = || {
        let fs = FaultFs::new();
        let mut told = Told::default();
        told.work(&fs);
        (fs.operations(), told)
    };
    let (operations, told) = whole();
    assert!(
        told.acknowledged.len() == told.tried.len() && told.erased && told.floor > 1,
        "floor {}",
        told.floor
    );
    assert_eq!(whole().0, operations, "else faults would be met by chance");
    assert!(operations > 110, "{operations}");
    for at in 0..operations + 4 {
        for kind in KINDS {
            let fs = FaultFs::new();
            fs.inject(Fault { at, kind });
            let mut told = Told::default();
            told.work(&fs);
            for crash in CRASHES {
                told.check(&fs.crash(crash), &format!("operation {at}, {kind:?}, {crash:?}"));
            }
        }
    }
}

#[test]
fn recovery_itself_may_be_interrupted_anywhere() {
    let fs = FaultFs::new();
    fs.inject(Fault { at: 41, kind: FaultKind::CrashBefore });
    let mut told = Told::default();
    told.work(&fs);
    for seed in 0..6 {
        for at in 0..12 {
            for kind in KINDS {
                let broken = fs.crash(Crash::Torn(seed));
                broken.inject(Fault { at, kind });
                drop(Told::start(&broken));
                for crash in CRASHES {
                    told.check(&broken.crash(crash), &format!("recovery {at}, {kind:?}, {seed}, {crash:?}"));
                }
            }
        }
    }
}
