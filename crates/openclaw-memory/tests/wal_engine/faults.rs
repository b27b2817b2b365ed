//! Failing disks: full, broken, lying.

use openclaw_memory::engine::{AppendError, Crash, Fault, FaultFs, FaultKind, LogHealth, WalOptions};

use crate::kit::{append_all, open, payloads, run, small};

#[test]
fn a_full_disk_refuses_loudly_and_recovers_by_itself() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let written = payloads(6);
    append_all(&log, &written);
    fs.set_capacity(Some(0));
    // What is preallocated may still be used; then it is over.
    let error = run(async {
        loop {
            if let Err(error) = log.wal.append(vec![b'x'; 300], 9).await {
                break error;
            }
        }
    });
    assert!(matches!(error, AppendError::Full(_)) && error.is_retryable(), "{error}");
    assert!(error.to_string().contains("full"), "{error}");
    assert!(matches!(log.wal.health(), LogHealth::Full { .. }));
    let held = log.wal.reader().held();
    assert_eq!(log.wal.reader().read(log.observed.lock().unwrap()[0].0).unwrap(), written[0]);

    fs.set_capacity(None);
    let pointer = run(log.wal.append(b"again".to_vec(), 10)).unwrap();
    assert_eq!(pointer.lsn, held.end);
    assert_eq!(log.wal.health(), LogHealth::Writable);
    drop(log);
    let log = open(&fs, small());
    assert_eq!(log.seen.last().unwrap().1.as_deref(), Some(&b"again"[..]));
    assert!(log.report.cut.is_none() && log.report.damages.is_empty(), "{:?}", log.report);
}

#[test]
fn free_space_is_kept_for_others() {
    let fs = FaultFs::new();
    let log = open(&fs, WalOptions { min_free_bytes: 1 << 20, ..small() });
    append_all(&log, &payloads(1));
    fs.set_capacity(Some((1 << 20) + 100));
    let error = run(log.wal.append(vec![1; 50], 0)).unwrap_err();
    assert!(matches!(error, AppendError::Full(_)), "{error}");
    assert!(error.to_string().contains("memory.min_free_mb"), "{error}");
    // What makes room later may use it.
    run(log.wal.append_urgent(vec![1; 50], 0)).unwrap();
    assert!(matches!(log.wal.health(), LogHealth::Full { .. }));
    assert!(matches!(run(log.wal.append(vec![1; 50], 0)), Err(AppendError::Full(_))));
    fs.set_capacity(Some(3 << 20));
    append_all(&log, &payloads(1));
}

#[test]
fn an_idle_log_notices_that_the_disk_has_room_again() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    fs.set_capacity(Some(0));
    run(async { while log.wal.append(vec![b'x'; 300], 0).await.is_ok() {} });
    assert!(matches!(log.wal.health(), LogHealth::Full { .. }));
    fs.set_capacity(None);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while log.wal.health() != LogHealth::Writable {
        assert!(std::time::Instant::now() < deadline, "{:?}", log.wal.health());
        std::thread::yield_now();
    }
}

#[test]
fn a_failed_sync_ends_writing_and_is_never_tried_again() {
    let fs = FaultFs::new();
    let log = open(&fs, small());
    let pointer = append_all(&log, &payloads(1))[0];
    // One record is a write and a sync.
    fs.inject(Fault { at: 1, kind: FaultKind::Fail });
    let error = run(log.wal.append(b"lost".to_vec(), 0)).unwrap_err();
    assert!(matches!(error, AppendError::Poisoned(_)) && !error.is_retryable(), "{error}");
    assert!(error.to_string().contains("restart"), "{error}");
    let before = fs.operations();
    assert!(matches!(run(log.wal.append(b"more".to_vec(), 0)), Err(AppendError::Poisoned(_))));
    assert_eq!(fs.operations(), before);
    assert!(matches!(log.wal.health(), LogHealth::Poisoned { .. }));
    assert_eq!(log.wal.reader().read(pointer).unwrap(), payloads(1)[0]);
    assert_eq!(log.observed.lock().unwrap().len(), 1);
    drop(log);

    // What the page cache still shows is made durable before it is believed.
    let after = fs.crash(Crash::ProcessOnly);
    let seen = open(&after, small()).seen;
    let later = open(&after.crash(Crash::LoseUnsynced), small());
    assert_eq!(later.seen, seen);
    assert!(later.report.damages.is_empty());
}

#[test]
fn a_lying_disk_never_makes_a_record_that_was_not_written() {
    let written = payloads(12);
    for at in 0..40 {
        let fs = FaultFs::new();
        let log = open(&fs, small());
        fs.inject(Fault { at, kind: FaultKind::Lie });
        append_all(&log, &written);
        drop(log);
        for seed in 0..4 {
            let after = fs.crash(Crash::Torn(seed));
            for (pointer, payload) in open(&after, small()).seen {
                assert_eq!(payload.unwrap(), written[pointer.lsn.0 as usize - 1], "operation {at}");
            }
        }
    }
}
