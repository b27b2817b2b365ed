//! Compaction: sealed segments become Markdown, a mark says so, and then they are archived.
//!
//! A part of the log at a time: its messages are read, the files are replaced, the mark is appended; each step is durable before
//! the next. Killed in between, the next run does the part again, which changes nothing that is there already. An erasure does not
//! wait for a model: it stops the part, which then begins anew without what was erased.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use openclaw_core::{
    ForeignMessage, Lsn, MemoryEntry, Timestamp,
    port::{CompactRequest, CompactionReport, DistillPort, MemoryError},
};
use tokio::runtime::Handle;

use super::{Moment, export::Runs, marks::Compaction};
use crate::{
    compaction::{self, CompactionError, Input, Method, Options, Outcome, Spoken},
    record::Record,
    store::{Core, error, lines::relative, read_error},
    wal::SegmentInfo,
};

/// Bytes of the log that become Markdown at a time, unless one segment has more: their text is held meanwhile.
const PART_BYTES: u64 = 32 << 20;
/// How long a model may take for a piece of a conversation.
const DEADLINE: Duration = Duration::from_secs(120);

/// Who proposes lines, if anybody.
#[derive(Clone)]
pub(in crate::store) struct Model(pub(in crate::store) Option<Arc<dyn DistillPort>>);

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Model").field(&self.0.is_some()).finish()
    }
}

/// Segments that are compacted together.
struct Part {
    segments: Vec<SegmentInfo>,
    lsns: Range<Lsn>,
}

/// However it ends, nothing is under way afterwards.
struct Progress<'a>(&'a Core);

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.0.set_compacting(None);
    }
}

impl Core {
    /// Makes Markdown of the segments that are not Markdown yet, and archives them. Blocks; runs to its end even if nobody waits
    /// any more.
    pub(super) fn compact(
        &self,
        request: CompactRequest,
        runtime: &Handle,
    ) -> Result<CompactionReport, MemoryError> {
        self.compact_in(PART_BYTES, request, runtime)
    }

    /// The same in parts of so many bytes of the log.
    fn compact_in(
        &self,
        part_bytes: u64,
        request: CompactRequest,
        runtime: &Handle,
    ) -> Result<CompactionReport, MemoryError> {
        let Some(_underway) = self.turns.begin() else {
            let closed = self.turns.is_closed();
            return Err(if closed {
                MemoryError::Closed
            } else {
                MemoryError::UnderWay { what: "a compaction" }
            });
        };
        let (started_at, started) = (Timestamp::now(), Instant::now());
        let _progress = Progress(self);
        self.set_compacting(Some((0, 0)));
        let wal_bytes_before = self.log_bytes().wal;
        if !request.dry_run {
            self.archive_compacted()?;
            if request.everything {
                self.seal_newest(runtime)?;
            }
        }
        let parts = self.parts(part_bytes, request)?;
        let total: u64 = parts.iter().map(|part| part.segments.len() as u64).sum();
        let mut report = CompactionReport {
            started_at,
            took_ms: 0,
            segments: 0,
            messages: 0,
            added: 0,
            superseded: 0,
            rejected: 0,
            wal_bytes_before,
            wal_bytes_after: 0,
            method: Method::Extractive.as_str().to_owned(),
            files: Vec::new(),
            dry_run: request.dry_run,
        };
        for part in &parts {
            self.set_compacting(Some((report.segments, total)));
            let done = self.compact_part(part, request, (started_at, started), runtime)?;
            add(&mut report, &done);
            if !request.dry_run {
                self.archive_compacted()?;
            }
        }
        report.took_ms = millis(started);
        report.wal_bytes_after = self.log_bytes().wal;
        if total > 0 && !request.dry_run {
            self.extend_chain();
            tracing::info!(
                segments = report.segments,
                messages = report.messages,
                added = report.added,
                superseded = report.superseded,
                rejected = report.rejected,
                wal_bytes_before,
                wal_bytes_after = report.wal_bytes_after,
                took_ms = report.took_ms,
                method = report.method,
                "compacted the log"
            );
        }
        Ok(report)
    }

