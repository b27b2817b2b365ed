//! Files as pages that carry their checksums, and the pages kept in memory.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::LexicalError;
use crate::fs::{Fs, FsFile};

/// Bytes of a page on the disk.
pub(super) const PAGE: usize = 4096;
/// Bytes of content in it; the rest is the checksum.
pub(super) const CONTENT: usize = PAGE - 4;
/// Pages that are written at a time.
const WRITE_PAGES: usize = 16;

/// A verified page. It is read to where it stays.
#[derive(Debug, Clone)]
pub(super) struct Page([u8; PAGE]);

impl Page {
    pub(super) fn content(&self) -> &[u8] {
        self.0.split_at(CONTENT).0
    }
}

/// Covers the content, and where it belongs.
fn checksum(file: u64, page: u32, content: &[u8]) -> u32 {
    let mut place = [0; 12];
    place[..8].copy_from_slice(&file.to_le_bytes());
    place[8..].copy_from_slice(&page.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place);
    hasher.update(content);
    hasher.finalize()
}

/// Writes a file from front to back; only its first page comes last. Offsets count content bytes.
#[derive(Debug)]
pub(super) struct PageWriter {
    file: Arc<dyn FsFile>,
    path: PathBuf,
    id: u64,
    /// Content of pages that are not written yet.
    held: Vec<u8>,
    /// The first of them.
    page: u32,
}

impl PageWriter {
    /// Makes a file whose first page is kept free.
    pub(super) fn create(fs: &dyn Fs, path: PathBuf, id: u64) -> Result<Self, LexicalError> {
        let file = fs.create(&path).map_err(|source| LexicalError::Io {
            action: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self { file, path, id, held: Vec::with_capacity(WRITE_PAGES * CONTENT), page: 1 })
    }

    /// Where the next byte goes.
    pub(super) fn offset(&self) -> u64 {
        u64::from(self.page) * CONTENT as u64 + self.held.len() as u64
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), LexicalError> {
        while !bytes.is_empty() {
            let room = WRITE_PAGES * CONTENT - self.held.len();
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() == WRITE_PAGES * CONTENT {
                self.write_held()?;
            }
        }
        Ok(())
    }

    fn write_held(&mut self) -> Result<(), LexicalError> {
        let mut out = Vec::with_capacity(self.held.len() + WRITE_PAGES * 4);
        let first = self.page;
        for content in self.held.chunks(CONTENT) {
            let mut whole = [0; CONTENT];
            for (to, from) in whole.iter_mut().zip(content) {
                *to = *from;
            }
            out.extend_from_slice(&whole);
            out.extend_from_slice(&checksum(self.id, self.page, &whole).to_le_bytes());
            self.page = self.page.checked_add(1).ok_or(LexicalError::TooMany(u64::from(u32::MAX)))?;
        }
        self.held.clear();
        self.write_at(&out, u64::from(first) * PAGE as u64)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), LexicalError> {
        self.file.write_all_at(bytes, offset).map_err(|source| self.failed("write", source))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> LexicalError {
        LexicalError::Io { action, path: self.path.clone(), source }
    }

    /// Writes what is left and the first page, and makes the file durable. Its name is not, before the directory is synced.
    pub(super) fn finish(mut self, head: &[u8]) -> Result<(), LexicalError> {
        self.write_held()?;
        (self.page, self.held) = (0, head.to_vec());
        self.write_held()?;
        self.file.sync_data().map_err(|source| self.failed("sync", source))
    }
}

#[derive(Debug)]
struct Slot {
    key: (u64, u32),
    page: Arc<Page>,
    used: bool,
}

#[derive(Debug, Default)]
struct Slots {
    places: HashMap<(u64, u32), usize>,
    slots: Vec<Slot>,
    hand: usize,
}

/// A bounded number of pages of any files. Second chance decides which goes.
#[derive(Debug)]
pub(super) struct PageCache {
    slots: Mutex<Slots>,
    capacity: usize,
}

impl PageCache {
    pub(super) fn new(bytes: usize) -> Self {
        Self { slots: Mutex::default(), capacity: (bytes / PAGE).max(8) }
    }

    fn get(&self, key: (u64, u32)) -> Option<Arc<Page>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let place = *slots.places.get(&key)?;
        let slot = slots.slots.get_mut(place)?;
        slot.used = true;
        Some(Arc::clone(&slot.page))
    }

    fn insert(&self, key: (u64, u32), page: &Arc<Page>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Slots { places, slots, hand } = &mut *slots;
        if places.contains_key(&key) {
            return;
        }
        let slot = Slot { key, page: Arc::clone(page), used: false };
        if slots.len() < self.capacity {
            places.insert(key, slots.len());
            slots.push(slot);
            return;
        }
        // Every slot gets its second chance at most once a round.
        for _ in 0..=2 * self.capacity {
            *hand = (*hand + 1) % self.capacity;
            let Some(old) = slots.get_mut(*hand) else { return };
            if std::mem::take(&mut old.used) {
                continue;
            }
            places.remove(&old.key);
            places.insert(key, *hand);
            *old = slot;
            return;
        }
    }
}

/// A file of pages, read through the cache.
#[derive(Debug)]
pub(super) struct PagedFile {
    file: Arc<dyn FsFile>,
    path: PathBuf,
    id: u64,
    cache: Arc<PageCache>,
}

impl PagedFile {
    pub(super) fn open(
        fs: &dyn Fs,
        path: PathBuf,
        id: u64,
        cache: Arc<PageCache>,
    ) -> Result<Self, LexicalError> {
        match fs.open(&path) {
            Ok(file) => Ok(Self { file, path, id, cache }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(LexicalError::Damaged { path, offset: 0, what: "the file is missing" })
            }
            Err(source) => Err(LexicalError::Io { action: "open", path, source }),
        }
    }

