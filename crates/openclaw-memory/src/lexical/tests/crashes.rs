//! Faults and crashes at every operation: afterwards the index is in the state before or after, and the owner's protocol
//! (give again what is not covered) makes it whole.

use std::{path::Path, sync::atomic::AtomicBool};

use super::{super::*, DIR, create, doc, keys, maintain, open, search};
use crate::fs::{Crash, Fault, FaultFs, FaultKind};

const DOCS: u64 = 60;

fn text(major: u64) -> String {
    format!("tea number {major} 綠茶 {}", major % 7)
}

fn add(index: &Lexical, majors: std::ops::RangeInclusive<u64>) -> Result<(), LexicalError> {
    for major in majors {
        index.add(&[doc(major, &text(major))], major)?;
    }
    Ok(())
}

fn doomed(from: u64, to: u64) -> [Doomed<'static>; 1] {
    [Doomed::Keys { space: Space::Log, from: (from, 0), to: (to, 0) }]
}

/// Flushes, deletions and merges. Says how far it came: documents given, and which deletions were acknowledged.
fn script(index: &Lexical, acknowledged: &mut Vec<(u64, u64)>) -> Result<(), LexicalError> {
    let stop = AtomicBool::new(false);
    for part in 0..5 {
        add(index, part * 10 + 1..=part * 10 + 10)?;
        index.flush()?;
    }
    index.delete(&doomed(5, 14))?;
    acknowledged.push((5, 14));
    while index.maintain(&stop)? {}
    add(index, 51..=DOCS)?;
    index.delete(&doomed(30, 52))?;
    acknowledged.push((30, 52));
    index.flush()?;
    while index.maintain(&stop)? {}
    Ok(())
}

fn is_deleted(major: u64, deletions: &[(u64, u64)]) -> bool {
    deletions.iter().any(|(from, to)| (*from..=*to).contains(&major))
}

/// What a start finds is right, and can be made whole.
fn check(fs: &FaultFs, acknowledged: &[(u64, u64)], what: &str) {
    let index = open(fs).unwrap_or_else(|error| panic!("{what}: {error}"));
    let covered = index.covered();
    let found = keys(&search(&index, "tea", Filter::default(), 100));
    for (major, _) in &found {
        assert!(!is_deleted(*major, acknowledged), "{what}: {major} came back");
    }
    // Of what is covered nothing is missing but what was deleted, acknowledged or not.
    for major in (1..=covered).filter(|major| !is_deleted(*major, &[(5, 14), (30, 52)])) {
        assert!(found.contains(&(major, 0)), "{what}: {major} is missing of {covered}");
    }
    add(&index, 1..=DOCS).unwrap();
    index.delete(&doomed(5, 14)).unwrap();
    index.delete(&doomed(30, 52)).unwrap();
    index.flush().unwrap();
    maintain(&index);
    let expected: Vec<(u64, u32)> = (1..=DOCS)
        .rev()
        .filter(|major| !is_deleted(*major, &[(5, 14), (30, 52)]))
        .map(|major| (major, 0))
        .collect();
    let mut whole = keys(&search(&index, "tea 綠茶", Filter::default(), 100));
    whole.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(whole, expected, "{what}");
    // Nothing is left of interrupted work.
    let files = index.stats().segments + 1;
    drop(index);
    drop(open(fs).unwrap());
    assert_eq!(fs.files().len(), files, "{what}: {:?}", fs.files());
}

#[test]
fn a_fault_at_any_operation_leaves_a_sound_index() {
    let fs = FaultFs::new();
    let index = create(&fs);
    let before = fs.operations();
    script(&index, &mut Vec::new()).unwrap();
    let operations = fs.operations() - before;
    assert!(operations > 60, "{operations}");
    for kind in
        [FaultKind::Fail, FaultKind::Tear, FaultKind::Full, FaultKind::CrashBefore, FaultKind::CrashAfter]
    {
        for at in 0..operations {
            let fs = FaultFs::new();
            let index = create(&fs);
            fs.inject(Fault { at, kind });
            let mut acknowledged = Vec::new();
            let failed = script(&index, &mut acknowledged);
            let what = format!("{kind:?} at {at}");
            if failed.is_err() && !matches!(kind, FaultKind::CrashBefore | FaultKind::CrashAfter) {
                // The process goes on: what is there is found, and nothing that was deleted.
                let found = keys(&search(&index, "tea", Filter::default(), 100));
                assert!(found.iter().all(|(major, _)| !is_deleted(*major, &acknowledged)), "{what}");
            }
            drop(index);
            let mut crashes = vec![Crash::ProcessOnly, Crash::Torn(at)];
            if matches!(kind, FaultKind::CrashBefore | FaultKind::CrashAfter) {
                crashes.push(Crash::LoseUnsynced);
            }
            for crash in crashes {
                check(&fs.crash(crash), &acknowledged, &format!("{what}, {crash:?}"));
            }
        }
    }
}

#[test]
fn a_crash_while_it_is_made_leaves_none_or_an_empty_one() {
    for at in 0.. {
        let fs = FaultFs::new();
        fs.inject(Fault { at, kind: FaultKind::CrashBefore });
        let made = Lexical::create(std::sync::Arc::new(fs.clone()), Path::new(DIR), super::options());
        let done = made.is_ok();
        for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
            match open(&fs.crash(crash)) {
                Ok(index) => assert_eq!(index.stats(), Stats::default()),
                Err(error) => assert!(matches!(error, LexicalError::Absent(_)), "{error}"),
            }
        }
        if done {
            break;
        }
    }
}
