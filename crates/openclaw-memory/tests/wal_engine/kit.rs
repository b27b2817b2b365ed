//! What the tests of the log share.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use openclaw_memory::engine::{
    FaultFs, Fs, OpenError, Pointer, Record, Recovery, ReplayFrom, Wal, WalOptions,
};

pub(crate) const DIR: &str = "/data/memory/wal";

pub(crate) type Seen = Vec<(Pointer, Option<Vec<u8>>)>;

/// An open log, with what opening it showed.
pub(crate) struct Log {
    pub(crate) wal: Wal<usize>,
    pub(crate) report: Recovery,
    pub(crate) seen: Seen,
    /// What the observer was told.
    pub(crate) observed: Arc<Mutex<Vec<(Pointer, usize)>>>,
}

/// Segments of 4 KiB, so that tests meet many of them.
pub(crate) fn small() -> WalOptions {
    WalOptions {
        segment_bytes: 4096,
        preallocate_bytes: 1024,
        min_free_bytes: 0,
        batch_bytes: 4096,
        ..WalOptions::default()
    }
}

pub(crate) fn open_at(
    fs: Arc<dyn Fs>,
    dir: &Path,
    options: WalOptions,
    from: ReplayFrom,
) -> Result<Log, OpenError> {
    let mut seen = Vec::new();
    let observed = Arc::new(Mutex::new(Vec::new()));
    let watching = Arc::clone(&observed);
    let (wal, report) = Wal::open(
        fs,
        dir,
        options,
        from,
        &mut |record: Record<'_>| seen.push((record.pointer, record.payload.map(<[u8]>::to_vec))),
        Box::new(move |batch| {
            watching.lock().unwrap().extend(batch.drain(..).map(|record| (record.pointer, record.item)));
        }),
    )?;
    Ok(Log { wal, report, seen, observed })
}

pub(crate) fn open(fs: &FaultFs, options: WalOptions) -> Log {
    open_at(Arc::new(fs.clone()), Path::new(DIR), options, ReplayFrom::Beginning).unwrap()
}

pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Appends records one after another, each durable before the next.
pub(crate) fn append_all(log: &Log, payloads: &[Vec<u8>]) -> Vec<Pointer> {
    run(async {
        let mut pointers = Vec::new();
        for (item, payload) in payloads.iter().enumerate() {
            pointers.push(log.wal.append(payload.clone(), item).await.unwrap());
        }
        pointers
    })
}

pub(crate) fn close(log: &Log) {
    run(log.wal.close());
}

/// Payloads of many sizes that differ in every byte from each other's.
pub(crate) fn payloads(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| {
            let mut payload = format!("record {n:06} ").into_bytes();
            payload.extend((0..n * 37 % 700).map(|at| (at * 31 + n * 7) as u8));
            payload
        })
        .collect()
}

pub(crate) fn segments(fs: &FaultFs) -> Vec<PathBuf> {
    fs.files().into_iter().filter(|path| path.extension().is_some_and(|it| it == "wal")).collect()
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

pub(crate) fn archives(fs: &FaultFs) -> Vec<PathBuf> {
    fs.files().into_iter().filter(|path| path.extension().is_some_and(|it| it == "arc")).collect()
}