    pub(super) fn page(&self, page: u32) -> Result<Arc<Page>, LexicalError> {
        if let Some(page) = self.cache.get((self.id, page)) {
            return Ok(page);
        }
        let read = self.read_page(page)?;
        self.cache.insert((self.id, page), &read);
        Ok(read)
    }

    /// Past the cache, for whoever goes through the whole file.
    pub(super) fn read_page(&self, page: u32) -> Result<Arc<Page>, LexicalError> {
        let mut read = Arc::new(Page([0; PAGE]));
        let offset = u64::from(page) * PAGE as u64;
        // Nobody else has it yet, so nothing is copied.
        let Page(bytes) = Arc::make_mut(&mut read);
        self.file.read_exact_at(bytes, offset).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged(offset, "the file ends early")
            } else {
                LexicalError::Io { action: "read", path: self.path.clone(), source }
            }
        })?;
        let (content, sum) = bytes.split_at(CONTENT);
        if sum == checksum(self.id, page, content).to_le_bytes() {
            Ok(read)
        } else {
            Err(self.damaged(offset, "a page does not verify"))
        }
    }

    /// Reads every page past the cache.
    pub(super) fn check_pages(&self) -> Result<(), LexicalError> {
        let failed = |source| LexicalError::Io { action: "read", path: self.path.clone(), source };
        let pages = self.file.len().map_err(failed)?.div_ceil(PAGE as u64);
        let too_long = |_| self.damaged(0, "the file is too long");
        (0..u32::try_from(pages).map_err(too_long)?).try_for_each(|page| self.read_page(page).map(drop))
    }

    fn damaged(&self, offset: u64, what: &'static str) -> LexicalError {
        LexicalError::Damaged { path: self.path.clone(), offset, what }
    }

    /// Damage found where the checksums hold: a mistake of whoever wrote it, or of ours.
    pub(super) fn nonsense(&self, offset: u64, what: &'static str) -> LexicalError {
        self.damaged(offset / CONTENT as u64 * PAGE as u64, what)
    }
}

/// Reads ranges of a file's content; keeps the page it is at.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    file: &'a PagedFile,
    cached: bool,
    at: Option<(u32, Arc<Page>)>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &'a PagedFile) -> Self {
        Self { file, cached: true, at: None }
    }

    /// One that leaves no trace in the cache.
    pub(super) fn aside(file: &'a PagedFile) -> Self {
        Self { file, cached: false, at: None }
    }

    pub(super) fn file(&self) -> &'a PagedFile {
        self.file
    }

    fn page(&mut self, number: u32) -> Result<&[u8], LexicalError> {
        let page = match self.at.take() {
            Some((at, page)) if at == number => page,
            _ if self.cached => self.file.page(number)?,
            _ => self.file.read_page(number)?,
        };
        Ok(self.at.insert((number, page)).1.content())
    }

    /// Replaces what is in `out` by so many bytes from an offset on.
    pub(super) fn read(&mut self, offset: u64, len: usize, out: &mut Vec<u8>) -> Result<(), LexicalError> {
        out.clear();
        let mut offset = offset;
        while out.len() < len {
            let number = u32::try_from(offset / CONTENT as u64)
                .map_err(|_| self.file.nonsense(offset, "an offset is out of range"))?;
            let from = (offset % CONTENT as u64) as usize;
            let rest = self.page(number)?.get(from..).unwrap_or_default();
            let part = rest.get(..rest.len().min(len - out.len())).unwrap_or_default();
            out.extend_from_slice(part);
            offset += part.len() as u64;
        }
        Ok(())
    }

    /// So many bytes from an offset on, with whatever follows; copied to `buffer` only where they lie on several pages.
    pub(super) fn bytes<'b>(
        &'b mut self,
        offset: u64,
        len: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], LexicalError> {
        let from = (offset % CONTENT as u64) as usize;
        if from + len > CONTENT {
            self.read(offset, len, buffer)?;
            return Ok(buffer);
        }
        let number = u32::try_from(offset / CONTENT as u64)
            .map_err(|_| self.file.nonsense(offset, "an offset is out of range"))?;
        Ok(self.page(number)?.get(from..).unwrap_or_default())
    }

    pub(super) fn read_array<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], LexicalError> {
        let mut out = [0; N];
        let mut done = 0;
        while done < N {
            let at = offset + done as u64;
            let number = u32::try_from(at / CONTENT as u64)
                .map_err(|_| self.file.nonsense(at, "an offset is out of range"))?;
            let rest = self.page(number)?.get((at % CONTENT as u64) as usize..).unwrap_or_default();
            for (to, from) in out.iter_mut().skip(done).zip(rest) {
                *to = *from;
                done += 1;
            }
        }
        Ok(out)
    }
}
