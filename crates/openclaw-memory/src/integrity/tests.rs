//! Damage of every kind in every file: it is found, and the repair costs no record that was not hit.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{
    Lsn, Metadata, NewRun, Reply, RunId, RunOutcome, TokenUsage,
    config::MemoryConfig,
    port::{MemoryPort as _, SearchQuery},
};

use super::{log_options, repair::repair_on, verify::verify_on};
use crate::{
    Memory, ProblemKind, RepairReport, VerifyReport,
    fs::{Crash, Fault, FaultFs, FaultKind, Fs},
    record::{ConvKey, encode_accepted, encode_ended},
    wal::{Pointer, ReplayFrom, Wal, WalOptions},
};

const RUNS: usize = 60;

fn config() -> MemoryConfig {
    MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }
}

fn options(dir: &Path) -> WalOptions {
    let small = WalOptions {
        segment_bytes: 4096,
        preallocate_bytes: 1024,
        min_free_bytes: 0,
        batch_bytes: 4096,
        ..WalOptions::default()
    };
    log_options(dir, small)
}

fn open_log(fs: &FaultFs, dir: &Path) -> Wal<()> {
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let visit = &mut |_: crate::wal::Record<'_>| {};
    Wal::open(fs, &dir.join("wal"), options(dir), ReplayFrom::Beginning, visit, Box::new(|_| {})).unwrap().0
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A memory of several conversations over many small segments, of which the first three are archived; closed, index and all.
struct Made {
    dir: tempfile::TempDir,
    fs: FaultFs,
    records: BTreeMap<Pointer, Vec<u8>>,
    runs: Vec<RunId>,
}

impl Made {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fs = FaultFs::new();
        let (mut records, mut runs) = (BTreeMap::new(), Vec::new());
        let log = open_log(&fs, dir.path());
        for n in 0..RUNS {
            let id = RunId::generate();
            runs.push(id);
            let run = NewRun {
                id,
                conversation: format!("conversation-{}", n % 7).parse().unwrap(),
                channel: "api".to_owned(),
                text: format!("question {n} 질문 問題 {}", "слово ".repeat(n % 40)),
                metadata: Metadata::default(),
                idempotency_key: None,
            };
            let reply = RunOutcome::Completed(Reply {
                content: format!("answer {n} {}", "答え".repeat(n * 7 % 50)),
                skills_used: Vec::new(),
                usage: TokenUsage::default(),
                latency_ms: 7,
                model: "m".to_owned(),
            });
            for payload in
                [encode_accepted(&run, &ConvKey::of(&run.conversation), None), encode_ended(id, 5, &reply)]
            {
                let at = block_on(log.append(payload.clone(), ())).unwrap();
                records.insert(at, payload);
            }
        }
        let segments = log.reader().segments();
        assert!(segments.len() > 5, "{}", segments.len());
        for segment in segments.iter().take(3) {
            log.archive(segment.lsns.start).unwrap();
        }
        assert!(log.extend_chain(&|| false).unwrap().complete);
        block_on(log.close());
        drop(log);
        let made = Self { dir, fs, records, runs };
        let (memory, _) = Memory::open_on(Arc::new(made.fs.clone()), made.path(), &config()).unwrap();
        // A search gives the search index what it lacks; closing writes it out.
        let query = SearchQuery { query: "question".to_owned(), limit: 1, ..SearchQuery::default() };
        assert_eq!(block_on(memory.search(query)).unwrap().total, RUNS);
        block_on(memory.close());
        made
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn copy(&self) -> FaultFs {
        self.fs.crash(Crash::ProcessOnly)
    }

    /// Files of the log, but not the index.
    fn files(&self) -> Vec<PathBuf> {
        let index = self.path().join("index");
        self.fs.files().into_iter().filter(|path| !path.starts_with(&index)).collect()
    }

    fn verify(&self, fs: &FaultFs) -> VerifyReport {
        let before: Vec<_> = fs.files().iter().map(|path| fs.contents(path).unwrap()).collect();
        let operations = fs.operations();
        let report =
            verify_on(&(Arc::new(fs.clone()) as Arc<dyn Fs>), self.path(), None, &mut |_| {}).unwrap();
        assert_eq!(fs.operations(), operations, "verifying changed something");
        let after: Vec<_> = fs.files().iter().map(|path| fs.contents(path).unwrap()).collect();
        assert!(before == after);
        report
    }

    fn repair(&self, fs: &FaultFs) -> RepairReport {
        repair_on(&(Arc::new(fs.clone()) as Arc<dyn Fs>), self.path(), None, &mut |_| {}).unwrap()
    }

    fn open(&self, fs: &FaultFs) -> crate::OpenReport {
        let (memory, report) = Memory::open_on(Arc::new(fs.clone()), self.path(), &config()).unwrap();
        block_on(memory.close());
        report
    }

    /// What is left of the records. Nothing may be there that was not written.
    fn left(&self, fs: &FaultFs, context: &str) -> BTreeMap<Pointer, Vec<u8>> {
        let log = open_log(fs, self.path());
        let mut scan = log.reader().scan(Lsn(0)..Lsn(u64::MAX));
        let mut left = BTreeMap::new();
        while let Some(record) = scan.next_record().unwrap() {
            if let Some(payload) = record.payload {
                assert_eq!(self.records.get(&record.pointer).map(Vec::as_slice), Some(payload), "{context}");
                left.insert(record.pointer, payload.to_vec());
            }
        }
        assert!(scan.damages().is_empty(), "{context}");
        left
    }

    /// Verify finds it, repair costs at most so many records, and what follows is as if nothing had been.
    fn heal(&self, fs: &FaultFs, most: u64, context: &str) -> RepairReport {
        let found = self.verify(fs);
        assert!(!found.problems.is_empty(), "{context}: not found");
        let repaired = self.repair(fs);
        assert!(repaired.after.is_sound(), "{context}: {repaired:#?}");
        assert!(repaired.lost_count() <= most, "{context}: {repaired:#?}");
        let again = self.repair(fs);
        assert!(again.rewritten.is_empty() && again.set_aside.is_empty(), "{context}");
        let opened = self.open(fs);
        assert!(opened.damaged.is_empty(), "{context}: {opened:?}");
        assert_eq!((opened.missing, opened.cut_bytes), (0, 0), "{context}");
        let left = self.left(fs, context);
        let lost: Vec<_> = self.records.keys().filter(|at| !left.contains_key(at)).map(|at| at.lsn).collect();
        let said: Vec<_> = repaired.lost_records.iter().map(|lost| lost.lsn).collect();
        assert_eq!(lost, said, "{context}");
        assert!(self.verify(fs).problems.is_empty(), "{context}: {:#?}", self.verify(fs).problems);
        repaired
    }
}

#[test]
fn a_sound_memory_is_found_sound() {
    let made = Made::new();
    let report = made.verify(&made.fs);
    assert_eq!(report.problems, []);
    assert!(report.is_sound() && report.index_checked);
    assert_eq!((report.messages, report.records, report.erased), (120, 120, 0));
    assert_eq!((report.archives, report.chained), (3, report.segments + report.archives - 1));
    assert_eq!(report.lsns, Lsn(1)..Lsn(121));
    assert!(report.chain_head.is_some());
    let repaired = made.repair(&made.fs);
    assert!(repaired.rewritten.is_empty() && repaired.set_aside.is_empty() && repaired.lost.is_empty());
    let mut told = 0;
    verify_on(&(Arc::new(made.fs.clone()) as Arc<dyn Fs>), made.path(), None, &mut |_| told += 1).unwrap();
    assert_eq!(
        verify_on(&(Arc::new(FaultFs::new()) as Arc<dyn Fs>), made.path(), None, &mut |_| {}).unwrap(),
        VerifyReport::default()
    );
}

#[test]
fn flipped_bits_anywhere_are_found_and_cost_what_they_hit() {
    let made = Made::new();
    for file in made.files() {
        let len = made.fs.contents(&file).unwrap().len();
        let extension = file.extension().map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
        let (step, most) = match extension.as_str() {
            // A block of these archives is all of them.
            "arc" => (307, 60),
            "wal" => (613, 1),
            _ => (107, 0),
        };
        for hit in (0..64.min(len)).step_by(13).chain((64..len).step_by(step)) {
            let context = format!("{} byte {hit}", file.display());
            let fs = made.copy();
            fs.tamper(&file, |bytes| bytes[hit] ^= 0x24).unwrap();
            let most = if hit < 64 { 0 } else { most };
            let repaired = made.heal(&fs, most, &context);
            if file.file_name().unwrap() != "chain" || hit < made.fs.contents(&file).unwrap().len() {
                assert!(!repaired.set_aside.is_empty(), "{context}: {repaired:?}");
                let kept = fs.contents(&repaired.set_aside[0]).unwrap();
                assert_eq!(kept.len(), len, "{context}");
            }
            // The index knew whose record it was, and the run's other record which run.
            for lost in repaired.lost_records.iter().filter(|_| most == 1) {
                let run = (lost.lsn.0 as usize - 1) / 2;
                assert_eq!(
                    lost.conversation,
                    Some(format!("conversation-{}", run % 7).parse().unwrap()),
                    "{context}"
                );
                assert_eq!(lost.run, Some(made.runs[run]), "{context}");
            }
        }
    }
}

#[test]
fn flipped_bits_in_derived_files_are_found_or_mean_nothing() {
    let made = Made::new();
    let index = made.path().join("index");
    let derived: Vec<_> = made.fs.files().into_iter().filter(|path| path.starts_with(&index)).collect();
    let mut found = std::collections::BTreeSet::new();
    for file in &derived {
        let len = made.fs.contents(file).unwrap().len();
        for hit in (0..len).step_by((len / 40).max(13)) {
            let context = format!("{} byte {hit}", file.display());
            let fs = made.copy();
            fs.tamper(file, |bytes| bytes[hit] ^= 0x24).unwrap();
            let report = made.verify(&fs);
            assert!(report.problems.iter().all(|problem| matches!(
                problem.kind,
                // A format that is not known is another version's, for all one can tell.
                ProblemKind::Index | ProblemKind::Unfinished
            )));
            if !report.problems.is_empty() {
                found.insert(file.extension().map(std::ffi::OsStr::to_owned));
                let repaired = made.repair(&fs);
                assert!(repaired.after.is_sound() && repaired.lost.is_empty(), "{context}: {repaired:?}");
            }
            made.open(&fs);
            assert_eq!(made.left(&fs, &context), made.records, "{context}");
            assert_eq!(made.verify(&fs).problems, [], "{context}");
        }
    }
    assert!(found.len() >= 3, "the index, segments and the manifest: {found:?}");
}

#[test]
fn zeroed_ranges_and_cut_files_are_found_and_repaired() {
    let made = Made::new();
    for file in made.files() {
        let len = made.fs.contents(&file).unwrap().len();
        for (from, zeros) in
            [(0, 64), (30, 200), (len / 2, 97), (len / 3, 1500), (len.saturating_sub(80), 80)]
        {
            let to = (from + zeros).min(len);
            let fs = made.copy();
            fs.tamper(&file, |bytes| bytes[from..to].fill(0)).unwrap();
            if fs.contents(&file).unwrap() != made.fs.contents(&file).unwrap() {
                made.heal(&fs, 120, &format!("{} zeros {from}..{to}", file.display()));
            }
        }
        for cut in [0, 1, 40, 64, 100, len / 2, len - 1] {
            if cut >= len {
                continue;
            }
            let fs = made.copy();
            fs.tamper(&file, |bytes| bytes.truncate(cut)).unwrap();
            // The end of the chain is not missed by anybody once it is cut exactly between two entries.
            let between = file.file_name().unwrap() == "chain" && cut >= 64 && (cut - 64) % 100 == 0;
            if !between {
                made.heal(&fs, 120, &format!("{} cut to {cut}", file.display()));
            }
        }
    }
}

#[test]
fn missing_files_are_found_and_written_off() {
    let made = Made::new();
    for file in made.files() {
        let fs = made.copy();
        fs.remove(&file).unwrap();
        let context = format!("{} removed", file.display());
        if file.file_name().unwrap() == "chain" {
            // Without a chain nobody misses it; the next start begins one.
            assert!(made.verify(&fs).problems.is_empty());
            continue;
        }
        made.heal(&fs, 120, &context);
    }
    // Manifest and every header: the chain still knows which log this is.
    let fs = made.copy();
    for file in made.files().iter().filter(|path| path.file_name().unwrap() != "chain") {
        fs.tamper(file, |bytes| bytes[20] ^= 1).unwrap();
    }
    made.heal(&fs, 0, "all headers");
}

#[test]
fn a_file_of_another_log_is_set_aside() {
    let (made, other) = (Made::new(), Made::new());
    let name = made.path().join("wal/00000000000000009999.wal");
    let fs = made.copy();
    let theirs =
        other.files().into_iter().rfind(|path| path.extension().is_some_and(|it| it == "wal")).unwrap();
    let bytes = other.fs.contents(&theirs).unwrap();
    fs.create(&name).unwrap();
    fs.tamper(&name, |file| {
        *file = bytes;
        file[32..40].copy_from_slice(&9999_u64.to_le_bytes());
        let crc = crc32fast::hash(&file[..60]);
        file[60..64].copy_from_slice(&crc.to_le_bytes());
    })
    .unwrap();
    let found = made.verify(&fs);
    assert!(found.problems.iter().any(|it| it.kind == ProblemKind::Foreign && it.path == name), "{found:?}");
    made.heal(&fs, 0, "foreign");
}

#[test]
fn what_the_memory_changes_is_told_from_what_others_change() {
    let made = Made::new();
    let victims: Vec<_> = made.records.keys().copied().step_by(9).collect();
    // The memory itself: noted before and after.
    let fs = made.copy();
    let log = open_log(&fs, made.path());
    log.erase(&victims).unwrap();
    let between = made.verify(&fs.crash(Crash::ProcessOnly));
    let kinds = |report: &VerifyReport| report.problems.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert!(
        kinds(&between).iter().all(|kind| matches!(kind, ProblemKind::Unfinished | ProblemKind::Index)),
        "{between:?}"
    );
    let fs = fs.crash(Crash::ProcessOnly);
    let log = {
        drop(log);
        open_log(&fs, made.path())
    };
    assert!(log.extend_chain(&|| false).unwrap().added > 3);
    block_on(log.close());
    drop(log);
    let after = made.verify(&fs);
    // Nobody told the index, which is what tells such an erasure from one by the memory as a whole.
    assert_eq!(kinds(&after), [ProblemKind::Index], "{after:?}");
    assert_eq!(after.erased, victims.len() as u64);

    // Somebody else, who knows how to make valid records but not of the chain.
    let fs = made.copy();
    let chain = made.path().join("wal/chain");
    let kept = fs.contents(&chain).unwrap();
    fs.remove(&chain).unwrap();
    let log = open_log(&fs, made.path());
    log.erase(&victims[..1]).unwrap();
    block_on(log.close());
    drop(log);
    fs.create(&chain).unwrap();
    fs.tamper(&chain, |bytes| *bytes = kept.clone()).unwrap();
    let found = made.verify(&fs);
    let changed: Vec<_> = found.problems.iter().filter(|it| it.kind == ProblemKind::Changed).collect();
    assert!(matches!(changed[..], [one] if one.lsns.start == Lsn(1)), "{found:?}");
    assert!(!found.is_sound());

    // Somebody who drops segments.
    let fs = made.copy();
    fs.remove(&chain).unwrap();
    let log = open_log(&fs, made.path());
    log.drop_before(log.reader().segments()[2].lsns.start).unwrap();
    block_on(log.close());
    drop(log);
    fs.create(&chain).unwrap();
    fs.tamper(&chain, |bytes| *bytes = kept.clone()).unwrap();
    assert!(kinds(&made.verify(&fs)).contains(&ProblemKind::Dropped));
    // The memory itself notes it.
    let fs = made.copy();
    let log = open_log(&fs, made.path());
    log.drop_before(log.reader().segments()[2].lsns.start).unwrap();
    block_on(log.close());
    drop(log);
    assert_eq!(kinds(&made.verify(&fs)), [ProblemKind::Index]);

    // Somebody who swaps two entries of the chain.
    let fs = made.copy();
    fs.tamper(&chain, |bytes| {
        let entry = bytes[64..164].to_vec();
        bytes.copy_within(164..264, 64);
        bytes[164..264].copy_from_slice(&entry);
    })
    .unwrap();
    assert!(kinds(&made.verify(&fs)).contains(&ProblemKind::ChainBroken));
    made.heal(&fs, 0, "swapped entries");
}

#[test]
fn a_repair_may_be_interrupted_anywhere() {
    let made = Made::new();
    let files = made.files();
    let damaged = || {
        let fs = made.copy();
        for file in files
            .iter()
            .filter(|path| path.extension().is_some_and(|it| it == "wal" || it == "arc"))
            .step_by(2)
        {
            fs.tamper(file, |bytes| {
                let len = bytes.len();
                bytes[len / 2] ^= 1;
                bytes[20] ^= 1;
            })
            .unwrap();
        }
        fs
    };
    let whole = damaged();
    let before = whole.operations();
    made.repair(&whole);
    let operations = whole.operations() - before;
    let expected = made.left(&whole, "whole");
    assert!(operations > 30, "{operations}");
    for at in (0..operations).step_by(3) {
        for (kind, crash) in [
            (FaultKind::CrashBefore, Crash::LoseUnsynced),
            (FaultKind::CrashAfter, Crash::Torn(at)),
            (FaultKind::Fail, Crash::ProcessOnly),
            (FaultKind::Full, Crash::ProcessOnly),
        ] {
            let context = format!("operation {at}, {kind:?}, {crash:?}");
            let fs = damaged();
            fs.inject(Fault { at, kind });
            let first = repair_on(&(Arc::new(fs.clone()) as Arc<dyn Fs>), made.path(), None, &mut |_| {});
            assert!(first.is_err() || kind == FaultKind::CrashAfter, "{context}: {first:?}");
            let fs = fs.crash(crash);
            let repaired = made.repair(&fs);
            let left_over = |it: &&crate::Problem| it.kind != ProblemKind::Unfinished;
            assert_eq!(repaired.after.problems.iter().find(left_over), None, "{context}");
            let opened = made.open(&fs);
            assert!(opened.damaged.is_empty() && opened.missing == 0, "{context}: {opened:?}");
            assert!(made.left(&fs, &context) == expected, "{context}");
        }
    }
}
