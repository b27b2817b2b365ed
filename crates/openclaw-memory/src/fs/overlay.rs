//! A file system that can be looked at and not changed: what is written stays in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Fs, FsFile};

/// Bytes that are copied when one of them is written.
const PAGE: usize = 4096;

/// Another file system, read only. Files that are opened can be written to, with no effect on what is beneath and until they
/// are closed; everything else that would change something fails.
#[derive(Debug)]
pub(crate) struct Overlay(pub(crate) Arc<dyn Fs>);

#[derive(Debug)]
struct OverlayFile {
    beneath: Arc<dyn FsFile>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

fn refused() -> io::Error {
    io::ErrorKind::ReadOnlyFilesystem.into()
}

impl Fs for Overlay {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        let beneath = self.0.open(path)?;
        let len = beneath.len()?;
        Ok(Arc::new(OverlayFile { beneath, state: Mutex::new(State { len, pages: BTreeMap::new() }) }))
    }

    fn create(&self, _path: &Path) -> io::Result<Arc<dyn FsFile>> {
        Err(refused())
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.list(dir)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Err(refused())
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        self.0.available_space(path)
    }
}

impl OverlayFile {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, number: u64) -> io::Result<Box<[u8; PAGE]>> {
        let mut page = Box::new([0; PAGE]);
        self.beneath.read_up_to(&mut page[..], number * PAGE as u64)?;
        Ok(page)
    }
}

/// The pieces of `len` bytes from `offset` on that lie in one page each: page, place in it, place in the whole, bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let from = (at % PAGE as u64) as usize;
        let part = (len - done).min(PAGE - from);
        let piece = (at / PAGE as u64, from, done, part);
        done += part;
        (part > 0).then_some(piece)
    })
}

impl FsFile for OverlayFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.lock();
        let len = usize::try_from(state.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        for (number, from, at, part) in pieces(offset, len) {
            let Some(to) = buf.get_mut(at..at + part) else { break };
            match state.pages.get(&number) {
                Some(page) => to.copy_from_slice(page.get(from..from + part).unwrap_or_default()),
                None => {
                    let read = self.beneath.read_up_to(to, offset + at as u64)?;
                    to.get_mut(read..).unwrap_or_default().fill(0);
                }
            }
        }
        Ok(len)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.lock();
        for (number, from, at, part) in pieces(offset, data.len()) {
            let page = match state.pages.entry(number) {
                Entry::Occupied(held) => held.into_mut(),
                Entry::Vacant(free) => free.insert(self.page(number)?),
            };
            if let (Some(to), Some(from)) = (page.get_mut(from..from + part), data.get(at..at + part)) {
                to.copy_from_slice(from);
            }
        }
        state.len = state.len.max(offset + data.len() as u64);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        if len < state.len {
            // What is cut off must read as zeros should the file grow again.
            let first = len / PAGE as u64;
            let old = state.len.div_ceil(PAGE as u64);
            for number in first..old {
                let mut page = match state.pages.remove(&number) {
                    Some(page) => page,
                    None => self.page(number)?,
                };
                let keep =
                    usize::try_from(len.saturating_sub(number * PAGE as u64)).unwrap_or(PAGE).min(PAGE);
                page.get_mut(keep..).unwrap_or_default().fill(0);
                state.pages.insert(number, page);
            }
        }
        state.len = len;
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::FaultFs;

    #[test]
    fn writes_are_seen_and_change_nothing() {
        let fs = FaultFs::new();
        let path = Path::new("/a");
        let original: Vec<u8> = (0..10_000).map(|n| n as u8).collect();
        fs.create(path).unwrap().write_all_at(&original, 0).unwrap();
        let before = fs.operations();
        let overlay = Overlay(Arc::new(fs.clone()));
        let file = overlay.open(path).unwrap();
        let mut model = original.clone();
        for (offset, len) in [(4090, 12), (0, 1), (9_990, 5000), (8192, 4096)] {
            file.write_all_at(&vec![0xEE; len], offset as u64).unwrap();
            model.resize(model.len().max(offset + len), 0);
            model[offset..offset + len].fill(0xEE);
        }
        for len in [14_000, 5000, 12_000] {
            file.set_len(len as u64).unwrap();
            model.resize(len, 0);
            let mut read = vec![1; len + 10];
            assert_eq!(file.read_up_to(&mut read, 0).unwrap(), len);
            assert!(read[..len] == model[..], "{len}");
        }
        assert!(overlay.remove(path).is_err() && overlay.create(path).is_err());
        assert_eq!((fs.contents(path).unwrap(), fs.operations()), (original, before));
    }
}
