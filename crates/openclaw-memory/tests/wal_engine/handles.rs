//! Many segments, few open files.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use openclaw_memory::engine::{FaultFs, Fs, FsFile, ReplayFrom};

use crate::kit::{DIR, append_all, open_at, payloads, segments, small};

/// How many files are open, and how many were at most.
#[derive(Debug, Default)]
struct Handles {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[derive(Debug, Clone)]
struct CountingFs {
    inner: FaultFs,
    handles: Arc<Handles>,
}

#[derive(Debug)]
struct Counted {
    inner: Arc<dyn FsFile>,
    handles: Arc<Handles>,
}

impl CountingFs {
    fn counted(&self, inner: Arc<dyn FsFile>) -> Arc<dyn FsFile> {
        let now = self.handles.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.handles.most.fetch_max(now, Ordering::SeqCst);
        Arc::new(Counted { inner, handles: Arc::clone(&self.handles) })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.handles.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fs for CountingFs {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        self.inner.open(path).map(|file| self.counted(file))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        self.inner.create(path).map(|file| self.counted(file))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.inner.list(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        self.inner.available_space(path)
    }
}

impl FsFile for Counted {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buf, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_all_at(data, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

#[test]
fn a_start_opens_one_segment_after_another() {
    let fs = CountingFs { inner: FaultFs::new(), handles: Arc::default() };
    let open = || open_at(Arc::new(fs.clone()), Path::new(DIR), small(), ReplayFrom::Beginning).unwrap();
    let written = payloads(700);
    append_all(&open(), &written);
    let count = segments(&fs.inner).len();
    assert!(count > 50, "{count}");
    assert_eq!(fs.handles.now.load(Ordering::SeqCst), 0);
    fs.handles.most.store(0, Ordering::SeqCst);
    assert_eq!(open().seen.len(), written.len());
    let most = fs.handles.most.load(Ordering::SeqCst);
    assert!(most <= 40, "{most} of {count}");
}
