//! The log on a working disk.

use std::sync::Arc;

use openclaw_core::Lsn;
use openclaw_memory::engine::{
    AppendError, ChangeError, FaultFs, LogHealth, Pointer, ReadError, RealFs, Record, ReplayFrom, WalOptions,
};

use crate::kit::{append_all, close, contains, open, open_at, payloads, run, segments, small};

#[test]
fn what_is_appended_is_read_scanned_and_replayed_on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("memory").join("wal");
    let written = payloads(200);
    let log = open_at(Arc::new(RealFs), &dir, small(), ReplayFrom::Beginning).unwrap();
    assert_eq!(log.report.next, Lsn(1));
    let pointers = append_all(&log, &written);
    assert_eq!(
        pointers.iter().map(|pointer| pointer.lsn.0).collect::<Vec<_>>(),
        (1..=200).collect::<Vec<_>>()
    );
    let observed: Vec<_> = pointers.iter().copied().zip(0..).collect();
    assert_eq!(*log.observed.lock().unwrap(), observed);

    let reader = log.wal.reader();
    for (pointer, payload) in pointers.iter().zip(&written) {
        assert_eq!(&reader.read(*pointer).unwrap(), payload);
    }
    assert!(reader.segments().len() > 5, "{:?}", reader.segments());
    close(&log);
    let on_disk: u64 = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|it| it == "wal"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert_eq!(on_disk, reader.segments().iter().map(|segment| segment.bytes).sum::<u64>());
    drop(log);

    let log = open_at(Arc::new(RealFs), &dir, small(), ReplayFrom::Beginning).unwrap();
    let expected: Vec<_> = pointers.iter().copied().zip(written.iter().cloned().map(Some)).collect();
    assert_eq!(log.seen, expected);
    assert_eq!((log.report.next, log.report.replayed), (Lsn(201), 200));
    assert_eq!((&log.report.cut, &log.report.damages[..], &log.report.gaps[..]), (&None, &[][..], &[][..]));
}

#[test]
fn a_start_visits_only_what_a_checkpoint_does_not_cover() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointers = append_all(&log, &payloads(100));
    drop(log);
    for covered in [1, 50, 99, 100] {
        let last = pointers[covered - 1];
        for from in [ReplayFrom::After(last), ReplayFrom::Lsn(Lsn(last.lsn.0 + 1))] {
            let log = open_at(Arc::new(fs.clone()), crate::kit::DIR.as_ref(), small(), from).unwrap();
            let seen: Vec<_> = log.seen.iter().map(|(pointer, _)| *pointer).collect();
            assert_eq!(seen, pointers[covered..], "{from:?}");
            assert_eq!(log.report.next, Lsn(101));
            assert!(log.report.damages.is_empty() && log.report.gaps.is_empty());
        }
    }
    // A pointer that is wrong costs time, not records.
    let wrong = Pointer { offset: 77, ..pointers[49] };
    let log = open_at(Arc::new(fs), crate::kit::DIR.as_ref(), small(), ReplayFrom::After(wrong)).unwrap();
    assert_eq!(log.seen.len(), 50);
}

#[test]
fn a_checkpoint_beyond_the_log_is_a_gap_and_its_numbers_are_not_given_out_again() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    append_all(&log, &payloads(3));
    drop(log);
    let ahead = ReplayFrom::Lsn(Lsn(10));
    let log = open_at(Arc::new(fs.clone()), crate::kit::DIR.as_ref(), small(), ahead).unwrap();
    assert_eq!(log.report.gaps[0].lost, Lsn(4)..Lsn(10));
    assert_eq!(append_all(&log, &payloads(1))[0].lsn, Lsn(10));
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.seen.iter().map(|(pointer, _)| pointer.lsn.0).collect::<Vec<_>>(), [1, 2, 3, 10]);
    assert_eq!(log.report.gaps[0].lost, Lsn(4)..Lsn(10));
}

#[test]
fn many_writers_share_syncs_and_each_learns_its_own_place() {
    let fs = FaultFs::new();
    let log = open(&fs, WalOptions { min_free_bytes: 0, ..WalOptions::default() });
    let before = fs.operations();
    let pointers = run(async {
        let mut tickets = Vec::new();
        for n in 0..500usize {
            let slot = log.wal.reserve(8).await.unwrap();
            tickets.push(slot.append(format!("{n:08}").into_bytes(), n).unwrap());
        }
        let mut pointers = Vec::new();
        for ticket in tickets {
            pointers.push(ticket.await.unwrap());
        }
        pointers
    });
    assert!(pointers.is_sorted());
    for (n, pointer) in pointers.iter().enumerate() {
        assert_eq!(log.wal.reader().read(*pointer).unwrap(), format!("{n:08}").into_bytes());
    }
    assert!(fs.operations() - before <= 1000, "{} operations", fs.operations() - before);
}

