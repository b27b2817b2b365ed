//! Damaged, missing and foreign files.

use std::{path::Path, sync::Arc};

use openclaw_core::Lsn;
use openclaw_memory::engine::{FaultFs, Fs, OpenError, Pointer, ReadError, ReplayFrom};

use crate::kit::{DIR, Log, append_all, open, open_at, payloads, segments, small};

/// A log of 60 records over several segments, closed.
fn made() -> (FaultFs, Vec<Pointer>) {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointers = append_all(&log, &payloads(60));
    (fs, pointers)
}

fn lsns(log: &Log) -> Vec<u64> {
    log.seen.iter().map(|(pointer, _)| pointer.lsn.0).collect()
}

fn open_error(fs: &FaultFs) -> OpenError {
    let opened = open_at(Arc::new(fs.clone()), Path::new(DIR), small(), ReplayFrom::Beginning);
    opened.err().unwrap()
}

#[test]
fn damage_costs_the_damaged_record_only_wherever_it_hits() {
    let (made_fs, pointers) = made();
    let files = segments(&made_fs);
    let first: u64 = 1;
    // Every byte of three neighbouring records, heads included.
    let from = pointers[4].offset as usize;
    let to = pointers[7].offset as usize;
    for hit in from..to {
        let fs = made_fs.crash(openclaw_memory::engine::Crash::LoseUnsynced);
        let made_fs_alive = fs.clone();
        made_fs_alive.tamper(&files[0], |bytes| bytes[hit] ^= 0x5A).unwrap();
        let log = open(&fs, small());
        let victim =
            pointers.iter().rfind(|pointer| pointer.offset as usize <= hit && pointer.lsn.0 < 9).unwrap();
        let expected: Vec<u64> = (first..=60).filter(|lsn| *lsn != victim.lsn.0).collect();
        assert_eq!(lsns(&log), expected, "byte {hit}");
        let [damage] = &log.report.damages[..] else { panic!("{:?}", log.report) };
        assert_eq!(
            (damage.offset, damage.lost.clone()),
            (u64::from(victim.offset), victim.lsn..Lsn(victim.lsn.0 + 1))
        );
        assert!(!damage.maybe_unacknowledged);
        assert!(log.report.cut.is_none() && log.report.gaps.is_empty());
        let reader = log.wal.reader();
        assert!(matches!(reader.read(*victim), Err(ReadError::Damaged { lsn, .. }) if lsn == victim.lsn));
        let mut scan = reader.scan(Lsn(0)..Lsn(u64::MAX));
        let mut scanned = Vec::new();
        while let Some(record) = scan.next_record().unwrap() {
            scanned.push(record.pointer.lsn.0);
        }
        assert_eq!(scanned, expected);
        assert_eq!(scan.damages().len(), 1);
    }
}

#[test]
fn a_tail_that_is_no_record_is_cut_and_written_over() {
    let (fs, pointers) = made();
    let last = segments(&fs).pop().unwrap();
    fs.tamper(&last, |bytes| bytes.extend_from_slice(b"\xDEhalf a record that never was")).unwrap();
    let log = open(&fs, small());
    let cut = log.report.cut.clone().unwrap();
    assert_eq!((&cut.path, cut.bytes), (&last, 29));
    assert_eq!(lsns(&log).len(), 60);
    assert_eq!(append_all(&log, &[b"next".to_vec()])[0].offset as u64, cut.offset);
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.seen.len(), 61);
    assert!(log.report.cut.is_none() && log.report.damages.is_empty());
    assert!(pointers.len() == 60);
}

#[test]
fn a_missing_segment_is_reported_even_when_it_is_not_replayed() {
    let (fs, pointers) = made();
    let files = segments(&fs);
    fs.remove(&files[1]).unwrap();
    let log = open(&fs, small());
    let [gap] = &log.report.gaps[..] else { panic!("{:?}", log.report) };
    assert_eq!(gap.path, files[1]);
    let lost = gap.lost.clone();
    assert!(lsns(&log).iter().all(|lsn| !lost.contains(&Lsn(*lsn))));
    assert_eq!(lsns(&log).len() as u64, 60 - (lost.end.0 - lost.start.0));
    drop(log);
    let late = ReplayFrom::After(pointers[58]);
    let log = open_at(Arc::new(fs.clone()), Path::new(DIR), small(), late).unwrap();
    assert_eq!(log.report.gaps[0].lost, lost);
    assert_eq!(lsns(&log), [60]);
    drop(log);
    fs.remove(&files[0]).unwrap();
    assert_eq!(open(&fs, small()).report.gaps[0].lost.start, Lsn(1));
}

#[test]
fn a_sealed_segment_that_lost_its_end_is_a_gap() {
    let (fs, pointers) = made();
    let files = segments(&fs);
    let second: u64 = files[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let victim = pointers[second as usize - 2];
    fs.tamper(&files[0], |bytes| bytes.truncate(victim.offset as usize)).unwrap();
    let log = open(&fs, small());
    assert_eq!(log.report.gaps[0].lost, victim.lsn..Lsn(second));
    assert_eq!(lsns(&log).len(), 59);
}

#[test]
fn damaged_headers_and_a_lost_manifest_cost_nothing() {
    let (fs, _) = made();
    let files = segments(&fs);
    let manifest = Path::new(DIR).join("manifest");
    fs.tamper(&files[0], |bytes| bytes[20] ^= 1).unwrap();
    fs.remove(&manifest).unwrap();
    let log = open(&fs, small());
    assert_eq!(lsns(&log).len(), 60);
    assert_eq!((log.report.damages.len(), log.report.damages[0].offset), (1, 0));
    drop(log);
    fs.tamper(&manifest, |bytes| bytes[3] ^= 1).unwrap();
    assert_eq!(lsns(&open(&fs, small())).len(), 60);
    for file in &files {
        fs.tamper(file, |bytes| bytes[63] ^= 1).unwrap();
    }
    assert_eq!(lsns(&open(&fs, small())).len(), 60);
    fs.tamper(&manifest, |bytes| bytes[3] ^= 1).unwrap();
    let error = open_error(&fs);
    assert!(matches!(error, OpenError::Unidentified { .. }), "{error}");
}

#[test]
fn a_newer_format_and_a_foreign_segment_are_refused_by_name() {
    let (fs, _) = made();
    let files = segments(&fs);
    let original = fs.contents(&files[1]).unwrap();
    fs.tamper(&files[1], |bytes| {
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    })
    .unwrap();
    let error = open_error(&fs);
    assert!(
        matches!(&error, OpenError::FutureVersion { path, found: 2, supported: 1 } if *path == files[1]),
        "{error}"
    );
    fs.tamper(&files[1], |bytes| {
        *bytes = original;
        bytes[16] ^= 1;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    })
    .unwrap();
    let error = open_error(&fs);
    assert!(matches!(&error, OpenError::Foreign { path } if *path == files[1]), "{error}");
}

#[test]
fn leftovers_and_strangers_in_the_directory_do_not_matter() {
    let (fs, _) = made();
    for name in ["00000000000000000061.tmp", "manifest.tmp", "notes.txt", "1.wal"] {
        fs.create(&Path::new(DIR).join(name)).unwrap();
    }
    let log = open(&fs, small());
    assert_eq!(log.seen.len(), 60);
    assert!(fs.files().iter().all(|path| path.extension().is_none_or(|it| it != "tmp")));
}
