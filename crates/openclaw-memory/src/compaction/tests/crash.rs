//! Killed at any step, the next run finishes; a person who writes at the same time loses nothing.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{DIR, Setup, everything, path, read, run, save, spoken, talk};
use crate::{
    compaction::{CompactionError, erase_citations, prune_before},
    fs::{Crash, Fault, FaultFs, FaultKind, Fs, FsFile},
};

/// A directory with edits in it, one compaction old.
fn lived_in() -> FaultFs {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let text = read(&fs, "preferences.md").replace("爬山", "游泳");
    save(&fs, "preferences.md", format!("{text}\n- mine\n").as_bytes());
    fs
}

fn news() -> Vec<crate::compaction::Spoken> {
    let mut news = talk();
    news.push(spoken("u9", "2026-04-01", "I like green tea. I love rice. My dog is called Rex."));
    news
}

fn steps(fs: &FaultFs, act: impl Fn(&FaultFs)) -> u64 {
    // A fault that never comes sets the count to nothing.
    fs.inject(Fault { at: u64::MAX, kind: FaultKind::Fail });
    act(fs);
    fs.operations()
}

#[track_caller]
fn survives_every_step(act: impl Fn(&FaultFs) -> bool) {
    let whole = lived_in();
    let count = steps(&whole, |fs| assert!(act(fs)));
    let expected = everything(&whole);
    assert!(count > 8, "{count}");
    for at in 0..count {
        for kind in
            [FaultKind::Fail, FaultKind::Tear, FaultKind::Full, FaultKind::CrashBefore, FaultKind::CrashAfter]
        {
            for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at), Crash::Torn(at + 1000)] {
                let fs = lived_in();
                fs.inject(Fault { at, kind });
                act(&fs);
                let fs = fs.crash(crash);
                assert!(
                    read(&fs, "preferences.md").ends_with("\n- mine\n")
                        || read(&fs, "preferences.md").contains("\n- mine\n")
                );
                assert!(act(&fs), "{at} {kind:?} {crash:?}");
                // What it says is done survives everything.
                let fs = fs.crash(Crash::LoseUnsynced);
                assert_eq!(everything(&fs), expected, "{at} {kind:?} {crash:?}");
            }
        }
    }
}

#[test]
fn a_compaction_survives_a_crash_at_every_step() {
    let news = news();
    survives_every_step(|fs| Setup::of(&news).run(fs).is_ok());
}

#[test]
fn an_erasure_survives_a_crash_at_every_step() {
    survives_every_step(|fs| erase_citations(fs, Path::new(DIR), &|id| id == "u2" || id == "u3").is_ok());
}

#[test]
fn a_pruning_survives_a_crash_at_every_step() {
    let before = "2026-03-21T09:00:00Z".parse().unwrap();
    survives_every_step(|fs| prune_before(fs, Path::new(DIR), before).is_ok());
}

#[test]
fn the_mark_waits_for_the_names_of_an_interrupted_run() {
    // The process died between rename and sync: the next run finds nothing to write, and still makes the names durable.
    let news = news();
    let fs = lived_in();
    fs.inject(Fault { at: 4, kind: FaultKind::CrashAfter });
    assert!(Setup::of(&news).run(&fs).is_err());
    let fs = fs.crash(Crash::ProcessOnly);
    Setup::of(&news).run(&fs).unwrap();
    let before = everything(&fs);
    assert_eq!(everything(&fs.crash(Crash::LoseUnsynced)), before);
}

/// A person who saves a file each time it is about to be replaced.
#[derive(Debug)]
struct Busy {
    fs: FaultFs,
    times: Mutex<usize>,
}

impl Fs for Busy {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        self.fs.open(path)
    }
    fn create(&self, name: &Path) -> io::Result<Arc<dyn FsFile>> {
        if name == path("facts.md.oc-tmp") {
            let mut times = self.times.lock().unwrap();
            if *times > 0 {
                *times -= 1;
                save(
                    &self.fs,
                    "facts.md",
                    format!("{}- note {times}\n", read(&self.fs, "facts.md")).as_bytes(),
                );
            }
        }
        self.fs.create(name)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.fs.create_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fs.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fs.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.fs.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.fs.sync_dir(dir)
    }
    fn available_space(&self, path: &Path) -> io::Result<u64> {
        self.fs.available_space(path)
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_read_again() {
    let fs = FaultFs::new();
    let busy = Busy { fs: fs.clone(), times: Mutex::new(3) };
    let talk = talk();
    let outcome = Setup::of(&talk).run(&busy).unwrap();
    assert_eq!(outcome.files.len(), 6);
    let text = read(&fs, "facts.md");
    assert!(text.starts_with("- note 2\n- note 1\n- note 0\n- I'm allergic to peanuts."), "{text}");

    let busy = Busy { fs: FaultFs::new(), times: Mutex::new(usize::MAX) };
    let stopped = Setup::of(&talk).run(&busy).unwrap_err();
    assert!(
        matches!(&stopped, CompactionError::Contended { path: at } if *at == path("facts.md")),
        "{stopped}"
    );
}
