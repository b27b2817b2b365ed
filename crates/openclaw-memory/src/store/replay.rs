//! Applying the log's records at a start.

use openclaw_core::ContentBlock;

use super::{OpenError, Unfinished, curation, forget};
use crate::{
    index::{Base, Change, Projections, short_hash},
    record::{CodecError, ForgottenRecord, OutcomeRecord, Record, count_messages},
    vault::{self, Vault, VaultError},
    wal::{self, Pointer},
};

/// Records after which a rebuild writes what it has, to bound the memory it takes.
const REBUILD_BATCH: usize = 64 << 10;

/// What a replay left to do once the log is open.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(super) records: u64,
    /// What to erase again, because a crash may have come between the intent and the erasure.
    pub(crate) redo: Unfinished,
    /// Those of its records whose keys go as well: their conversations were erased.
    pub(super) keyed: Vec<Pointer>,
    /// Prunings to plan and carry out again.
    pub(crate) prunings: Vec<ForgottenRecord>,
}

/// How long the plan of a removal and its intent lie apart at most, in milliseconds. What was said in between goes, too.
const MEANWHILE_MS: u64 = 60_000;

/// Whether a record may have been made while a removal was planned whose intent follows a record made at `last_ms`. An older one has
/// lost what its run began with in another way, and is not to go with whatever is removed next.
fn is_meanwhile(made_ms: i64, last_ms: i64) -> bool {
    made_ms.abs_diff(last_ms) <= MEANWHILE_MS
}

