//! What checks and repairs report.

use std::ops::Range;

use openclaw_core::{ConversationId, Lsn, RunId};

use crate::wal::{Findings, Problem, Severity};

/// How far a check is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckProgress {
    /// Bytes of the log that were checked, decompressed.
    pub bytes_done: u64,
    /// Bytes of the log.
    pub bytes_total: u64,
    /// Records met.
    pub records: u64,
}

/// What [`verify`](crate::verify) found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Everything that is not as it should be, up to 1,000 of them.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more_problems: u64,
    /// Segments that were checked.
    pub segments: u64,
    /// Archived ones.
    pub archives: u64,
    /// Records that verify, erased ones included.
    pub records: u64,
    /// Records that were erased.
    pub erased: u64,
    /// Bytes of the log that were checked, decompressed.
    pub bytes: u64,
    /// From the first record the log should hold to the next to come.
    pub lsns: Range<Lsn>,
    /// Messages the records come to.
    pub messages: u64,
    /// Records that are encrypted and were not opened, because their key was not given. Their messages are not counted, and
    /// the index is not held against them.
    pub locked: u64,
    /// Segments that the hash chain vouches for. The others were sealed a moment ago, or take records.
    pub chained: u64,
    /// The hash chain's last link. Who keeps it elsewhere can tell later whether the past was rewritten: the chain must still
    /// lead through it, unless it was begun anew since.
    pub chain_head: Option<[u8; 32]>,
    /// Whether the index was held against the log. It is not when there is none, or while something is being removed.
    pub index_checked: bool,
}

impl VerifyReport {
    pub(super) fn of(findings: Findings) -> Self {
        Self {
            problems: findings.problems,
            more_problems: findings.more,
            segments: findings.segments,
            archives: findings.archives,
            records: findings.records,
            erased: findings.erased,
            bytes: findings.bytes,
            lsns: findings.lsns,
            messages: 0,
            locked: 0,
            chained: findings.chained,
            chain_head: findings.chain_head,
            index_checked: false,
        }
    }

    /// Whether everything is as it was written. What a kill or a power cut left unfinished does not count.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.more_problems == 0
            && self.problems.iter().all(|problem| problem.kind.severity() == Severity::Unfinished)
    }
}

/// A record that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecord {
    /// Which.
    pub lsn: Lsn,
    /// The conversation it belonged to, if the index knew.
    pub conversation: Option<ConversationId>,
    /// The run it belonged to, if another record of that run is left.
    pub run: Option<RunId>,
}
