//! Which passage has which row: a `redb` file, the one part of the vectors that is changed in transactions.

use std::{ops::Range, path::PathBuf, sync::Arc};

use redb::{Database, ReadableDatabase as _, TableDefinition};

use super::{
    row::VectorKey,
    seal::Sealer,
    store::{LanguageMean, VectorsError},
};
use crate::{
    fs::FsFile,
    index::engine_file,
    record::{CodecError, Reader, put_varint},
};

type Table = TableDefinition<'static, &'static [u8], u32>;
const KEYS: Table = TableDefinition::new("keys");
/// Rows that were removed and may be taken again.
const FREE: TableDefinition<'static, u32, ()> = TableDefinition::new("free");
const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("meta");

/// Another value means: make them anew.
const FORMAT: &[u8] = b"openclaw-vectors-1";
/// The same of an encrypted memory.
const SEALED_FORMAT: &[u8] = b"openclaw-vectors-sealed-1";

/// What the key file says beside the keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Meta {
    pub(super) fingerprint: u64,
    pub(super) dimensions: u32,
    /// Rows ever used: those behind are not there.
    pub(super) rows: u32,
    /// Rows that hold a vector.
    pub(super) live: u32,
    /// Records of the log whose passages have their vectors.
    pub(super) covered: Vec<Range<u64>>,
    pub(super) means: Vec<LanguageMean>,
}

impl Meta {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        for number in [self.dimensions, self.rows, self.live] {
            put_varint(&mut out, u64::from(number));
        }
        put_varint(&mut out, self.covered.len() as u64);
        for range in &self.covered {
            put_varint(&mut out, range.start);
            put_varint(&mut out, range.end);
        }
        for mean in &self.means {
            out.push(mean.language);
            put_varint(&mut out, mean.count);
            out.extend(mean.sum.iter().flat_map(|value| value.to_le_bytes()));
        }
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let fingerprint = u64::from_le_bytes(reader.array()?);
        let (dimensions, rows, live) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint_u32()?);
        let mut covered = Vec::new();
        for _ in 0..reader.varint()? {
            covered.push(reader.varint()?..reader.varint()?);
        }
        let mut means = Vec::new();
        while !reader.is_empty() {
            let language = reader.byte()?;
            let count = reader.varint()?;
            let mut sum = Vec::new();
            for _ in 0..dimensions {
                sum.push(f64::from_le_bytes(reader.array()?));
            }
            means.push(LanguageMean { language, count, sum });
        }
        Ok(Self { fingerprint, dimensions, rows, live, covered, means })
    }
}

/// The open file.
pub(super) struct Keys {
    database: Database,
    path: PathBuf,
    sealer: Sealer,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Keys {
    /// Opens the file, new or old. `None`: it was made by another version, or for another key.
    pub(super) fn open(
        path: PathBuf,
        file: Arc<dyn FsFile>,
        sealer: Sealer,
    ) -> Result<Option<(Self, Meta)>, VectorsError> {
        let database = engine_file(file).map_err(|error| VectorsError::keys(&path, error))?;
        let keys = Self { database, path, sealer };
        let meta = keys.read_meta()?;
        Ok(meta.map(|meta| (keys, meta)))
    }

    fn format(&self) -> &'static [u8] {
        if self.sealer.is_on() { SEALED_FORMAT } else { FORMAT }
    }

    fn failed(&self, error: impl Into<redb::Error>) -> VectorsError {
        VectorsError::keys(&self.path, error)
    }

    fn read_meta(&self) -> Result<Option<Meta>, VectorsError> {
        let transaction = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = match transaction.open_table(META) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Some(Meta::default())),
            Err(error) => return Err(self.failed(error)),
        };
        let format = table.get("format").map_err(|error| self.failed(error))?;
        if format.is_none_or(|format| format.value() != self.format()) {
            return Ok(None);
        }
        let meta = table.get("state").map_err(|error| self.failed(error))?;
        let Some(meta) = meta else { return Ok(None) };
        let Some(plain) = self.sealer.open_state(meta.value()) else { return Ok(None) };
        let decoded = Some(Meta::decode(&plain));
        decoded.transpose().map_err(|source| VectorsError::Row { path: self.path.clone(), source })
    }

    /// Rows of a passage, one a window.
    pub(super) fn rows_of(&self, key: VectorKey) -> Result<Vec<(VectorKey, u32)>, VectorsError> {
        self.between(key.first_window(), key.last_window())
    }

    /// Rows of all passages from one to another, the last included.
    pub(super) fn between(
        &self,
        first: VectorKey,
        last: VectorKey,
    ) -> Result<Vec<(VectorKey, u32)>, VectorsError> {
        let transaction = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = match transaction.open_table(KEYS) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let (first, last) = (first.to_bytes(), last.to_bytes());
        let range = table.range(first.as_slice()..=last.as_slice()).map_err(|error| self.failed(error))?;
        let mut found = Vec::new();
        for item in range {
            let (key, row) = item.map_err(|error| self.failed(error))?;
            found.extend(VectorKey::from_bytes(key.value()).map(|key| (key, row.value())));
        }
        Ok(found)
    }

    /// Changes everything at once.
    pub(super) fn change(
        &self,
        meta: &mut Meta,
        work: impl FnOnce(&mut Change<'_>, &mut Meta) -> Result<(), redb::Error>,
    ) -> Result<(), VectorsError> {
        let mut next = meta.clone();
        let transaction = self.database.begin_write().map_err(|error| self.failed(error))?;
        let done = || -> Result<(), redb::Error> {
            let mut change =
                Change { keys: transaction.open_table(KEYS)?, free: transaction.open_table(FREE)? };
            work(&mut change, &mut next)?;
            drop(change);
            let mut table = transaction.open_table(META)?;
            table.insert("format", self.format())?;
            let state = self.sealer.seal_state(next.encode()).map_err(redb::Error::Io)?;
            table.insert("state", state.as_slice())?;
            Ok(())
        };
        done().map_err(|error| self.failed(error))?;
        transaction.commit().map_err(|error| self.failed(error))?;
        *meta = next;
        Ok(())
    }

    /// Up to `count` free rows.
    pub(super) fn free_rows(&self, count: usize) -> Result<Vec<u32>, VectorsError> {
        let transaction = self.database.begin_read().map_err(|error| self.failed(error))?;
        let table = match transaction.open_table(FREE) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let range = table.range::<u32>(..).map_err(|error| self.failed(error))?;
        let rows = range.take(count).map(|item| item.map(|(row, _)| row.value()));
        rows.collect::<Result<_, _>>().map_err(|error| self.failed(error))
    }
}

/// The tables of a transaction.
pub(super) struct Change<'a> {
    keys: redb::Table<'a, &'static [u8], u32>,
    free: redb::Table<'a, u32, ()>,
}

impl Change<'_> {
    pub(super) fn insert(&mut self, key: VectorKey, row: u32) -> Result<(), redb::Error> {
        self.free.remove(row)?;
        self.keys.insert(key.to_bytes().as_slice(), row)?;
        Ok(())
    }

    pub(super) fn remove(&mut self, key: VectorKey, row: u32) -> Result<(), redb::Error> {
        self.keys.remove(key.to_bytes().as_slice())?;
        self.free.insert(row, ())?;
        Ok(())
    }
}
