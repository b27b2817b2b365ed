//! Putting vectors in and taking them out.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    keys::{Keys, Meta},
    row::{Layout, NewVector, Row, VectorKey},
    seal::{Part, Sealer},
};
use crate::{
    fs::{Fs, FsFile},
    record::CodecError,
    vault::Key,
};

const KEYS_NAME: &str = "keys.redb";
const ROWS_NAME: &str = "rows";
const SKETCHES_NAME: &str = "sketches";
/// Most ranges of the log that are remembered as done; a gap more is done again.
const COVERED_RANGES: usize = 64;

/// What can be wrong with the vectors. They are derived: the cure is to drop them and to make them again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VectorsError {
    #[error("can't use {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the vectors' key file {} can't be used", path.display())]
    Keys {
        path: PathBuf,
        #[source]
        source: Box<redb::Error>,
    },
    #[error("the vectors' key file {} is damaged", path.display())]
    Row {
        path: PathBuf,
        #[source]
        source: CodecError,
    },
}

impl VectorsError {
    pub(super) fn keys(path: &Path, error: impl Into<redb::Error>) -> Self {
        Self::Keys { path: path.to_owned(), source: Box::new(error.into()) }
    }
}

/// The sum of all vectors of a language: their mean is what they have in common, which says nothing about any of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LanguageMean {
    pub(crate) language: u8,
    pub(crate) count: u64,
    pub(crate) sum: Vec<f64>,
}

/// The vectors of one model. Shared by threads; one of them may write at a time.
#[derive(Debug)]
pub(crate) struct Vectors {
    dir: PathBuf,
    pub(super) layout: Layout,
    pub(super) rows: Arc<dyn FsFile>,
    pub(super) sketches: Arc<dyn FsFile>,
    keys: Keys,
    pub(super) sealer: Sealer,
    /// What sketches are cut by: fixed, since sketches of different centres can't be compared.
    centre: Box<[f32]>,
    state: Mutex<Meta>,
}

impl Vectors {
    /// Opens the vectors in `dir`, or makes an empty set when there is none, or one of another model, one sealed with another
    /// key or not at all, or one that is damaged. With a key, they are sealed with it.
    pub(crate) fn open(
        fs: &dyn Fs,
        dir: &Path,
        fingerprint: u64,
        centre: Box<[f32]>,
        key: Option<Key>,
    ) -> Result<Self, VectorsError> {
        let sealer = Sealer::new(key);
        match Self::open_existing(fs, dir, fingerprint, centre.clone(), sealer.clone()) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(VectorsError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error @ VectorsError::Io { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "the vectors are damaged; they are made again"),
        }
        Self::remove_files(fs, dir)?;
        Self::create(fs, dir, fingerprint, centre, sealer)
    }

    /// The part of them that can be held against checksums.
    pub(crate) fn keys_path(dir: &Path) -> PathBuf {
        dir.join(KEYS_NAME)
    }

