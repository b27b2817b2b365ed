//! The thread that writes: one batch, one sync, then the observer, then the writers.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_core::{Lsn, port::is_disk_full};
use tokio::sync::watch;

use super::{
    AppendError, Committed, Observer, Pointer,
    frame::{Kind, MAX_HEAD},
    preamble,
    queue::{Entry, Queue, Taken},
    shared::{IoFailure, Segment, Shared, create_segment},
    write_zeros,
};
use crate::{
    fs::{FsFile, is_out_of_files},
    poison::State,
};

/// How often an idle log looks whether the disk is full, or no longer full.
const IDLE: Duration = Duration::from_secs(1);
/// Longest wait for writers that were woken a moment ago.
const MAX_LINGER: Duration = Duration::from_micros(200);
/// Payloads from this size on are written where they lie instead of being copied together.
const LARGE: usize = 256 * 1024;
/// Buffer kept between batches.
const KEEP: usize = 256 * 1024;

const DIED: &str = "the thread that writes the log died; restart the gateway and report this";

/// Why a batch was not written.
enum Refusal {
    Full(Arc<str>),
    Poisoned(Arc<str>),
}

pub(super) struct Committer<T> {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue<T>>,
    pub(super) observer: Observer<T>,
    pub(super) file: Arc<dyn FsFile>,
    /// First Lsn of the segment being written.
    pub(super) first: u64,
    /// Where its durable frames end.
    pub(super) end: u64,
    /// Where its file ends; zeros in between.
    pub(super) capacity: u64,
    /// Next Lsn.
    pub(super) next: u64,
    /// Says when the thread is gone.
    pub(super) finished: watch::Sender<bool>,
}

/// However the thread ends, nobody waits for it afterwards.
struct LastWords<T> {
    shared: Arc<Shared>,
    queue: Arc<Queue<T>>,
    finished: watch::Sender<bool>,
}

impl<T> Drop for LastWords<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.poison.poison(DIED.into());
        } else {
            self.shared.poison.close();
        }
        self.queue.abandon();
        self.finished.send_replace(true);
    }
}

