//! Giving out what was said and remembered, in the order of the log.

use std::collections::{HashMap, hash_map};

use openclaw_core::{
    ForeignMemory, ForeignMessage, Lsn, MemoryId, RunId, limits,
    port::{ExportCursor, ExportPage, MemoryError},
};

use super::Moment;
use crate::{
    index::{Entry, EntryKind, Listing},
    record::{Changed, CodecError, ConvKey, Record, RememberedRecord, Scope, text_of},
    store::{Core, error, messages_of, read_error},
    wal::{Damage, Pointer},
};

/// What is known of the runs whose records pass by.
#[derive(Default)]
pub(super) struct Runs {
    known: HashMap<RunId, Run>,
    /// The conversations of all records, for those whose run begins with a record that can't be read. Made when one is met.
    homes: Option<HashMap<Lsn, ConvKey>>,
}

struct Run {
    conversation: ConvKey,
    channel: String,
    /// Its steps' messages so far; `None`: some passed unseen.
    steps: Option<u32>,
}

/// What a record gives out, or why it makes no sense.
type Told = Result<(Vec<ForeignMessage>, Option<ForeignMemory>), CodecError>;

/// What a page could not read.
struct Unread {
    start: Lsn,
    /// The record that comes next, if none is missing.
    next: Lsn,
    /// Damage met before it.
    damages: usize,
    /// Places where no file holds what comes next.
    gaps: u64,
    /// Records that are whole and say nothing.
    senseless: u64,
}

impl Unread {
    fn from(start: Lsn) -> Self {
        Self { start, next: start, damages: 0, gaps: 0, senseless: 0 }
    }

    /// A record came, after this damage. Repairing leaves no hole in the numbers: one tells of a file that is missing.
    fn passed(&mut self, lsn: Lsn, damages: &[Damage]) {
        self.gaps += u64::from(lsn > self.next && damages.len() == self.damages);
        (self.next, self.damages) = (Lsn(lsn.0 + 1), damages.len());
    }

    fn places(&self, damages: &[Damage]) -> u64 {
        // A scan begins before its range, and tells of what it met there, too.
        let here = damages.iter().filter(|damage| damage.lost.end >= self.start).count();
        self.gaps + self.senseless + here as u64
    }
}

impl Core {
    /// Gives out what the records after a place hold: at most `limit` lines, unless a single record has more. What can't be
    /// read is counted, on the page of what follows it.
    pub(super) fn export(
        &self,
        after: Option<ExportCursor>,
        limit: usize,
    ) -> Result<ExportPage, MemoryError> {
        let held = self.reader.held();
        let start = after.map_or(held.start, |ExportCursor(after)| Lsn(after.0 + 1).max(held.start));
        let (mut runs, mut page) = (Runs::default(), ExportPage::default());
        let (mut bytes, mut last, mut unread) = (0_usize, start, Unread::from(start));
        let mut scan = self.reader.scan(start..held.end);
        while let Some(found) = scan.next_record().map_err(read_error)? {
            let at = found.pointer;
            let told = found.payload.map(|payload| self.lines(at, payload, &mut runs)).transpose()?;
            unread.passed(at.lsn, scan.damages());
            let (messages, memory) = match told {
                None => continue,
                Some(Ok(lines)) => lines,
                Some(Err(error)) => {
                    tracing::warn!(lsn = at.lsn.0, %error, "a record makes no sense and is not exported");
                    unread.senseless += 1;
                    continue;
                }
            };
            let lines = messages.len() + usize::from(memory.is_some());
            if lines == 0 {
                continue;
            }
            let texts = messages.iter().map(|message| message.content.len());
            let more: usize = texts.chain(memory.iter().map(|memory| memory.entry.content.len())).sum();
            let held = page.messages.len() + page.memories.len();
            let full = held + lines > limit.max(1) || bytes + more > limits::EXPORT_BYTES;
            if full && held > 0 {
                // What could not be read since the last line is met again by the next page.
                page.next = Some(ExportCursor(last));
                return Ok(page);
            }
            bytes += more;
            last = at.lsn;
            page.messages.extend(messages);
            page.memories.extend(memory);
            page.unreadable = unread.places(scan.damages());
        }
        page.unreadable = unread.places(scan.damages());
        Ok(page)
    }

    /// The lines of a record, or why it makes no sense.
    fn lines(&self, at: Pointer, payload: &[u8], runs: &mut Runs) -> Result<Told, MemoryError> {
        let record = match Record::decode(payload) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        match self.foreign(at, &record, runs) {
            Ok(messages) => Ok(Ok((messages, self.foreign_memory(&record)?))),
            Err(failed) => record.check().map_or_else(|error| Ok(Err(error)), |()| Err(failed)),
        }
    }

