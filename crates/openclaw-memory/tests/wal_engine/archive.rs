//! Archived segments: read as before, erased without a trace, interrupted anywhere.

use std::{path::Path, sync::Arc};

use openclaw_core::Lsn;
use openclaw_memory::engine::{
    ChangeError, Crash, Fault, FaultFs, FaultKind, Fs, Pointer, ReadError, ReplayFrom,
};

use crate::kit::{DIR, Log, append_all, archives, contains, open, open_at, payloads, run, segments, small};

const KINDS: [FaultKind; 6] = [
    FaultKind::Fail,
    FaultKind::Tear,
    FaultKind::Full,
    FaultKind::Lie,
    FaultKind::CrashBefore,
    FaultKind::CrashAfter,
];

/// 120 records over many segments, of which the first three are archived.
fn made() -> (FaultFs, Log, Vec<Pointer>, Vec<Vec<u8>>) {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let written = payloads(120);
    let pointers = append_all(&log, &written);
    for segment in log.wal.reader().segments().iter().take(3) {
        let report = log.wal.archive(segment.lsns.start).unwrap();
        assert_eq!(report.bytes_before, segment.bytes);
        assert!(report.bytes_after > 0);
    }
    (fs, log, pointers, written)
}

fn scanned(log: &Log) -> Vec<(Pointer, Option<Vec<u8>>)> {
    let mut scan = log.wal.reader().scan(Lsn(0)..Lsn(u64::MAX));
    let mut found = Vec::new();
    while let Some(record) = scan.next_record().unwrap() {
        found.push((record.pointer, record.payload.map(<[u8]>::to_vec)));
    }
    assert!(scan.damages().is_empty(), "{:?}", scan.damages());
    found
}

#[test]
fn an_archived_segment_reads_scans_and_replays_as_before() {
    let (fs, log, pointers, written) = made();
    let expected: Vec<_> = pointers.iter().copied().zip(written.iter().cloned().map(Some)).collect();
    let check = |log: &Log| {
        for (pointer, payload) in pointers.iter().zip(&written) {
            assert_eq!(&log.wal.reader().read(*pointer).unwrap(), payload);
        }
        assert_eq!(scanned(log), expected);
        let infos = log.wal.reader().segments();
        assert_eq!(infos.iter().filter(|info| info.archived.is_some()).count(), 3);
        assert!(infos[..3].iter().all(|info| info.sealed && info.archived.is_some()));
        assert!(infos[0].path.extension().unwrap() == "arc");
        assert_eq!(infos[3].archived, None);
    };
    check(&log);
    assert_eq!(archives(&fs).len(), 3);
    let before = log.wal.reader().segments();
    // Once more: nothing to do. And the open one can't be.
    assert_eq!(log.wal.archive(Lsn(1)).unwrap().bytes_after, before[0].archived.unwrap());
    for lsn in [before.last().unwrap().lsns.start, Lsn(2), Lsn(10_000)] {
        assert!(matches!(log.wal.archive(lsn), Err(ChangeError::NotSealed { lsn: no }) if no == lsn));
    }
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.seen, expected);
    assert!(log.report.damages.is_empty() && log.report.gaps.is_empty(), "{:?}", log.report);
    check(&log);
    let mut after = log.wal.reader().segments();
    after.iter_mut().zip(&before).for_each(|(after, before)| after.sealed = before.sealed);
    assert_eq!(after, before);
    // From any checkpoint on.
    drop(log);
    for covered in [1, 7, 20, 40] {
        let from = ReplayFrom::After(pointers[covered - 1]);
        let log = open_at(Arc::new(fs.clone()), Path::new(DIR), small(), from).unwrap();
        assert_eq!(log.seen, expected[covered..]);
    }
}