impl<T: Send + 'static> Committer<T> {
    /// Runs until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut batch = Vec::new();
        let mut buffer = Vec::new();
        let mut committed = Vec::new();
        let mut expected = 1;
        let mut linger = Duration::ZERO;
        // Last, so that on a panic it goes first: whoever waits for a record of the batch then learns why.
        let _last_words = LastWords {
            shared: Arc::clone(&self.shared),
            queue: Arc::clone(&self.queue),
            finished: self.finished.clone(),
        };
        loop {
            let max = self.shared.options.batch_bytes;
            match self.queue.take(&mut batch, max, IDLE, (expected, linger)) {
                Taken::Batch => {
                    expected = batch.len();
                    let took = self.commit(&mut batch, &mut buffer, &mut committed);
                    linger = (took / 2).min(MAX_LINGER);
                }
                Taken::Seal => self.seal(),
                Taken::Idle => self.look_around(),
                Taken::Closed => break,
            }
        }
        self.trim();
    }

    /// Writes, syncs, publishes and acknowledges one batch, or refuses it. Returns how long writing took.
    fn commit(
        &mut self,
        batch: &mut Vec<Entry<T>>,
        buffer: &mut Vec<u8>,
        committed: &mut Vec<Committed<T>>,
    ) -> Duration {
        let started = Instant::now();
        let room: usize = batch.iter().map(|entry| entry.cost).sum();
        let short = self.refuse_for_space(batch);
        if batch.is_empty() {
            self.queue.room.add_permits(room);
            return started.elapsed();
        }
        let written = self.write(batch, buffer, short);
        let took = started.elapsed();
        buffer.clear();
        buffer.shrink_to(KEEP);
        match written {
            Ok(pointers) => {
                let mut waiting = Vec::with_capacity(batch.len());
                for (entry, pointer) in batch.drain(..).zip(pointers) {
                    committed.push(Committed { pointer, payload: entry.payload, item: entry.item });
                    waiting.push((entry.done, pointer));
                }
                // The reason has to stand before unwinding lets go of the writers.
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.observer)(committed))) {
                    self.shared.poison.poison(DIED.into());
                    resume_unwind(panic);
                }
                committed.clear();
                committed.shrink_to(1024);
                for (done, pointer) in waiting {
                    // A writer that no longer waits has its record all the same.
                    let _ = done.send(Ok(pointer));
                }
            }
            Err(refusal) => {
                let error = match refusal {
                    Refusal::Full(reason) => AppendError::Full(reason),
                    Refusal::Poisoned(reason) => AppendError::Poisoned(reason),
                };
                for entry in batch.drain(..) {
                    let _ = entry.done.send(Err(error.clone()));
                }
            }
        }
        batch.shrink_to(1024);
        self.queue.room.add_permits(room);
        took
    }

    /// Refuses the records of a batch that may not use the space that is kept free, when only that is left; says whether
    /// it is.
    fn refuse_for_space(&self, batch: &mut Vec<Entry<T>>) -> bool {
        if matches!(self.shared.poison.state(), State::Poisoned(_)) {
            return false;
        }
        let payload: usize = batch.iter().map(|entry| entry.payload.len() + MAX_HEAD).sum();
        let Some(reason) = self.too_little_space(payload as u64) else { return false };
        self.shared.poison.full(Arc::clone(&reason));
        for entry in batch.extract_if(.., |entry| !entry.urgent) {
            let _ = entry.done.send(Err(AppendError::Full(Arc::clone(&reason))));
        }
        true
    }

    /// `short`: the disk has less than is kept free, which this success does not change.
    fn write(
        &mut self,
        batch: &[Entry<T>],
        buffer: &mut Vec<u8>,
        short: bool,
    ) -> Result<Vec<Pointer>, Refusal> {
        if let State::Poisoned(reason) = self.shared.poison.state() {
            return Err(Refusal::Poisoned(reason));
        }
        if self.end >= self.shared.options.segment_bytes {
            self.rotate()?;
        }
        let mut pointers = Vec::with_capacity(batch.len());
        let written = self.write_frames(batch, buffer, &mut pointers);
        let end = match written.and_then(|end| self.grow(end).map(|()| end)) {
            Ok(end) => end,
            Err(error) => return Err(self.failed_write(&error)),
        };
        if let Err(error) = self.file.sync_data() {
            // What the kernel does with the pages after this differs, and a second sync may succeed without having written
            // them. So there is none.
            return Err(self.poisoned("sync", &error));
        }
        self.end = end;
        self.capacity = self.capacity.max(end);
        self.next += batch.len() as u64;
        self.publish();
        if !short {
            self.shared.poison.cleared();
        }
        Ok(pointers)
    }

    /// Writes the frames. Returns where they end.
    fn write_frames(
        &self,
        batch: &[Entry<T>],
        buffer: &mut Vec<u8>,
        pointers: &mut Vec<Pointer>,
    ) -> io::Result<u64> {
        let mut at = self.end;
        let mut written = self.end;
        for (index, entry) in batch.iter().enumerate() {
            let kind = Kind { erased: false, first: index == 0 };
            let lsn = self.next + index as u64;
            let place = u32::try_from(at).map_err(|_| io::ErrorKind::FileTooLarge)?;
            let mut head = [0; MAX_HEAD];
            let size = self.shared.codec.head(kind, lsn, place, &entry.payload, &mut head);
            buffer.extend_from_slice(&head[..size]);
            if entry.payload.len() < LARGE {
                buffer.extend_from_slice(&entry.payload);
            } else {
                self.file.write_all_at(buffer, written)?;
                written += buffer.len() as u64;
                buffer.clear();
                self.file.write_all_at(&entry.payload, written)?;
                written += entry.payload.len() as u64;
            }
            let len = u32::try_from(entry.payload.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
            pointers.push(Pointer { lsn: Lsn(lsn), offset: place, len });
            at += (size + entry.payload.len()) as u64;
        }
        self.file.write_all_at(buffer, written)?;
        Ok(at)
    }

    /// Grows the file ahead of its frames when `end` has reached its length. Without the space, it just does not.
    fn grow(&mut self, end: u64) -> io::Result<()> {
        let step = self.shared.options.preallocate_bytes;
        if end <= self.capacity || step == 0 {
            return Ok(());
        }
        match write_zeros(&*self.file, end, step) {
            Ok(()) => self.capacity = end + step,
            Err(error) if is_disk_full(&error) => {
                self.file.set_len(end)?;
                self.capacity = end;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes what was just synced visible to readers.
    fn publish(&mut self) {
        let (first, end, next) = (self.first, self.end, self.next);
        self.shared.edit_table(|table| {
            table.next = next;
            if let Some(last) = table.segments.last_mut().filter(|segment| segment.first == first) {
                last.end = end;
            }
        });
    }

    /// Seals the segment for whoever asked, unless it is empty.
    fn seal(&mut self) {
        let waiting = self.queue.take_seals();
        let sealed = match self.shared.poison.state() {
            State::Poisoned(reason) => Err(Refusal::Poisoned(reason)),
            _ if self.end > preamble::SIZE as u64 => self.rotate(),
            _ => Ok(()),
        };
        for done in waiting {
            // Who no longer waits finds it sealed all the same.
            let _ = done.send(match &sealed {
                Ok(()) => Ok(()),
                Err(Refusal::Full(reason)) => Err(AppendError::Full(Arc::clone(reason))),
                Err(Refusal::Poisoned(reason)) => Err(AppendError::Poisoned(Arc::clone(reason))),
            });
        }
    }

    /// Seals the segment and opens the next.
    fn rotate(&mut self) -> Result<(), Refusal> {
        let zeros = self.shared.options.preallocate_bytes;
        let lsns = (self.next, self.first);
        if self.capacity > self.end {
            if let Err(error) = self.file.set_len(self.end) {
                return Err(self.failed_write(&error));
            }
            self.capacity = self.end;
        }
        let created =
            create_segment(&*self.shared.fs, &self.shared.dirs.wal, &self.shared.codec, lsns, zeros);
        match created {
            Ok(file) => {
                self.file = file;
                (self.first, self.end) = (self.next, preamble::SIZE as u64);
                self.capacity = self.end + zeros;
                let (first, end) = (self.first, self.end);
                self.shared.edit_table(|table| table.segments.push(Segment::plain(first, end)));
                Ok(())
            }
            Err(failure) if is_disk_full(&failure.source) && failure.action != "sync" => {
                Err(self.refuse_full(no_space(&self.shared.dirs.wal)))
            }
            // Nothing of it is in use yet, and the next batch makes it anew.
            Err(failure) if is_out_of_files(&failure.source) => {
                let dir = self.shared.dirs.wal.display();
                let reason = format!(
                    "the log in {dir} needs another file, and the process has too many files open: raise its limit \
                     (`ulimit -n`), or let connections go"
                );
                Err(self.refuse_full(reason.into()))
            }
            Err(IoFailure { action, path, source }) => Err(self.poison_at(action, &path, &source)),
        }
    }

    /// A failed write leaves any part of the batch in the file. A full disk passes, so that part is cut off again, durably,
    /// before its place is used anew; anything else ends the log's writing.
    fn failed_write(&mut self, error: &io::Error) -> Refusal {
        if !is_disk_full(error) {
            return self.poisoned("write", error);
        }
        if let Err(error) = self.file.set_len(self.end).and_then(|()| self.file.sync_data()) {
            return self.poisoned("cut", &error);
        }
        self.capacity = self.end;
        self.refuse_full(no_space(&self.shared.dirs.wal))
    }

    fn refuse_full(&self, reason: Arc<str>) -> Refusal {
        self.shared.poison.full(Arc::clone(&reason));
        Refusal::Full(reason)
    }

    fn poisoned(&self, action: &str, error: &io::Error) -> Refusal {
        self.poison_at(action, &self.shared.path(self.first), error)
    }

    fn poison_at(&self, action: &str, path: &Path, error: &io::Error) -> Refusal {
        let reason: Arc<str> = format!(
            "could not {action} {}: {error}; nothing more is written to it until the gateway is restarted. \
             Check the disk first (its kernel messages, its free space)",
            path.display()
        )
        .into();
        tracing::error!(path = %path.display(), %error, "the log could not {action}; appends are refused");
        self.shared.poison.poison(Arc::clone(&reason));
        Refusal::Poisoned(reason)
    }

    /// Why there is too little space for `bytes` more, if so.
    fn too_little_space(&self, bytes: u64) -> Option<Arc<str>> {
        let least = self.shared.options.min_free_bytes;
        // When the system can't say, the write itself will.
        let free = self.shared.fs.available_space(&self.shared.dirs.wal).ok().filter(|_| least > 0)?;
        (free < least.saturating_add(bytes)).then(|| {
            format!(
                "the disk of {} has {} MiB left, and memory.min_free_mb keeps {} MiB free: make room on it",
                self.shared.dirs.wal.display(),
                free >> 20,
                least >> 20
            )
            .into()
        })
    }

    /// While idle: notices that the disk filled up, or that there is space again.
    fn look_around(&mut self) {
        let full = matches!(self.shared.poison.state(), State::Full(_));
        if let Some(reason) = self.too_little_space(0) {
            self.shared.poison.full(reason);
        } else if full && self.probe().is_ok() {
            self.shared.poison.cleared();
        }
    }

    /// Tries for real whether the file can grow.
    fn probe(&mut self) -> Result<(), Refusal> {
        let bytes = self.shared.options.preallocate_bytes.max(4096);
        match write_zeros(&*self.file, self.end, bytes) {
            Ok(()) => {
                self.capacity = self.capacity.max(self.end + bytes);
                self.file.sync_data().map_err(|error| self.poisoned("sync", &error))
            }
            Err(error) => Err(self.failed_write(&error)),
        }
    }

    /// Cuts off the space that was kept ahead. Failing costs nothing: the next start finds the end all the same.
    fn trim(&mut self) {
        if self.capacity > self.end && !matches!(self.shared.poison.state(), State::Poisoned(_)) {
            let _ = self.file.set_len(self.end).and_then(|()| self.file.sync_data());
        }
    }
}

fn no_space(dir: &Path) -> Arc<str> {
    format!("the disk of {} is full: make room on it", dir.display()).into()
}