/// A replay under way.
pub(crate) struct Replay<'a> {
    projections: &'a Projections,
    base: &'a Base,
    /// Whether the index is being filled from the beginning, so that it may be written in parts.
    rebuilding: bool,
    vault: Option<&'a Vault>,
    found: Found,
    /// Records of runs that are not there, with the time at which they were made if it can be told. When an erasure was
    /// interrupted, they are what it had not reached; when a question is damaged, they are all that is left of its answer.
    orphans: Vec<(Pointer, Option<i64>)>,
    /// When the last record of a run was made.
    last_ms: i64,
    failed: Option<OpenError>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        projections: &'a Projections,
        base: &'a Base,
        rebuilding: bool,
        vault: Option<&'a Vault>,
    ) -> Self {
        let (found, orphans) = (Found::default(), Vec::new());
        Self { projections, base, rebuilding, vault, found, orphans, last_ms: i64::MIN, failed: None }
    }

    pub(crate) fn visit(&mut self, record: &wal::Record<'_>) {
        if self.failed.is_some() {
            return;
        }
        self.found.records += 1;
        let at = record.pointer;
        let payload = match record.payload.map(|payload| vault::plain(self.vault, payload)).transpose() {
            Ok(payload) => payload,
            // An erasure came that far.
            Err(VaultError::Destroyed) => {
                self.orphans.push((at, None));
                None
            }
            Err(VaultError::Locked { path }) => {
                return self.failed = Some(VaultError::KeyringMissing { path }.into());
            }
            Err(error @ VaultError::Io { .. }) => return self.failed = Some(error.into()),
            Err(error) => {
                tracing::warn!(lsn = at.lsn.0, %error, "a record of the log can't be opened and is passed over");
                None
            }
        };
        let mut made_ms = None;
        let change = match payload.as_deref().map(Record::decode) {
            // Erased since.
            None => Change::None,
            Some(Ok(record)) => {
                // A note does not say when it was made, and holds nothing that was said.
                made_ms =
                    record.run().filter(|_| !matches!(record, Record::Note(_))).map(|_| record.times().1);
                self.last_ms = made_ms.unwrap_or(self.last_ms);
                match self.change_of(at, &record) {
                    Ok(change) => change,
                    Err(error) => return self.failed = Some(error),
                }
            }
            Some(Err(CodecError::Unknown { what, value })) => {
                let what = format!("{what} {value}");
                return self.failed = Some(OpenError::Newer { lsn: at.lsn.0, what });
            }
            Some(Err(error)) => {
                tracing::warn!(lsn = at.lsn.0, %error, "a record of the log makes no sense and is passed over");
                Change::None
            }
        };
        if !self.projections.replay(at, &change) {
            self.orphans.push((at, made_ms));
        }
        if self.rebuilding
            && self.projections.backlog().0 >= REBUILD_BATCH
            && let Err(error) = self.projections.checkpoint(self.base)
        {
            self.failed = Some(OpenError::index(self.base.place().dir().to_owned(), error));
        }
    }

    fn change_of(&mut self, at: Pointer, record: &Record<'_>) -> Result<Change, OpenError> {
        let projections = self.projections;
        let index_failed = |error| OpenError::index(self.base.place().dir().to_owned(), error);
        let newer = |error| match error {
            CodecError::Unknown { what, value } => {
                Some(OpenError::Newer { lsn: at.lsn.0, what: format!("{what} {value}") })
            }
            _ => None,
        };
        let record = match record {
            Record::Forgotten(record) => record,
            Record::Remembered(record) => {
                return curation::memory_changes(projections, record)
                    .map(Change::Memories)
                    .map_err(index_failed);
            }
            Record::Changed(record) => {
                let changes = curation::supersede_changes(projections, record);
                return changes.map(Change::Memories).map_err(index_failed);
            }
            Record::Note(record) => {
                let uses = match record.note() {
                    Ok(note) => note.memories.iter().map(|memory| short_hash(&memory.id)).collect(),
                    Err(error) => newer(error).map_or(Ok(Vec::new()), Err)?,
                };
                return Ok(Change::Noted { run: record.run, uses });
            }
            other => return change_of(other).map_err(|what| OpenError::Newer { lsn: at.lsn.0, what }),
        };
        self.projections.raise_totals(record.totals);
        self.projections.raise_pruned(record);
        let keeps_lines = record.keeps_lines;
        let last_ms = self.last_ms;
        let orphans = std::mem::take(&mut self.orphans).into_iter();
        let orphans = orphans.filter(|(_, made_ms)| made_ms.is_none_or(|made| is_meanwhile(made, last_ms)));
        let orphans: Vec<Pointer> = orphans.map(|(at, _)| at).collect();
        self.found.redo.owe(&orphans, &[], keeps_lines);
        self.found.redo.owe(&record.records, &record.memories, keeps_lines);
        let forgetting =
            curation::plan_forgetting(projections, &mut |id, _| Ok(record.memories.contains(&id)));
        let forgetting = forgetting.map_err(index_failed)?;
        self.found.redo.owe(&forgetting.records, &[], keeps_lines);
        let changes = forgetting.replayed(projections).map_err(index_failed)?;
        if record.before_ms.is_some() {
            self.found.prunings.push(record.clone());
            return Ok(Change::Forgotten(Vec::new(), changes));
        }
        if !record.conversations.is_empty() {
            self.found.keyed.extend_from_slice(&record.records);
        }
        let mut effects = Vec::new();
        for conversation in &record.conversations {
            let planned =
                forget::plan_erasure(self.projections, conversation, at.lsn).map_err(index_failed)?;
            if let Some((effect, entries)) = planned {
                let records: Vec<_> = entries.iter().map(|entry| entry.at).collect();
                self.found.redo.owe(&records, &[], keeps_lines);
                self.found.keyed.extend(records);
                effects.push(effect);
            }
        }
        Ok(Change::Forgotten(effects, changes))
    }

    /// Whether it came this far.
    pub(super) fn check(&mut self) -> Result<(), OpenError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(crate) fn finish(self) -> Result<Found, OpenError> {
        self.failed.map_or(Ok(self.found), Err)
    }
}