#[test]
fn erasing_in_an_archive_leaves_no_byte_and_drops_take_archives() {
    let (fs, log, pointers, written) = made();
    let gone: Vec<_> = pointers.iter().copied().step_by(3).take(20).collect();
    log.wal.erase(&gone).unwrap();
    log.wal.erase(&gone).unwrap();
    let check = |log: &Log, from: u64| {
        for (pointer, payload) in pointers.iter().zip(&written).filter(|(at, _)| at.lsn.0 >= from) {
            let read = log.wal.reader().read(*pointer);
            if gone.contains(pointer) {
                assert!(matches!(read, Err(ReadError::Erased(lsn)) if lsn == pointer.lsn), "{read:?}");
            } else {
                assert_eq!(&read.unwrap(), payload);
            }
        }
    };
    check(&log, 1);
    assert!(scanned(&log).iter().all(|(at, payload)| payload.is_none() == gone.contains(at)));
    // Nothing is left in what the blocks hold either.
    for first in log.wal.reader().segments().iter().take(3).map(|info| info.lsns.start) {
        let bytes = openclaw_memory::engine::read_archive(&fs, Path::new(DIR), first).unwrap();
        for (pointer, payload) in pointers.iter().zip(&written).filter(|(at, _)| gone.contains(at)) {
            assert!(!contains(&bytes, &payload[..13]), "{pointer:?}");
        }
    }
    let infos = log.wal.reader().segments();
    let disk = infos[0].archived.unwrap() + infos[1].archived.unwrap();
    assert_eq!(log.wal.drop_before(infos[2].lsns.start).unwrap().1, disk);
    assert_eq!(archives(&fs).len(), 1);
    drop(log);
    let log = open(&fs, small());
    assert!(log.report.damages.is_empty() && log.report.gaps.is_empty(), "{:?}", log.report);
    check(&log, infos[2].lsns.start.0);
    // A wrong pointer erases nothing.
    let target = *pointers.iter().find(|at| at.lsn >= infos[2].lsns.start && !gone.contains(at)).unwrap();
    let wrong = Pointer { offset: target.offset + 1, ..target };
    assert!(matches!(log.wal.erase(&[wrong]), Err(ChangeError::Mismatch { .. })));
    log.wal.reader().read(target).unwrap();
}

#[test]
fn a_scan_under_way_goes_on_in_the_archive_and_does_not_show_what_was_erased() {
    let (_fs, log, pointers, written) = made();
    let infos = log.wal.reader().segments();
    let start = infos[3].lsns.start;
    let mut scan = log.wal.reader().scan(start..infos[6].lsns.start);
    let mut seen = Vec::new();
    seen.push(scan.next_record().unwrap().unwrap().pointer);
    log.wal.archive(start).unwrap();
    log.wal.archive(infos[4].lsns.start).unwrap();
    let gone = pointers[infos[3].lsns.end.0 as usize - 2];
    log.wal.erase(&[gone]).unwrap();
    while let Some(record) = scan.next_record().unwrap() {
        let expected = (record.pointer != gone).then_some(&written[record.pointer.lsn.0 as usize - 1][..]);
        assert_eq!(record.payload, expected);
        seen.push(record.pointer);
    }
    assert_eq!(seen, pointers[start.0 as usize - 1..infos[6].lsns.start.0 as usize - 1]);
    assert!(scan.damages().is_empty());
}

/// What must hold after a crash at any point: each record is there once, or erased if that was asked for.
fn check(
    fs: &FaultFs,
    pointers: &[Pointer],
    written: &[Vec<u8>],
    gone: &[Pointer],
    erased: bool,
    context: &str,
) {
    let log = open(fs, small());
    assert!(log.report.gaps.is_empty(), "{context}: {:?}", log.report);
    let seen: Vec<_> = log.seen.iter().map(|(at, _)| *at).collect();
    // What was torn while it was erased in place is damage until that is done again.
    let torn = |at: &Pointer| !erased && gone.contains(at) && !seen.contains(at);
    let expected: Vec<_> = pointers.iter().copied().filter(|at| !torn(at)).collect();
    assert_eq!(seen, expected, "{context}: {:?}", log.report);
    assert!(log.report.damages.len() <= pointers.len() - seen.len(), "{context}: {:?}", log.report);
    for (at, payload) in &log.seen {
        let expected = &written[at.lsn.0 as usize - 1];
        match payload {
            Some(payload) => {
                assert_eq!(payload, expected, "{context}");
                assert!(!erased || !gone.contains(at), "{context}: {at:?} is back");
            }
            None => assert!(gone.contains(at), "{context}: {at:?} was erased"),
        }
    }
    // Never both, and nothing half made.
    let mut firsts: Vec<_> =
        segments(fs).iter().chain(&archives(fs)).map(|path| path.file_stem().unwrap().to_owned()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), segments(fs).len() + archives(fs).len(), "{context}: {:?}", fs.files());
    assert!(fs.files().iter().all(|path| path.extension().is_none_or(|it| it != "tmp")), "{context}");
    log.wal.erase(gone).expect(context);
    for first in log.wal.reader().segments().iter().filter(|info| info.archived.is_some()) {
        let bytes = openclaw_memory::engine::read_archive(fs, Path::new(DIR), first.lsns.start).unwrap();
        for pointer in gone {
            let payload = &written[pointer.lsn.0 as usize - 1];
            assert!(!contains(&bytes, &payload[..13]), "{context}: {pointer:?} left bytes");
        }
    }
    let next = run(log.wal.append(b"after".to_vec(), 0)).expect(context);
    assert_eq!(next.lsn.0, written.len() as u64 + 1, "{context}");
}

