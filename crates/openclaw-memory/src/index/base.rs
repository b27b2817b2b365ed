//! The index on disk: tables of a `redb` file, replaced as a whole by each checkpoint. Written down in `docs/formats.md`.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use openclaw_core::RunId;
use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    TableHandle, WriteTransaction,
};

use super::{
    check::check_engine,
    delta::{Mark, Pending},
    entry::{Entry, read_entries},
    error::{IndexError, damaged, storage},
    place::Place,
    row::{ConvRow, Head, Summary, activity_key, chunk_key, decode_pending, read_activity_key, sortable},
    runs,
};
use crate::{
    record::{Channel, CodecError, ConvKey, Reader},
    wal::Pointer,
};

pub(super) type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const META: Table = TableDefinition::new("meta");
pub(super) const CONVERSATIONS: Table = TableDefinition::new("conversations");
pub(super) const ACTIVITY: Table = TableDefinition::new("activity");
pub(super) const CHUNKS: Table = TableDefinition::new("chunks");
pub(super) const RUNS: Table = TableDefinition::new("runs");
pub(super) const PENDING: Table = TableDefinition::new("pending");
/// Remembered entries by id.
pub(super) const MEMORIES: Table = TableDefinition::new("memories");
/// Remembered entries by the hash of kind and content.
pub(super) const CONTENTS: Table = TableDefinition::new("contents");
/// Imported messages by the hash of their id.
pub(super) const IMPORTS: Table = TableDefinition::new("imports");
/// How often memories went into prompts, by the hash of their id.
pub(super) const USES: Table = TableDefinition::new("uses");
pub(super) const COMPACTIONS: Table = TableDefinition::new("compactions");
/// One table of idempotency keys per day, so that forgetting a day is dropping a table.
pub(super) const MARKS_PREFIX: &str = "marks-";

/// Every table that is always there.
const TABLES: [Table; 11] =
    [META, CONVERSATIONS, ACTIVITY, CHUNKS, RUNS, PENDING, MEMORIES, CONTENTS, IMPORTS, USES, COMPACTIONS];

pub(super) const FORMAT_KEY: &[u8] = b"format";
pub(super) const SUMMARY_KEY: &[u8] = b"summary";
/// Changes with every change of the tables; another value means: rebuild.
pub(super) const FORMAT: &[u8] = b"openclaw-index-4";

/// The open file.
#[derive(Debug)]
pub(crate) struct Base {
    /// `None`: it could not be opened again after an I/O error. Only the one checkpoint at a time asks for it.
    database: Mutex<Option<Database>>,
    pub(super) path: PathBuf,
    place: Place,
}

/// The tables as one checkpoint left them. Later checkpoints don't change it.
pub(crate) struct Snapshot {
    pub(super) path: PathBuf,
    pub(crate) summary: Summary,
    conversations: ReadOnlyTable<&'static [u8], &'static [u8]>,
    activity: ReadOnlyTable<&'static [u8], &'static [u8]>,
    chunks: ReadOnlyTable<&'static [u8], &'static [u8]>,
    runs: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pending: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) memories: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) contents: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) imports: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) uses: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) compactions: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Newest day first.
    marks: Vec<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.path)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

impl Base {
    /// Opens the index that is there.
    pub(crate) fn open(place: &Place) -> Result<Self, IndexError> {
        if place.is_condemned() {
            return Err(IndexError::Version(place.file()));
        }
        let base = Self::new(place.open()?, place);
        base.check_format()?;
        Ok(base)
    }

    /// Makes an empty index. It can't be opened again until [`Base::seal`] says that it is filled.
    pub(crate) fn create(place: &Place) -> Result<Self, IndexError> {
        let base = Self::new(place.create()?, place);
        base.prepare()?;
        Ok(base)
    }

    fn new(database: Database, place: &Place) -> Self {
        Self { database: Mutex::new(Some(database)), path: place.file(), place: place.clone() }
    }

    /// Opens the file again. Its engine takes nothing more after an I/O error until that is done. Snapshots taken before are of
    /// no use afterwards.
    pub(crate) fn reopen(&self) -> Result<(), IndexError> {
        let mut database = self.lock();
        // The old one goes first: two may never have the file open.
        drop(database.take());
        *database = Some(self.place.open()?);
        drop(database);
        self.check_format()
    }

