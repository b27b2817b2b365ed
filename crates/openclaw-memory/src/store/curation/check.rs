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

    /// Citations of what does not exist. What was pruned from the log alone may still be cited: so what is older than
    /// everything in the log is not asked for.
    fn dangling(&self) -> Result<Vec<String>, MemoryError> {
        // Nothing is removed meanwhile; what is owed is no problem of the Markdown's.
        let unfinished = self.maintain();
        if !unfinished.is_empty() {
            return Ok(Vec::new());
        }
        self.find_oldest()?;
        let oldest = self.projections.counters().oldest_ms;
        // An index that can't answer is an error of its own, not a line's.
        let unanswered = Cell::new(None);
        let exists = |id: &str| match self.can_be_cited(id) {
            Ok(there) => there || is_older(id, oldest),
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

/// Whether an id that tells its time is older than the oldest message.
fn is_older(id: &str, oldest_ms: Option<i64>) -> bool {
    let run = id.parse().ok().and_then(|id| RunId::of_message(&id));
    let at = run.map(RunId::accepted_at);
    let at = at.or_else(|| id.parse().ok().map(|id: MemoryId| id.created_at()));
    at.is_some_and(|at| oldest_ms.is_none_or(|oldest| at.unix_millis() < oldest))
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
