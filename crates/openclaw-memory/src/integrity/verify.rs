//! Verifying: every frame, every record, the chain, the index.

use std::{path::Path, sync::Arc};

use openclaw_core::Lsn;

use super::{
    derived::{self, problem, told},
    index::{self, Looked},
    lock, log_options, open_vault,
    report::{CheckProgress, VerifyReport},
    tally::{Senseless, Tally},
};
use crate::{
    OpenError,
    fs::{Fs, RealFs},
    record::CodecError,
    store::Core,
    vault::{Unlock, Vault},
    wal::{Check, Findings, Met, Problem, ProblemKind, WalOptions},
};

/// Checks a memory that nobody has open: every frame of every segment and archive against its checksum, every record for what
/// it says, the hash chain against the segments, and the index against the log. Changes nothing. Blocks, for about a second
/// per some hundred MB; memory use does not grow with history.
///
/// What the Markdown files cite is not looked at here. What sealed records say is not, either: [`verify_with`] does that.
///
/// # Errors
/// [`OpenError::Locked`] while a gateway uses the memory (ask that one), [`OpenError::Io`] when the directory can't be read,
/// [`OpenError::Log`] when nothing in it can be told from noise any more or a newer version wrote it. What is wrong
/// with the memory is no error but in the report.
pub fn verify(dir: &Path, progress: &mut dyn FnMut(CheckProgress)) -> Result<VerifyReport, OpenError> {
    verify_with(dir, None, progress)
}