    /// The entry that a record is about: where it was remembered, and once more where an entry of before got its place.
    fn foreign_memory(&self, record: &Record<'_>) -> Result<Option<ForeignMemory>, MemoryError> {
        match record {
            Record::Remembered(record) => self.described(record),
            Record::Changed(change) => {
                let Changed::Superseded(by) = change.what else { return Ok(None) };
                let row = self.projections.memory(change.id).map_err(|e| self.index_failed(e))?;
                // What an entry's own record says is told with that one.
                let own = |by_record: &Option<Pointer>| by_record.is_none();
                let Some(row) =
                    row.filter(|row| row.superseded.is_some_and(|(now, at)| now == by && !own(&at)))
                else {
                    return Ok(None);
                };
                let Some(payload) = self.payload(row.at)? else { return Ok(None) };
                match Record::decode(&payload) {
                    Ok(Record::Remembered(record)) => self.described(&record),
                    // One that makes no sense was met at its own place.
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// An entry with what became of it; `None`: it is forgotten.
    fn described(&self, record: &RememberedRecord<'_>) -> Result<Option<ForeignMemory>, MemoryError> {
        let Some(entry) = self.remembered(record.id, Moment::now())? else { return Ok(None) };
        let has_its_place = |earlier: &MemoryId| -> Result<bool, MemoryError> {
            let row = self.projections.memory(*earlier).map_err(|e| self.index_failed(e))?;
            Ok(row.and_then(|row| row.superseded).is_some_and(|(by, _)| by == record.id))
        };
        let supersedes = match record.supersedes {
            Some(earlier) if has_its_place(&earlier)? => Some(earlier),
            _ => None,
        };
        Ok(Some(ForeignMemory { entry, supersedes }))
    }

    pub(super) fn foreign(
        &self,
        at: Pointer,
        record: &Record<'_>,
        runs: &mut Runs,
    ) -> Result<Vec<ForeignMessage>, MemoryError> {
        let mut entry = Entry { at, run: at.lsn, kind: EntryKind::Accepted, at_ms: 0 };
        let (conversation, channel) = match record {
            Record::Imported(record) => (record.conversation.clone(), record.channel.as_str().to_owned()),
            Record::Accepted(record) => {
                let channel = record.channel.as_str().to_owned();
                let run = Run {
                    conversation: record.conversation.clone(),
                    channel: channel.clone(),
                    steps: Some(0),
                };
                runs.known.insert(record.run, run);
                (record.conversation.clone(), channel)
            }
            Record::Steps(_) | Record::Ended(_) => {
                let Some(run) = record.run() else { return Ok(Vec::new()) };
                let Some(known) = self.run_of(run, at, runs)? else { return Ok(Vec::new()) };
                let place = (known.conversation.clone(), known.channel.clone());
                if let Record::Steps(steps) = record {
                    let blocks = steps.blocks().map_err(|e| error::codec(at, e))?;
                    let messages = crate::record::count_messages(&blocks);
                    let first = match known.steps {
                        Some(first) => first,
                        None => match self.entry(&place.0, at, None)?.map(|entry| entry.kind) {
                            Some(EntryKind::Steps { first, .. }) => first,
                            _ => return Ok(Vec::new()),
                        },
                    };
                    known.steps = Some(first.saturating_add(messages));
                    entry.kind = EntryKind::Steps { messages, first };
                } else {
                    runs.known.remove(&run);
                }
                place
            }
            Record::Remembered(_)
            | Record::Changed(_)
            | Record::Forgotten(_)
            | Record::Note(_)
            | Record::Mark(_) => return Ok(Vec::new()),
        };
        let messages = messages_of(&entry, record, Scope::Prompt).map_err(|e| error::codec(at, e))?;
        let of = |message: &openclaw_core::Message| ForeignMessage {
            conversation: conversation.id(),
            channel: channel.clone(),
            role: message.role,
            content: text_of(&message.content),
            timestamp: message.timestamp,
            id: Some(message.id.clone()),
        };
        // What only calls tools has no text to give.
        let said = |message: &ForeignMessage| !message.content.is_empty();
        Ok(messages.iter().map(|message| of(message)).filter(said).collect())
    }

    /// The run of a record at this place; `None`: it was erased.
    fn run_of<'r>(
        &self,
        run: RunId,
        at: Pointer,
        runs: &'r mut Runs,
    ) -> Result<Option<&'r mut Run>, MemoryError> {
        let Runs { known, homes } = runs;
        match known.entry(run) {
            hash_map::Entry::Occupied(known) => Ok(Some(known.into_mut())),
            hash_map::Entry::Vacant(unknown) => {
                let (conversation, channel) = match self.locate(run)? {
                    Some((begins, conversation)) => {
                        let Some(payload) = self.payload(begins)? else { return Ok(None) };
                        let Ok(Record::Accepted(record)) = Record::decode(&payload) else { return Ok(None) };
                        (conversation, record.channel)
                    }
                    // The record that it begins with can't be read. What is left of it still has its place.
                    None => {
                        let homes = match homes {
                            Some(homes) => homes,
                            none => none.insert(self.homes()?),
                        };
                        let Some(conversation) = homes.get(&at.lsn) else { return Ok(None) };
                        let Some(view) = self.conversation_view(conversation)? else { return Ok(None) };
                        (conversation.clone(), view.channel)
                    }
                };
                let channel = channel.as_str().to_owned();
                Ok(Some(unknown.insert(Run { conversation, channel, steps: None })))
            }
        }
    }

    /// The conversation of each record that has one.
    fn homes(&self) -> Result<HashMap<Lsn, ConvKey>, MemoryError> {
        let all = Listing { channel: None, since_ms: None, until_ms: None, limit: usize::MAX, offset: 0 };
        let mut homes = HashMap::new();
        for conversation in self.projections.list(&all).map_err(|e| self.index_failed(e))?.page {
            for entry in self.tail(&conversation, usize::MAX)? {
                homes.insert(entry.at.lsn, conversation.clone());
            }
        }
        Ok(homes)
    }
}
