//! Repairing: damaged files are set aside, and the log is put in order with every record that is left.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{Lsn, Timestamp};

use super::{
    derived,
    index::{self, Looked},
    lock, log_options,
    lost::Lost,
    open_vault,
    report::{CheckProgress, LostRecord, VerifyReport},
    verify::verify_locked,
};
use crate::{
    OpenError,
    fs::{Fs, FsFile, RealFs},
    index::Place,
    vault::{self, Unlock},
    wal::{Check, MendError, Problem, ProblemKind, WalOptions},
};

/// What [`repair`] found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// What was wrong before.
    pub found: Vec<Problem>,
    /// Copies of the files that were changed, as they were.
    pub set_aside: Vec<PathBuf>,
    /// Files that were written anew.
    pub rewritten: Vec<PathBuf>,
    /// Records that are lost. Their Lsns are taken by erased records.
    pub lost: Vec<Range<Lsn>>,
    /// The same one by one, up to 10,000, with what is known of them.
    pub lost_records: Vec<LostRecord>,
    /// Whether the index was removed; the next start builds it anew.
    pub index_removed: bool,
    /// What is there now, from a new check of everything.
    pub after: VerifyReport,
}

impl RepairReport {
    /// How many records are lost.
    #[must_use]
    pub fn lost_count(&self) -> u64 {
        self.lost.iter().map(|range| range.end.0.saturating_sub(range.start.0)).sum()
    }
}

/// Puts a memory that nobody has open in order: every record that verifies is kept at its place, whatever lies around it; what
/// can't be read any more becomes erased records. Files are copied to `damaged/TIME/` before they are changed. Killed at
/// any point, doing it again finishes. A sound memory is not touched. Blocks, for a few seconds per GB.
///
/// # Errors
/// As for [`verify`](crate::verify), and [`OpenError::Io`] when there is no room for the copies.
pub fn repair(dir: &Path, progress: &mut dyn FnMut(CheckProgress)) -> Result<RepairReport, OpenError> {
    repair_with(dir, None, progress)
}

/// The same with what opens an encrypted memory: then more is known of what was lost.
///
/// # Errors
/// As for [`repair`], and [`OpenError::Encryption`] when this does not open it.
pub fn repair_with(
    dir: &Path,
    unlock: Option<&Unlock>,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<RepairReport, OpenError> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    repair_on(&fs, dir, unlock, progress)
}

/// The same on a file system of the caller's making.
pub(crate) fn repair_on(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    unlock: Option<&Unlock>,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<RepairReport, OpenError> {
    let _lock = lock(dir)?;
    let vault = open_vault(&**fs, dir, unlock)?;
    let before = verify_locked(fs, dir, vault.as_ref(), progress)?;
    let needs_start = |problem: &Problem| problem.kind == ProblemKind::Unfinished;
    if before.more_problems == 0 && before.problems.iter().all(needs_start) {
        return Ok(RepairReport { found: before.problems.clone(), after: before, ..RepairReport::default() });
    }
    let options = log_options(dir, WalOptions::default());
    let check = Check::closed(Arc::clone(fs), &dir.join("wal"), &options).map_err(OpenError::Log)?;
    let mut report = RepairReport { found: before.problems, ..RepairReport::default() };
    let looked = index::look(Arc::clone(fs), dir);
    let mut aside = Aside { fs: &**fs, dir, to: None, copies: Vec::new() };
    let costs = |problem: &Problem| (!problem.lsns.is_empty()).then(|| problem.lsns.clone());
    let (mut lost, mut known_end) = (Lost::default(), Lsn(0));
    if let Looked::Open(index) = &looked {
        known_end = Lsn(index.applied.map_or(0, |at| at.lsn.0 + 1));
        // What a tail held has no Lsns of its own.
        let mut ranges: Vec<_> = report.found.iter().filter_map(costs).collect();
        if before.lsns.end < known_end {
            ranges.push(before.lsns.end..known_end);
        }
        lost = Lost::look_up(index, &ranges);
    }
    drop(looked);
    if let Some(check) = check {
        let mut copy = |path: &Path| aside.copy(path);
        let mended = check.mend(known_end, &mut copy, &mut |at, payload| {
            let plain = payload.and_then(|payload| vault::plain(vault.as_ref(), payload).ok());
            lost.meet(at, plain.as_deref());
        });
        let mended = mended.map_err(|error| match error {
            MendError::Open(error) => OpenError::Log(error),
            MendError::Change(error) => {
                OpenError::Io { action: "repair", path: dir.to_owned(), source: io::Error::other(error) }
            }
        })?;
        report.rewritten = mended.rewritten;
        report.lost = mended.lost;
        report.lost_records = lost.list(&report.lost);
        for path in &mended.left {
            tracing::error!(path = %path.display(), "bytes that are no record could not be put in order");
        }
    }
    report.set_aside = aside.copies;
    let place = Place::new(Arc::clone(fs), dir.join("index"));
    let dropped = derived::drop_wrong(&**fs, dir, &report.found);
    report.index_removed = dropped.map_err(|source| OpenError::Io {
        action: "remove the damaged search index in",
        path: place.dir().to_owned(),
        source,
    })?;
    let is_wrong = |problem: &Problem| problem.kind == ProblemKind::Index && problem.path == place.dir();
    if report.found.iter().any(is_wrong) || !report.lost.is_empty() {
        place.remove().map_err(|error| OpenError::index(place.dir().to_owned(), error))?;
        report.index_removed = true;
    }
    report.after = verify_locked(fs, dir, vault.as_ref(), progress)?;
    Ok(report)
}

/// Copies files to where nothing looks for them.
struct Aside<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    /// Made with the first copy.
    to: Option<PathBuf>,
    copies: Vec<PathBuf>,
}

impl Aside<'_> {
    fn copy(&mut self, path: &Path) -> Result<(), crate::LogOpenError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| crate::LogOpenError::Io { action, path, source }
        };
        let base = self.to.get_or_insert_with(|| {
            let time = Timestamp::now().to_string();
            self.dir.join("damaged").join(time.replace([':', '.'], "-"))
        });
        let relative = path.strip_prefix(self.dir).unwrap_or(path);
        let target = base.join(relative);
        let parent = target.parent().unwrap_or(base).to_owned();
        self.fs.create_dir_all(&parent).map_err(failed("create", &parent))?;
        let from = match self.fs.open(path) {
            // A file that is missing is no loss here.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed("open", path))?,
        };
        let to = self.fs.create(&target).map_err(failed("create", &target))?;
        copy(&*from, &*to).map_err(failed("copy", &target))?;
        // Every directory on the way may be new.
        for dir in parent.ancestors().take_while(|dir| dir.starts_with(self.dir)) {
            self.fs.sync_dir(dir).map_err(failed("sync", dir))?;
        }
        self.copies.push(target);
        Ok(())
    }
}

fn copy(from: &dyn FsFile, to: &dyn FsFile) -> io::Result<()> {
    let mut buf = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        let read = from.read_up_to(&mut buf, at)?;
        if read == 0 {
            return to.sync_data();
        }
        to.write_all_at(buf.get(..read).unwrap_or_default(), at)?;
        at += read as u64;
    }
}