    /// Holds every page against its checksum. Nobody else may have a snapshot.
    pub(crate) fn check_pages(&self) -> Result<(), IndexError> {
        let mut database = self.lock();
        let database = database.as_mut().ok_or_else(|| IndexError::Closed(self.path.clone()))?;
        check_engine(database, &self.path)
    }

    /// Goes on with what another one holds, whose file lies in this one's place now.
    pub(crate) fn adopt(&self, next: &Self) {
        let next = next.lock().take();
        let old = std::mem::replace(&mut *self.lock(), next);
        // Closing it writes to its file, which has no name any more.
        drop(old);
    }

    /// The index is complete.
    pub(crate) fn seal(&self) -> Result<(), IndexError> {
        self.write_meta(FORMAT_KEY, FORMAT)
    }

    /// Where it lies.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction that changes the index.
    pub(super) fn begin(&self) -> Result<WriteTransaction, IndexError> {
        let database = self.lock();
        let database = database.as_ref().ok_or_else(|| IndexError::Closed(self.path.clone()))?;
        let mut transaction = database.begin_write().map_err(|error| storage(&self.path, error))?;
        // A kill must not cost the next start a walk over the whole file.
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    fn begin_read(&self) -> Result<ReadTransaction, IndexError> {
        let database = self.lock();
        let database = database.as_ref().ok_or_else(|| IndexError::Closed(self.path.clone()))?;
        database.begin_read().map_err(|error| storage(&self.path, error))
    }

    fn prepare(&self) -> Result<(), IndexError> {
        let transaction = self.begin()?;
        for table in TABLES {
            transaction.open_table(table).map_err(|error| storage(&self.path, error))?;
        }
        transaction.commit().map_err(|error| storage(&self.path, error))
    }

    fn write_meta(&self, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        let transaction = self.begin()?;
        {
            let mut meta = transaction.open_table(META).map_err(|error| storage(&self.path, error))?;
            meta.insert(key, value).map_err(|error| storage(&self.path, error))?;
        }
        transaction.commit().map_err(|error| storage(&self.path, error))
    }

    fn check_format(&self) -> Result<(), IndexError> {
        let transaction = self.begin_read()?;
        let meta = match transaction.open_table(META) {
            Ok(meta) => meta,
            Err(TableError::TableDoesNotExist(_)) => return Err(IndexError::Version(self.path.clone())),
            Err(error) => return Err(storage(&self.path, error)),
        };
        let found = meta.get(FORMAT_KEY).map_err(|error| storage(&self.path, error))?;
        if found.is_some_and(|found| found.value() == FORMAT) {
            Ok(())
        } else {
            Err(IndexError::Version(self.path.clone()))
        }
    }

    /// The tables as the last checkpoint left them.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, IndexError> {
        let fail = |error: redb::Error| storage(&self.path, error);
        let transaction = self.begin_read()?;
        let open = |table| transaction.open_table(table).map_err(|error| fail(error.into()));
        let meta = open(META)?;
        let summary = match meta.get(SUMMARY_KEY).map_err(|error| fail(error.into()))? {
            Some(bytes) => Summary::decode(bytes.value()).map_err(|source| damaged(&self.path, source))?,
            None => Summary::default(),
        };
        let mut days: Vec<String> = transaction
            .list_tables()
            .map_err(|error| fail(error.into()))?
            .map(|table| table.name().to_owned())
            .filter(|name| name.starts_with(MARKS_PREFIX))
            .collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        let mut marks = Vec::new();
        for day in days {
            let definition: TableDefinition<'_, &'static [u8], &'static [u8]> = TableDefinition::new(&day);
            marks.push(transaction.open_table(definition).map_err(|error| fail(error.into()))?);
        }
        Ok(Snapshot {
            path: self.path.clone(),
            summary,
            conversations: open(CONVERSATIONS)?,
            activity: open(ACTIVITY)?,
            chunks: open(CHUNKS)?,
            runs: open(RUNS)?,
            pending: open(PENDING)?,
            memories: open(MEMORIES)?,
            contents: open(CONTENTS)?,
            imports: open(IMPORTS)?,
            uses: open(USES)?,
            compactions: open(COMPACTIONS)?,
            marks,
        })
    }
}

impl Snapshot {
    pub(super) fn get<T>(
        &self,
        table: &ReadOnlyTable<&'static [u8], &'static [u8]>,
        key: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, CodecError>,
    ) -> Result<Option<T>, IndexError> {
        let found = table.get(key).map_err(|error| storage(&self.path, error))?;
        found.map(|bytes| decode(bytes.value())).transpose().map_err(|source| damaged(&self.path, source))
    }

