//! The check of everything.

use std::{cell::Cell, time::Instant};

use openclaw_core::{
    MemoryId, RunId,
    port::{MemoryError, Verification},
};

use crate::{
    OpenError, compaction,
    store::{Core, error, lines::relative},
};

impl Core {
    /// Checks every record, the chain, the index, and what the Markdown cites. Blocks.
    pub(super) fn verification(&self) -> Result<Verification, MemoryError> {
        let started = Instant::now();
        let report = crate::integrity::verify_open(self, &mut |_| {}).map_err(failed)?;
        let mut problems: Vec<String> =
            report.problems.iter().map(|problem| format!("{problem}; {}", problem.kind.advice())).collect();
        if report.more_problems > 0 {
            problems.push(format!("{} more problems, which are not listed", report.more_problems));
        }
        problems.extend(self.dangling()?);
        Ok(Verification {
            records: report.records,
            bytes: report.bytes,
            problems,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Citations of what does not exist. What was pruned from the log alone may still be cited: so what is older than that, or
    /// than everything in the log, is not asked for.
    fn dangling(&self) -> Result<Vec<String>, MemoryError> {
        // Nothing is removed meanwhile; what is owed is no problem of the Markdown's.
        let unfinished = self.maintain();
        if !unfinished.is_empty() {
            return Ok(Vec::new());
        }
        self.find_oldest()?;
        let counters = self.projections.counters();
        let pruned = Pruned { before_ms: counters.pruned_ms, oldest_ms: counters.oldest_ms };
        // An index that can't answer is an error of its own, not a line's.
        let unanswered = Cell::new(None);
        let exists = |id: &str| match self.can_be_cited(id) {
            Ok(there) => there || pruned.may_have_held(id),
            Err(error) => {
                unanswered.set(Some(error));
                true
            }
        };
        let found = compaction::check_citations(self.fs(), &self.markdown_dir(), &exists);
        let found = found.map_err(error::compaction)?;
        if let Some(error) = unanswered.take() {
            return Err(error);
        }
        let told = |dangling: &compaction::Dangling| {
            let (file, line) = (relative(&dangling.file), dangling.line);
            if dangling.id.is_empty() {
                format!(
                    "{file}, line {line}: cites nothing; remove its comment to make the line yours, or the line"
                )
            } else {
                format!(
                    "{file}, line {line}: cites `{}`, which does not exist; remove the line, or its comment to make it yours",
                    dangling.id
                )
            }
        };
        Ok(found.iter().map(told).collect())
    }
}

/// What was pruned from the log alone.
struct Pruned {
    before_ms: Option<i64>,
    /// The oldest message that is left.
    oldest_ms: Option<i64>,
}

impl Pruned {
    /// Whether a message or an entry that is not there may have been.
    fn may_have_held(&self, id: &str) -> bool {
        let run = id.parse().ok().and_then(|id| RunId::of_message(&id));
        let at = run.map(RunId::accepted_at);
        let at = at.or_else(|| id.parse().ok().map(|id: MemoryId| id.created_at()));
        // An imported id does not tell its time.
        let Some(at_ms) = at.map(openclaw_core::Timestamp::unix_millis) else {
            return self.before_ms.is_some();
        };
        self.oldest_ms.is_none_or(|oldest| at_ms < oldest)
            || self.before_ms.is_some_and(|before| at_ms < before)
    }
}

fn failed(error: OpenError) -> MemoryError {
    match error {
        OpenError::Io { path, source, .. } => MemoryError::Io { path, source },
        other => MemoryError::Damaged {
            path: "wal".into(),
            offset: 0,
            what: std::error::Error::source(&other)
                .map_or_else(|| other.to_string(), |cause| format!("{other}: {cause}")),
        },
    }
}