#[test]
fn large_records_go_through_a_small_queue() {
    let fs = FaultFs::new();
    let options = WalOptions { queue_bytes: 64 << 10, max_record_bytes: 1 << 20, ..small() };
    let log = open(&fs, options.clone());
    let big: Vec<_> = (0..4u8).map(|n| vec![n + 1; 1 << 20]).collect();
    let pointers = append_all(&log, &big);
    for (pointer, payload) in pointers.iter().zip(&big) {
        assert!(log.wal.reader().read(*pointer).unwrap() == *payload);
    }
    let error = run(log.wal.append(vec![0; (1 << 20) + 1], 0)).unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { bytes: 1_048_577, limit: 1_048_576 }), "{error}");
    let slot = run(log.wal.reserve(3)).unwrap();
    let (error, item) = slot.append(vec![0; 4], 7).unwrap_err();
    assert_eq!(item, 7);
    assert!(matches!(error, AppendError::TooLarge { bytes: 4, limit: 3 }), "{error}");
    drop(log);
    assert_eq!(open(&fs, options).seen.len(), 4);
}

#[test]
fn a_closed_log_refuses_and_still_reads() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointer = append_all(&log, &payloads(1))[0];
    let slot = run(log.wal.reserve(3)).unwrap();
    close(&log);
    close(&log);
    assert!(matches!(slot.append(vec![1], 5), Err((AppendError::Closed, 5))));
    assert_eq!(log.wal.health(), LogHealth::Closed);
    assert!(matches!(run(log.wal.append(vec![1], 0)), Err(AppendError::Closed)));
    assert_eq!(log.wal.reader().read(pointer).unwrap(), payloads(1)[0]);
    let absent = Pointer { lsn: Lsn(2), ..pointer };
    assert!(matches!(log.wal.reader().read(absent), Err(ReadError::Absent { .. })));
}

#[test]
fn scans_run_in_several_threads_while_the_log_is_written() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let written = payloads(120);
    append_all(&log, &written);
    let reader = log.wal.reader();
    std::thread::scope(|scope| {
        for segment in reader.segments() {
            let (reader, written) = (reader.clone(), &written);
            scope.spawn(move || {
                let mut scan = reader.scan(segment.lsns.clone());
                let mut expected = segment.lsns.start.0;
                while let Some(Record { pointer, payload }) = scan.next_record().unwrap() {
                    assert_eq!(pointer.lsn.0, expected);
                    assert_eq!(payload.unwrap(), written[pointer.lsn.0 as usize - 1]);
                    expected += 1;
                }
                assert_eq!(expected, segment.lsns.end.0);
                assert!(scan.next_record().unwrap().is_none());
                assert!(scan.damages().is_empty());
            });
        }
        append_all(&log, &payloads(50));
    });
    let mut scan = reader.scan(Lsn(30)..Lsn(40));
    let mut count = 0;
    while scan.next_record().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 10);
    // Records behind the range don't make it start over.
    assert!(scan.next_record().unwrap().is_none());
}

#[test]
fn erased_records_leave_no_byte_and_keep_their_place() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let written = payloads(40);
    let pointers = append_all(&log, &written);
    let gone = [pointers[3], pointers[20], pointers[39]];
    log.wal.erase(&gone).unwrap();
    log.wal.erase(&gone).unwrap();
    let reader = log.wal.reader();
    for (n, (pointer, payload)) in pointers.iter().zip(&written).enumerate() {
        if gone.contains(pointer) {
            assert!(matches!(reader.read(*pointer), Err(ReadError::Erased(lsn)) if lsn == pointer.lsn));
            assert!(segments(&fs).iter().all(|path| !contains(&fs.contents(path).unwrap(), &payload[..13])));
        } else {
            assert_eq!(&reader.read(*pointer).unwrap(), payload, "{n}");
        }
    }
    // The tail is writable right behind an erased record.
    let more = append_all(&log, &[b"after".to_vec()])[0];
    assert_eq!(more.lsn, Lsn(41));
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.seen.len(), 41);
    assert!(log.report.damages.is_empty(), "{:?}", log.report);
    let erased: Vec<_> =
        log.seen.iter().filter(|(_, payload)| payload.is_none()).map(|(at, _)| *at).collect();
    assert_eq!(erased, gone);
}