/// The same with what opens an encrypted memory.
///
/// # Errors
/// As for [`verify`], and [`OpenError::Encryption`] when this does not open it.
pub fn verify_with(
    dir: &Path,
    unlock: Option<&Unlock>,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<VerifyReport, OpenError> {
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    verify_on(&fs, dir, unlock, progress)
}

/// The same on a file system of the caller's making.
pub(crate) fn verify_on(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    unlock: Option<&Unlock>,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<VerifyReport, OpenError> {
    let _lock = lock(dir)?;
    let vault = open_vault(&**fs, dir, unlock)?;
    verify_locked(fs, dir, vault.as_ref(), progress)
}

pub(super) fn verify_locked(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    vault: Option<&Vault>,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<VerifyReport, OpenError> {
    let options = log_options(dir, WalOptions::default());
    let check = Check::closed(Arc::clone(fs), &dir.join("wal"), &options).map_err(OpenError::Log)?;
    let looked = index::look(Arc::clone(fs), dir);
    let Some(check) = check else { return Ok(VerifyReport::default()) };
    let mut tally = Tally::new(vault);
    let open = if let Looked::Open(open) = &looked { Some(open) } else { None };
    let mut replay = open.map(|open| open.replay(vault));
    let findings = check.run(&mut |met, findings| {
        count(&mut tally, met, findings);
        tell(met, findings, progress);
        if let (Some(open), Some(replay)) = (open, &mut replay)
            && open.lacks(met.at.lsn)
        {
            replay.visit(&index::record(met.at, met.payload));
        }
    });
    let figures = open.zip(replay).map(|(open, replay)| open.figures(replay));
    let mut report = VerifyReport::of(findings).counted(&tally);
    let path = dir.join("index");
    let mut note = |kind, detail| report.problems.push(problem(kind, path.clone(), detail));
    match looked {
        Looked::Absent(detail) => note(ProblemKind::Unfinished, detail),
        Looked::Damaged(detail) => note(ProblemKind::Index, detail),
        Looked::Open(open) => {
            let end = tally.last.map_or(0, |last| last.0);
            match (open.applied.filter(|at| at.lsn.0 > end), figures) {
                (Some(at), _) => note(
                    ProblemKind::Index,
                    format!("it covers records up to {}, and the log's last one is {end}", at.lsn.0),
                ),
                // What is sealed can't be counted.
                _ if tally.locked > 0 => {}
                (None, Some(Err(detail))) => note(ProblemKind::Index, detail),
                (None, Some(Ok(Some(found)))) => {
                    if let Some(detail) = difference(found, &tally) {
                        note(ProblemKind::Index, detail);
                    }
                    report.index_checked = true;
                }
                _ => {}
            }
        }
    }
    report.problems.extend(derived::look(fs, dir));
    Ok(report)
}

/// Counts a record, and says what is wrong with it.
fn count(tally: &mut Tally<'_>, met: &Met<'_>, findings: &mut Findings) {
    if let Err(error) = tally.count(met.at, met.payload) {
        let kind = match error {
            Senseless::Codec(CodecError::Unknown { .. }) => ProblemKind::Newer,
            _ => ProblemKind::Senseless,
        };
        findings.add(Problem {
            kind,
            path: met.path.to_owned(),
            offset: u64::from(met.at.offset),
            bytes: u64::from(met.at.len),
            lsns: met.at.lsn..Lsn(met.at.lsn.0 + 1),
            detail: error.to_string(),
        });
    }
}

/// Tells how far the check is, now and then.
fn tell(met: &Met<'_>, findings: &Findings, progress: &mut dyn FnMut(CheckProgress)) {
    if findings.records.is_multiple_of(1024) {
        let (bytes_done, bytes_total) = (met.bytes_done, met.bytes_total);
        progress(CheckProgress { bytes_done, bytes_total, records: findings.records });
    }
}

fn difference((messages, pending): (u64, usize), tally: &Tally<'_>) -> Option<String> {
    if (messages, pending) == (tally.messages, tally.pending()) {
        return None;
    }
    Some(format!(
        "it counts {messages} messages and {pending} pending runs, the log has {} and {}",
        tally.messages,
        tally.pending()
    ))
}

/// Checks a memory that is in use, while it is. Records that are appended meanwhile may or may not be looked at.
pub(crate) fn verify_open(
    core: &Core,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<VerifyReport, OpenError> {
    let check = Check::open(core.wal()).map_err(OpenError::Log)?;
    // Waits for a removal under way, whose records would be counted as they were before it. `None`: one is not finished.
    let begun = core.settled_figures().map(|_settled| core.reader().held().end);
    let mut tally = Tally::new(core.vault());
    let findings = check.run(&mut |met, findings| {
        count(&mut tally, met, findings);
        tell(met, findings, progress);
    });
    let mut report = VerifyReport::of(findings);
    report.problems.extend(derived::look_open(core));
    // From here on nothing is removed, and what was committed since is looked at, too.
    let Some(found) = core.settled_figures() else { return Ok(report.counted(&tally)) };
    let path = core.dir().join("index");
    if let Err(error) = core.check_index() {
        report.problems.push(problem(ProblemKind::Index, path, told(&error)));
        return Ok(report.counted(&tally));
    }
    let (_still, messages, pending, last) = found;
    let from = Lsn(tally.last.map_or(0, |last| last.0 + 1));
    let mut scan = core.reader().scan(from..Lsn(last.map_or(0, |last| last.0 + 1)));
    let mut whole = true;
    loop {
        match scan.next_record() {
            // Senseless records are reported when they are checked, not here.
            Ok(Some(record)) => _ = tally.count(record.pointer, record.payload),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    // Counts of segments that were read before a removal can't agree with what is there after it.
    let quiet = begun.is_some_and(|begun| tally.last_removal.is_none_or(|at| at < begun));
    if whole && quiet && tally.last.map_or(Lsn(0), |last| last) >= last.unwrap_or_default() {
        report.index_checked = true;
        if let Some(detail) = difference((messages, pending), &tally) {
            report.problems.push(problem(ProblemKind::Index, path, detail));
        }
    }
    Ok(report.counted(&tally))
}

impl VerifyReport {
    fn counted(self, tally: &Tally<'_>) -> Self {
        Self { messages: tally.messages, locked: tally.locked, ..self }
    }
}