    /// Removes the vectors, whatever state they are in.
    pub(crate) fn remove_files(fs: &dyn Fs, dir: &Path) -> Result<(), VectorsError> {
        for name in [KEYS_NAME, ROWS_NAME, SKETCHES_NAME] {
            let path = dir.join(name);
            match fs.remove(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(VectorsError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn open_existing(
        fs: &dyn Fs,
        dir: &Path,
        fingerprint: u64,
        centre: Box<[f32]>,
        sealer: Sealer,
    ) -> Result<Option<Self>, VectorsError> {
        let open = |name: &str| {
            let path = dir.join(name);
            fs.open(&path).map_err(|source| VectorsError::Io { path, source })
        };
        let (rows, sketches) = (open(ROWS_NAME)?, open(SKETCHES_NAME)?);
        let found = Keys::open(dir.join(KEYS_NAME), open(KEYS_NAME)?, sealer.clone())?;
        let Some((keys, meta)) = found else { return Ok(None) };
        let layout = Layout { dimensions: centre.len() };
        let long_enough = |file: &Arc<dyn FsFile>, bytes: usize| -> io::Result<bool> {
            Ok(file.len()? >= u64::from(meta.rows) * bytes as u64)
        };
        let io = |source| VectorsError::Io { path: dir.to_owned(), source };
        let whole = long_enough(&rows, sealer.bytes(layout, Part::Rows)).map_err(io)?
            && long_enough(&sketches, sealer.bytes(layout, Part::Sketches)).map_err(io)?;
        if meta.fingerprint != fingerprint || meta.dimensions as usize != centre.len() || !whole {
            return Ok(None);
        }
        let state = Mutex::new(meta);
        Ok(Some(Self { dir: dir.to_owned(), layout, rows, sketches, keys, sealer, centre, state }))
    }

    fn create(
        fs: &dyn Fs,
        dir: &Path,
        fingerprint: u64,
        centre: Box<[f32]>,
        sealer: Sealer,
    ) -> Result<Self, VectorsError> {
        let create = |name: &str| {
            let path = dir.join(name);
            let made = fs.create_dir_all(dir).and_then(|()| fs.create(&path));
            made.map_err(|source| VectorsError::Io { path, source })
        };
        let (rows, sketches) = (create(ROWS_NAME)?, create(SKETCHES_NAME)?);
        let path = dir.join(KEYS_NAME);
        let Some((keys, _)) = Keys::open(path.clone(), create(KEYS_NAME)?, sealer.clone())? else {
            return Err(VectorsError::Row { path, source: CodecError::Truncated });
        };
        let dimensions = u32::try_from(centre.len()).unwrap_or(u32::MAX);
        let mut meta = Meta { fingerprint, dimensions, ..Meta::default() };
        keys.change(&mut meta, |_, _| Ok(()))?;
        fs.sync_dir(dir).map_err(|source| VectorsError::Io { path: dir.to_owned(), source })?;
        let layout = Layout { dimensions: centre.len() };
        let state = Mutex::new(meta);
        Ok(Self { dir: dir.to_owned(), layout, rows, sketches, keys, sealer, centre, state })
    }

    pub(super) fn io(&self, name: &str) -> impl Fn(io::Error) -> VectorsError + use<> {
        let path = self.dir.join(name);
        move |source| VectorsError::Io { path: path.clone(), source }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Meta> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// Vectors that are there.
    pub(crate) fn len(&self) -> usize {
        self.state().live as usize
    }

    /// Ranges of the log whose passages have their vectors, in order.
    pub(crate) fn covered(&self) -> Vec<Range<u64>> {
        self.state().covered.clone()
    }

    /// What the vectors of each language have in common.
    pub(crate) fn means(&self) -> Vec<LanguageMean> {
        self.state().means.clone()
    }

    /// Puts vectors in and notes that `covered` of the log is done. Durable when it returns; a crash leaves all or nothing.
    pub(crate) fn put(&self, batch: &[NewVector], covered: Option<Range<u64>>) -> Result<(), VectorsError> {
        let mut state = self.state();
        let mut fresh = Vec::with_capacity(batch.len());
        for new in batch.iter().filter(|new| new.vector.len() == self.layout.dimensions) {
            if self.keys.between(new.key, new.key)?.is_empty() {
                fresh.push(new);
            }
        }
        let mut free = self.keys.free_rows(fresh.len())?.into_iter();
        let mut end = state.rows;
        let placed: Vec<(&NewVector, u32)> = fresh
            .into_iter()
            .map(|new| {
                let row = free.next().unwrap_or_else(|| {
                    end += 1;
                    end - 1
                });
                (new, row)
            })
            .collect();
        for (new, row) in &placed {
            let (mut bytes, mut sketch) = (Vec::new(), Vec::new());
            self.layout.row(new, &mut bytes);
            self.layout.sketch(new, &self.centre, &mut sketch);
            self.write(*row, bytes, sketch)?;
        }
        if !placed.is_empty() {
            self.sync()?;
        }
        self.keys.change(&mut state, |change, meta| {
            for (new, row) in &placed {
                change.insert(new.key, *row)?;
                meta.count(new.language, &new.vector, 1.0);
            }
            meta.rows = end;
            meta.live += placed.len() as u32;
            if let Some(range) = covered {
                meta.cover(range);
            }
            Ok(())
        })
    }

    /// Takes out all vectors from one passage to another, all windows of each. When this returns none of their bytes is left; after
    /// a crash do it again.
    pub(crate) fn remove_between(&self, first: VectorKey, last: VectorKey) -> Result<usize, VectorsError> {
        let found = self.keys.between(first.first_window(), last.last_window())?;
        self.take_out(&found)
    }

    fn take_out(&self, found: &[(VectorKey, u32)]) -> Result<usize, VectorsError> {
        if found.is_empty() {
            return Ok(0);
        }
        let mut state = self.state();
        let mut gone = Vec::new();
        let zeros = |part| vec![0; self.sealer.bytes(self.layout, part)];
        let (row_zeros, sketch_zeros) = (zeros(Part::Rows), zeros(Part::Sketches));
        for (_, row) in found {
            if let Some(row) = Row::read(&self.read_row(*row)?) {
                gone.push((row.language, row.to_vector()));
            }
            self.put_bytes(Part::Rows, *row, &row_zeros)?;
            self.put_bytes(Part::Sketches, *row, &sketch_zeros)?;
        }
        self.sync()?;
        self.keys.change(&mut state, |change, meta| {
            for (key, row) in found {
                change.remove(*key, *row)?;
            }
            for (language, vector) in &gone {
                meta.count(*language, vector, -1.0);
            }
            meta.live = meta.live.saturating_sub(found.len() as u32);
            Ok(())
        })?;
        Ok(found.len())
    }

    /// Bytes of the rows of one passage.
    pub(super) fn rows_of(&self, key: VectorKey) -> Result<Vec<Vec<u8>>, VectorsError> {
        self.keys.rows_of(key)?.into_iter().map(|(_, row)| self.read_row(row)).collect()
    }

    pub(super) fn read_row(&self, row: u32) -> Result<Vec<u8>, VectorsError> {
        let (mut bytes, mut sealed) = (Vec::new(), Vec::new());
        self.read_rows(Part::Rows, row, 1, &mut bytes, &mut sealed)?;
        Ok(bytes)
    }

    /// Reads rows one behind the other. What they lie sealed in is the second buffer.
    pub(super) fn read_rows(
        &self,
        part: Part,
        first: u32,
        count: usize,
        plain: &mut Vec<u8>,
        sealed: &mut Vec<u8>,
    ) -> Result<(), VectorsError> {
        let size = self.sealer.bytes(self.layout, part);
        let bytes = if self.sealer.is_on() { &mut *sealed } else { &mut *plain };
        bytes.resize(count * size, 0);
        let (file, name) = self.file(part);
        file.read_exact_at(bytes, u64::from(first) * size as u64).map_err(self.io(name))?;
        if self.sealer.is_on() {
            plain.clear();
            for (row, bytes) in (first..).zip(sealed.chunks_exact(size)) {
                self.sealer.open(part, row, bytes, plain);
            }
        }
        Ok(())
    }

    fn file(&self, part: Part) -> (&dyn FsFile, &'static str) {
        match part {
            Part::Rows => (&*self.rows, ROWS_NAME),
            Part::Sketches => (&*self.sketches, SKETCHES_NAME),
        }
    }

    fn write(&self, row: u32, bytes: Vec<u8>, sketch: Vec<u8>) -> Result<(), VectorsError> {
        for (part, bytes) in [(Part::Rows, bytes), (Part::Sketches, sketch)] {
            let bytes = self.sealer.seal(part, row, bytes).map_err(self.io(self.file(part).1))?;
            self.put_bytes(part, row, &bytes)?;
        }
        Ok(())
    }

    fn put_bytes(&self, part: Part, row: u32, bytes: &[u8]) -> Result<(), VectorsError> {
        let (file, name) = self.file(part);
        file.write_all_at(bytes, u64::from(row) * bytes.len() as u64).map_err(self.io(name))
    }

    fn sync(&self) -> Result<(), VectorsError> {
        self.rows.sync_data().map_err(self.io(ROWS_NAME))?;
        self.sketches.sync_data().map_err(self.io(SKETCHES_NAME))
    }
}

impl Meta {
    /// Adds a vector to its language's mean, or takes it away.
    fn count(&mut self, language: u8, vector: &[f32], sign: f64) {
        let at = match self.means.iter().position(|mean| mean.language == language) {
            Some(at) => at,
            None => {
                self.means.push(LanguageMean { language, count: 0, sum: vec![0.0; vector.len()] });
                self.means.len() - 1
            }
        };
        let Some(mean) = self.means.get_mut(at) else { return };
        mean.count = if sign > 0.0 { mean.count + 1 } else { mean.count.saturating_sub(1) };
        for (sum, value) in mean.sum.iter_mut().zip(vector) {
            // Nothing of the last vector may be left in the sum.
            *sum = if mean.count == 0 { 0.0 } else { *sum + sign * f64::from(*value) };
        }
    }

    fn cover(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.covered.push(range);
        openclaw_core::sort_by_key(&mut self.covered, |range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(self.covered.len());
        for range in self.covered.drain(..) {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        if merged.len() > COVERED_RANGES {
            merged.remove(0);
        }
        self.covered = merged;
    }
}