#[test]
fn a_wrong_pointer_erases_nothing() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointers = append_all(&log, &payloads(10));
    let target = pointers[5];
    for wrong in [
        Pointer { offset: target.offset + 1, ..target },
        Pointer { len: target.len + 1, ..target },
        Pointer { len: target.len - 1, ..target },
        Pointer { lsn: Lsn(5), ..target },
        Pointer { offset: 3, ..target },
        Pointer { offset: u32::MAX - 5, ..target },
        Pointer { len: u32::MAX, ..target },
    ] {
        let error = log.wal.erase(&[wrong]).unwrap_err();
        assert!(matches!(error, ChangeError::Mismatch { .. }), "{wrong:?}: {error}");
    }
    log.wal.erase(&[Pointer { lsn: Lsn(1000), ..target }]).unwrap();
    // Asked to, it goes on with the right ones.
    let wrong = Pointer { offset: u32::MAX - 5, ..pointers[3] };
    let skipped = log.wal.erase_what_is_there(&[wrong, target]).unwrap();
    assert!(matches!(skipped[..], [ChangeError::Mismatch { lsn: Lsn(4), .. }]), "{skipped:?}");
    drop(log);
    let erased: Vec<_> =
        open(&fs, small()).seen.iter().filter(|(_, payload)| payload.is_none()).map(|(at, _)| *at).collect();
    assert_eq!(erased, [target]);
}

#[test]
fn dropped_segments_are_gone_and_numbers_count_on() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointers = append_all(&log, &payloads(80));
    let reader = log.wal.reader();
    let segments = reader.segments();
    let keep = segments[2].lsns.start;
    let (records, bytes) = log.wal.drop_before(Lsn(keep.0 + 1)).unwrap();
    assert_eq!(records, keep.0 - 1);
    assert_eq!(bytes, segments[0].bytes + segments[1].bytes);
    assert_eq!(log.wal.drop_before(keep).unwrap(), (0, 0));
    assert!(matches!(reader.read(pointers[0]), Err(ReadError::Absent { .. })));
    assert!(reader.read(pointers[79]).is_ok());
    // The last segment stays whatever is asked.
    log.wal.drop_before(Lsn(u64::MAX)).unwrap();
    assert_eq!(reader.segments().len(), 1);
    assert_eq!(append_all(&log, &payloads(1))[0].lsn, Lsn(81));
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.report.next, Lsn(82));
    assert!(log.report.gaps.is_empty() && log.report.damages.is_empty(), "{:?}", log.report);
}

#[test]
fn a_dead_observer_fails_its_writers_instead_of_leaving_them_waiting() {
    let fs = FaultFs::new();
    let (wal, _) = openclaw_memory::engine::Wal::<u8>::open(
        Arc::new(fs),
        crate::kit::DIR.as_ref(),
        small(),
        ReplayFrom::Beginning,
        &mut |_| {},
        Box::new(|_| panic!("a test's observer")),
    )
    .unwrap();
    assert!(matches!(run(wal.append(vec![1], 0)), Err(AppendError::Poisoned(_))));
    assert!(matches!(run(wal.append(vec![2], 0)), Err(AppendError::Poisoned(_))));
    assert!(matches!(wal.health(), LogHealth::Poisoned { .. }));
}

#[test]
fn a_record_that_waits_is_written_with_the_next_and_when_room_runs_out() {
    let fs = FaultFs::new();
    let options = WalOptions { queue_bytes: 64 << 10, ..small() };
    let log = open(&fs, options);
    run(async {
        let before = fs.operations();
        let waiting = log.wal.reserve(10).await.unwrap().append_with_next(vec![1; 10], 1).unwrap();
        let next = log.wal.append(vec![2; 10], 2).await.unwrap();
        assert_eq!((waiting.await.unwrap().lsn, next.lsn), (Lsn(1), Lsn(2)));
        let both = fs.operations() - before;
        let before = fs.operations();
        log.wal.append(vec![3; 10], 3).await.unwrap();
        assert_eq!(fs.operations() - before, both);
        // The queue has room for one such record: the second waits for what the first holds.
        let first = log.wal.reserve(60 << 10).await.unwrap().append_with_next(vec![4; 60 << 10], 4).unwrap();
        let second = log.wal.reserve(60 << 10).await.unwrap().append_with_next(vec![5; 60 << 10], 5).unwrap();
        assert_eq!(first.await.unwrap().lsn, Lsn(4));
        // Closing writes what still waits.
        log.wal.close().await;
        assert_eq!(second.await.unwrap().lsn, Lsn(5));
    });
    assert_eq!(log.observed.lock().unwrap().len(), 5);
}