/// What a record means for the projections if no others have a say in it; an error says what in it is of a newer version.
fn change_of(record: &Record<'_>) -> Result<Change, String> {
    Ok(match record {
        Record::Accepted(record) => Change::Accepted {
            run: record.run,
            conversation: record.conversation.clone(),
            channel: record.channel.clone(),
            mark: record.mark,
        },
        Record::Steps(record) => {
            let (messages, calls) = match record.blocks() {
                Ok(blocks) => (count_messages(&blocks), has_calls(&blocks)),
                Err(CodecError::Unknown { what, value }) => return Err(format!("{what} {value}")),
                // Nobody can say what was done: better to ask than to do it twice.
                Err(_) => (0, true),
            };
            Change::Steps { run: record.run, after_ms: record.after_ms, messages, calls }
        }
        Record::Ended(record) => Change::Ended {
            run: record.run,
            after_ms: record.after_ms,
            latency_ms: match record.outcome {
                OutcomeRecord::Completed { latency_ms, .. } => Some(latency_ms),
                OutcomeRecord::Failed(_) | OutcomeRecord::Cancelled => None,
            },
        },
        Record::Imported(record) => Change::Imported {
            conversation: record.conversation.clone(),
            channel: record.channel.clone(),
            at_ms: record.at_ms,
            id: short_hash(record.id.as_str()),
        },
        Record::Mark(record) => Change::Compacted(record.lsns.clone()),
        Record::Forgotten(_) | Record::Remembered(_) | Record::Changed(_) | Record::Note(_) => Change::None,
    })
}

/// Whether a tool was called, so that running again could act twice.
pub(super) fn has_calls(blocks: &[ContentBlock]) -> bool {
    blocks.iter().any(|block| !matches!(block, ContentBlock::Text(_)))
}

#[cfg(test)]
mod tests {
    use openclaw_core::{Lsn, RunId, config::MemoryConfig};

    use super::*;
    use crate::{
        record::{encode_forgotten, encode_steps},
        store::Memory,
    };

    #[test]
    fn steps_that_make_no_sense_count_as_calls_and_newer_ones_stop_the_start() {
        let text = [ContentBlock::Text("thinking".to_owned())];
        let calls = |payload: &[u8]| match change_of(&Record::decode(payload).unwrap()) {
            Ok(Change::Steps { calls, .. }) => Ok(calls),
            Ok(other) => panic!("{other:?}"),
            Err(what) => Err(what),
        };
        let whole = encode_steps(RunId::generate(), 5, &text);
        assert_eq!(calls(&whole), Ok(false));
        assert_eq!(calls(&whole[..whole.len() - 1]), Ok(true));
        let mut newer = whole;
        newer.push(31);
        assert_eq!(calls(&newer), Err("block 31".to_owned()));
    }

    /// A run that was accepted at this time.
    fn run(ms: u64) -> RunId {
        let mut bytes = [9; 16];
        bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        RunId::from_bytes(bytes)
    }

    #[test]
    fn answers_without_their_question_do_not_go_with_whatever_is_removed_next() {
        let dir = tempfile::tempdir().unwrap();
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let memory = Memory::open(dir.path(), &config).unwrap().0;
        let core = memory.core();
        let said = |ms| encode_steps(run(ms), 0, &[ContentBlock::Text("green tea".to_owned())]);
        let (day, hour, then) = (86_400_000, 3_600_000, 1_774_000_000_000);
        let removal = encode_forgotten(&ForgottenRecord {
            before_ms: None,
            keeps_lines: false,
            conversations: Vec::new(),
            memories: Vec::new(),
            totals: (0, 0),
            records: Vec::new(),
        });
        let mut replay = Replay::new(&core.projections, &core.base, false, None);
        // Their questions can't be read: two of long before the removal, two that may have been said while it was planned.
        let log = [said(then - day), said(then - hour), said(then), said(then + 50), removal];
        for (lsn, payload) in (1..).zip(&log) {
            let pointer = Pointer { lsn: Lsn(lsn), offset: 0, len: payload.len() as u32 };
            replay.visit(&wal::Record { pointer, payload: Some(payload) });
        }
        let redo = replay.finish().unwrap().redo;
        let lsns: Vec<u64> = redo.records.iter().map(|at| at.lsn.0).collect();
        assert_eq!(lsns, [3, 4]);
    }
}