    /// Seals the newest segment if something was said or remembered in it. Bookkeeping alone is nothing to compact: else each call
    /// would find the mark of the one before it.
    fn seal_newest(&self, runtime: &Handle) -> Result<(), MemoryError> {
        match self.reader.segments().last() {
            Some(newest) if self.says_something(newest)? => {
                runtime.block_on(self.wal.seal()).map_err(error::append)
            }
            _ => Ok(()),
        }
    }

    fn says_something(&self, segment: &SegmentInfo) -> Result<bool, MemoryError> {
        let mut scan = self.reader.scan(segment.lsns.clone());
        while let Some(found) = scan.next_record().map_err(read_error)? {
            let says = |record| !matches!(record, Record::Forgotten(_) | Record::Note(_) | Record::Mark(_));
            if found.payload.is_some_and(|payload| Record::decode(payload).is_ok_and(says)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is not Markdown yet, oldest first.
    fn parts(&self, part_bytes: u64, request: CompactRequest) -> Result<Vec<Part>, MemoryError> {
        let done = self.compacted_until()?;
        let mut parts: Vec<Part> = Vec::new();
        let mut bytes = 0;
        for segment in self.reader.segments() {
            // What would be sealed.
            let newest =
                request.dry_run && request.everything && !segment.sealed && self.says_something(&segment)?;
            if !(segment.sealed || newest) || segment.lsns.end <= done || segment.lsns.is_empty() {
                continue;
            }
            bytes += segment.bytes;
            match parts.last_mut().filter(|_| bytes <= part_bytes) {
                Some(part) => {
                    part.lsns.end = segment.lsns.end;
                    part.segments.push(segment);
                }
                None => {
                    bytes = segment.bytes;
                    let lsns = segment.lsns.start.max(done)..segment.lsns.end;
                    parts.push(Part { segments: vec![segment], lsns });
                }
            }
        }
        Ok(parts)
    }

    /// Makes Markdown of a part, and marks it as done. All parts of a run began when it did: by that the history knows that they
    /// are one.
    fn compact_part(
        &self,
        part: &Part,
        request: CompactRequest,
        (started_at, started): (Timestamp, Instant),
        runtime: &Handle,
    ) -> Result<CompactionReport, MemoryError> {
        loop {
            let Some((turn, cancel)) = self.turns.part() else { return Err(MemoryError::Closed) };
            let options = Options {
                distiller: self.model.0.as_deref().filter(|_| !request.offline),
                deadline: DEADLINE,
                dry_run: request.dry_run,
                progress: &|done, all| tracing::debug!(done, all, "conversations compacted"),
                cancel: &cancel,
            };
            let outcome = match self.write_part(part, options, runtime) {
                Err(CompactionError::Cancelled) => {
                    drop(turn);
                    tracing::debug!("compacting makes way for a removal, or for the end");
                    continue;
                }
                outcome => outcome.map_err(error::compaction)?,
            };
            let before = self.log_bytes().wal;
            let freed: u64 = part.segments.iter().filter(|it| it.archived.is_none()).map(|it| it.bytes).sum();
            let files: Vec<_> =
                outcome.files.iter().map(|written| (relative(&written.file), written.sha256)).collect();
            let report = CompactionReport {
                started_at,
                took_ms: millis(started),
                segments: part.segments.len() as u64,
                messages: outcome.messages,
                added: outcome.added,
                superseded: outcome.superseded,
                rejected: outcome.refused.total(),
                wal_bytes_before: before,
                wal_bytes_after: before.saturating_sub(freed),
                method: outcome.method.as_str().to_owned(),
                files: files.iter().map(|(file, _)| file.clone()).collect(),
                dry_run: request.dry_run,
            };
            if !request.dry_run {
                let done = Compaction { lsns: part.lsns.clone(), report: report.clone(), files };
                self.mark_compacted(&done, runtime)?;
            }
            return Ok(report);
        }
    }

    fn write_part(
        &self,
        part: &Part,
        options: Options<'_>,
        runtime: &Handle,
    ) -> Result<Outcome, CompactionError> {
        let remembered = self.lasting_entries().map_err(CompactionError::Messages)?;
        let mut scan = self.reader.scan(part.lsns.clone());
        let (mut runs, mut ready) = (Runs::default(), VecDeque::new());
        let mut messages = std::iter::from_fn(|| {
            loop {
                if let Some(message) = ready.pop_front() {
                    return Some(Ok(message));
                }
                let found = match scan.next_record() {
                    Ok(Some(found)) => found,
                    Ok(None) => return None,
                    Err(error) => return Some(Err(read_error(error))),
                };
                let Some(Ok(record)) = found.payload.map(Record::decode) else { continue };
                match self.foreign(found.pointer, &record, &mut runs) {
                    Ok(messages) => ready.extend(messages.into_iter().filter_map(spoken)),
                    Err(error @ MemoryError::Damaged { .. }) => {
                        tracing::warn!(%error, "a record makes no sense and is not compacted");
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
        });
        let input = Input { messages: &mut messages, remembered: &remembered };
        runtime.block_on(compaction::compact(input, &self.markdown_dir(), self.fs(), options))
    }

    /// What is remembered and not over, with the sources that are still there.
    fn lasting_entries(&self) -> Result<Vec<MemoryEntry>, MemoryError> {
        let now = Moment::now();
        let mut rows = Vec::new();
        let listed = self.projections.each_memory(&mut |id, row| {
            if self.ends_at(id, row)?.is_none_or(|end| end > now.at_ms) {
                rows.push((id, row.clone()));
            }
            Ok(())
        });
        listed.map_err(|e| self.index_failed(e))?;
        let mut entries = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            let Some(mut entry) = self.entry_of(id, &row, now)? else { continue };
            let mut sources = Vec::with_capacity(entry.sources.len());
            for source in entry.sources {
                if self.holds_message(&source)? {
                    sources.push(source);
                }
            }
            entry.sources = sources;
            entries.push(entry);
        }
        // Oldest first, so that it does not depend on the index what comes where.
        openclaw_core::sort_by_key(&mut entries, |entry| entry.id);
        Ok(entries)
    }

    /// Archives what is Markdown, also what a run before this one did not come to.
    fn archive_compacted(&self) -> Result<(), MemoryError> {
        let done = self.compacted_until()?;
        for segment in self.reader.segments() {
            if !segment.sealed || segment.archived.is_some() || segment.lsns.end > done {
                continue;
            }
            if self.turns.is_closed() {
                return Err(MemoryError::Closed);
            }
            self.archive_segment(segment.lsns.start)?;
        }
        Ok(())
    }

    /// Says how far the compaction under way is: segments done and in all; `None`: none is.
    pub(crate) fn set_compacting(&self, progress: Option<(u64, u64)>) {
        *self.compacting.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

fn spoken(message: ForeignMessage) -> Option<Spoken> {
    Some(Spoken {
        conversation: message.conversation,
        id: message.id?,
        role: message.role,
        timestamp: message.timestamp,
        text: message.content,
    })
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Adds up parts.
pub(super) fn add(all: &mut CompactionReport, part: &CompactionReport) {
    all.method = match (all.segments, all.method == part.method) {
        (0, _) | (_, true) => part.method.clone(),
        (_, false) => Method::Mixed.as_str().to_owned(),
    };
    all.segments += part.segments;
    all.messages += part.messages;
    all.added += part.added;
    all.superseded += part.superseded;
    all.rejected += part.rejected;
    for file in &part.files {
        if !all.files.contains(file) {
            all.files.push(file.clone());
        }
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