#[test]
fn archiving_and_erasing_may_be_interrupted_anywhere() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let written = payloads(40);
    let pointers = append_all(&log, &written);
    run(log.wal.close());
    drop(log);
    let made = fs.crash(Crash::LoseUnsynced);
    let infos = {
        let log = open(&made, small());
        log.wal.reader().segments()
    };
    let made = made.crash(Crash::LoseUnsynced);
    let gone = [pointers[1], pointers[4], pointers[infos[1].lsns.start.0 as usize]];
    let work = |fs: &FaultFs| {
        let Ok(log) = open_at(Arc::new(fs.clone()), Path::new(DIR), small(), ReplayFrom::Beginning) else {
            return false;
        };
        for info in &infos[..2] {
            let _ = log.wal.archive(info.lsns.start);
        }
        let erased = log.wal.erase(&gone).is_ok();
        // What failed is tried again.
        let _ = log.wal.archive(infos[0].lsns.start);
        erased
    };
    let whole = made.crash(Crash::LoseUnsynced);
    assert!(work(&whole));
    let operations = whole.operations();
    assert!(operations > 30, "{operations}");
    for at in 0..operations + 2 {
        for kind in KINDS {
            let fs = made.crash(Crash::LoseUnsynced);
            fs.inject(Fault { at, kind });
            let erased = work(&fs);
            if kind == FaultKind::Lie {
                // What it swears to have written need not be there, except for whoever asks at once.
                let context = format!("operation {at}, {kind:?}");
                check(&fs.crash(Crash::ProcessOnly), &pointers, &written, &gone, erased, &context);
                continue;
            }
            for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at), Crash::Torn(at + 1000)] {
                let context = format!("operation {at}, {kind:?}, {crash:?}");
                check(&fs.crash(crash), &pointers, &written, &gone, erased, &context);
            }
        }
    }
}

#[test]
fn damage_in_an_archive_costs_what_it_hits_and_no_more() {
    let (made_fs, log, pointers, written) = made();
    run(log.wal.close());
    drop(log);
    let files = archives(&made_fs);
    let len = made_fs.contents(&files[1]).unwrap().len();
    let second: u64 = files[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let third: u64 = files[2].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    for hit in (0..len).step_by(7) {
        let fs = made_fs.crash(Crash::LoseUnsynced);
        fs.tamper(&files[1], |bytes| bytes[hit] ^= 0x10).unwrap();
        let log = open(&fs, small());
        for (pointer, payload) in &log.seen {
            assert_eq!(payload.as_ref(), Some(&written[pointer.lsn.0 as usize - 1]), "byte {hit}");
        }
        let outside = |lsn: u64| !(second..third).contains(&lsn);
        let kept = log.seen.iter().filter(|(at, _)| outside(at.lsn.0)).count();
        assert_eq!(kept, pointers.iter().filter(|at| outside(at.lsn.0)).count(), "byte {hit}");
        let lost = log.seen.len() < pointers.len();
        assert!(!lost || !log.report.damages.is_empty() || !log.report.gaps.is_empty(), "byte {hit}");
        // Head and table are only needed to find the blocks.
        assert!(!lost || hit > 68, "byte {hit}");
        if hit < 64 {
            assert_eq!(log.report.damages.len(), 1, "byte {hit}");
        }
    }
    // Cut short, it keeps what is before the cut, as far as it can be decompressed.
    for cut in (0..len).step_by(101) {
        let fs = made_fs.crash(Crash::LoseUnsynced);
        fs.tamper(&files[1], |bytes| bytes.truncate(cut)).unwrap();
        let log = open(&fs, small());
        assert!(
            log.seen.iter().all(|(at, payload)| payload.as_ref() == Some(&written[at.lsn.0 as usize - 1]))
        );
        assert!(!log.report.damages.is_empty() || !log.report.gaps.is_empty(), "cut {cut}");
    }
}

#[test]
fn a_missing_last_segment_behind_an_archive_starts_a_new_one() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    append_all(&log, &payloads(40));
    let infos = log.wal.reader().segments();
    for info in infos.iter().filter(|info| info.sealed) {
        log.wal.archive(info.lsns.start).unwrap();
    }
    drop(log);
    fs.remove(&infos.last().unwrap().path).unwrap();
    let log = open(&fs, small());
    assert_eq!(log.report.next, infos.last().unwrap().lsns.start);
    assert_eq!(append_all(&log, &[b"next".to_vec()])[0].lsn, log.report.next);
}