    pub(crate) fn conversation(&self, key: &ConvKey) -> Result<Option<ConvRow>, IndexError> {
        self.get(&self.conversations, &key.to_bytes(), ConvRow::decode)
    }

    /// The conversation without its records.
    pub(super) fn conversation_head(&self, key: &ConvKey) -> Result<Option<Head>, IndexError> {
        self.get(&self.conversations, &key.to_bytes(), ConvRow::decode_head)
    }

    pub(crate) fn chunk(&self, key: &ConvKey, chunk: u32) -> Result<Vec<Entry>, IndexError> {
        let found =
            self.get(&self.chunks, &chunk_key(key, chunk), |bytes| read_entries(Reader::new(bytes), 0))?;
        found.ok_or_else(|| damaged(&self.path, CodecError::Truncated))
    }

    pub(crate) fn mark(&self, hash: &[u8; 16]) -> Result<Option<Mark>, IndexError> {
        for day in &self.marks {
            let mark = self.get(day, hash, |bytes| {
                let mut reader = Reader::new(bytes);
                Ok(Mark { run: RunId::from_bytes(reader.array()?), request: reader.array()? })
            })?;
            if mark.is_some() {
                return Ok(mark);
            }
        }
        Ok(None)
    }

    /// When the oldest conversation of those that are not `touched` began.
    pub(super) fn oldest(&self, touched: impl Fn(&ConvKey) -> bool) -> Result<Option<i64>, IndexError> {
        let mut oldest = None;
        let rows = self.conversations.iter().map_err(|error| storage(&self.path, error))?;
        for row in rows {
            let (key, value) = row.map_err(|error| storage(&self.path, error))?;
            let head = ConvRow::decode_head(value.value()).map_err(|source| damaged(&self.path, source))?;
            let key = ConvKey::from_bytes(key.value()).map_err(|source| damaged(&self.path, source))?;
            if oldest.is_none_or(|oldest| head.created_ms < oldest) && !touched(&key) {
                oldest = Some(head.created_ms);
            }
        }
        Ok(oldest)
    }

    /// Where records that may be the run's lie; read them to be sure.
    pub(crate) fn run_candidates(&self, run: RunId) -> Result<Vec<Pointer>, IndexError> {
        let start = runs::key(runs::time_of(run));
        let mut rows = self.runs.range(..=start.as_slice()).map_err(|error| storage(&self.path, error))?;
        let Some(row) = rows.next_back() else { return Ok(Vec::new()) };
        let (key, value) = row.map_err(|error| storage(&self.path, error))?;
        runs::candidates(run, key.value(), value.value()).map_err(|source| damaged(&self.path, source))
    }

    pub(crate) fn pending(&self) -> Result<HashMap<RunId, Pending>, IndexError> {
        let mut pending = HashMap::new();
        let rows = self.pending.iter().map_err(|error| storage(&self.path, error))?;
        for row in rows {
            let (key, value) = row.map_err(|error| storage(&self.path, error))?;
            let run = Reader::new(key.value()).array().map_err(|source| damaged(&self.path, source))?;
            let value = decode_pending(value.value()).map_err(|source| damaged(&self.path, source))?;
            pending.insert(RunId::from_bytes(run), value);
        }
        Ok(pending)
    }

    /// Conversations whose last message lies in a range of time, the latest first.
    pub(crate) fn activity(
        &self,
        since_ms: i64,
        until_ms: i64,
    ) -> Result<impl Iterator<Item = Result<(i64, ConvKey, Channel), IndexError>> + '_, IndexError> {
        let low = sortable(since_ms);
        let mut high = activity_key(until_ms, &ConvKey::Ulid([0xff; 16]));
        // After every key of that time, whatever its length.
        high.truncate(8);
        high.push(0xff);
        let empty = since_ms > until_ms;
        let low = if empty { high.clone() } else { low.to_vec() };
        let rows = self
            .activity
            .range(low.as_slice()..high.as_slice())
            .map_err(|error| storage(&self.path, error))?;
        Ok(rows.rev().map(|row| {
            let (key, value) = row.map_err(|error| storage(&self.path, error))?;
            let decode = || -> Result<_, CodecError> {
                let (last_ms, conversation) = read_activity_key(key.value())?;
                Ok((last_ms, conversation, Channel::read(&mut Reader::new(value.value()))?))
            };
            decode().map_err(|source| damaged(&self.path, source))
        }))
    }
}
