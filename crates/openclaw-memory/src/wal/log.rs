//! The log as its owner sees it.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use openclaw_core::Lsn;
use tokio::sync::{SemaphorePermit, oneshot, watch};

use super::{
    AppendError, ArchiveReport, ChainProgress, ChangeError, LogHealth, Observer, OpenError, Pointer, Reader,
    Record, Recovery, ReplayFrom, WalOptions, archive, chain, change,
    committer::Committer,
    queue::{Entry, Queue},
    recovery, replay,
    shared::{Dirs, Shared},
};
use crate::{fs::Fs, poison::State};

/// An open write-ahead log. `T` is what a writer hands to the [`Observer`] along with its record.
///
/// One thread, named `wal-commit`, owns all writing. Dropping the log commits what is queued and joins that thread, which
/// blocks; call [`Wal::close`] first where that matters. Reading goes through [`Wal::reader`].
#[derive(Debug)]
pub struct Wal<T: Send + 'static> {
    shared: Arc<Shared>,
    queue: Arc<Queue<T>>,
    finished: watch::Receiver<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<T: Send + 'static> Wal<T> {
    /// Opens the log in `dir`, creating it when there is none: finds its end, cuts what a crash left unfinished, makes sure
    /// that what it shows is durable, then visits the records that `replay` asks for, in order. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`]. Damaged records are no error: they are in the report.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: WalOptions,
        replay: ReplayFrom,
        visit: &mut dyn FnMut(Record<'_>),
        observer: Observer<T>,
    ) -> Result<(Self, Recovery), OpenError> {
        let options = options.clamped();
        let dirs = Dirs::new(dir, &options);
        let (hint, least_next) = match replay {
            ReplayFrom::Beginning => (None, Lsn(0)),
            ReplayFrom::Lsn(lsn) => (None, lsn),
            ReplayFrom::After(pointer) => (Some(pointer), Lsn(pointer.lsn.0.saturating_add(1))),
        };
        let opened = recovery::open(&*fs, &dirs, &options, hint, least_next)?;
        let (first, end) = opened.table.segments.last().map_or((1, 0), |last| (last.first, last.end));
        let next = opened.table.next;
        let mut report = opened.report;
        let queue = Arc::new(Queue::new(options.queue_bytes));
        let shared = Arc::new(Shared::new(fs, dirs, opened.codec, options, opened.table));
        replay::replay(&shared, replay, visit, &mut report)?;

        let (finished_tx, finished) = watch::channel(false);
        let committer = Committer {
            shared: Arc::clone(&shared),
            queue: Arc::clone(&queue),
            observer,
            file: opened.file,
            first,
            end,
            capacity: opened.capacity,
            next,
            finished: finished_tx,
        };
        let builder = thread::Builder::new().name("wal-commit".to_owned());
        let thread = builder.spawn(move || committer.run()).map_err(OpenError::Thread)?;
        Ok((Self { shared, queue, finished, thread: Mutex::new(Some(thread)) }, report))
    }

    /// Appends a record; when this returns `Ok` it is durable and the observer has seen it. Waits for room in the queue.
    /// Cancel safe in this sense: a dropped call has appended the record as a whole or not at all.
    ///
    /// A record whose append was awaited before this call is never missing while this one is there.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, payload: Vec<u8>, item: T) -> Result<Pointer, AppendError> {
        match self.reserve(payload.len()).await?.append(payload, item) {
            Ok(ticket) => ticket.await,
            Err((error, _)) => Err(error),
        }
    }

    /// The same for a record that leads to less being stored: it may use the space that
    /// [`WalOptions::min_free_bytes`] keeps free, so that deleting works when the disk is nearly full.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append_urgent(&self, payload: Vec<u8>, item: T) -> Result<Pointer, AppendError> {
        match self.reserve(payload.len()).await?.queue(payload, item, (true, false)) {
            Ok(ticket) => ticket.await,
            Err((error, _)) => Err(error),
        }
    }

    /// Waits for room for a payload of up to `bytes`. With the slot in hand the record can be queued without waiting, for
    /// instance under a lock that fixes the order of two records.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn reserve(&self, bytes: usize) -> Result<Slot<'_, T>, AppendError> {
        self.check(bytes)?;
        let cost = self.queue.cost(bytes);
        let permits = u32::try_from(cost).unwrap_or(u32::MAX);
        if let Ok(room) = self.queue.room.try_acquire_many(permits) {
            return Ok(Slot { wal: self, room, bytes, cost });
        }
        let _crowd = self.queue.crowded();
        match self.queue.room.acquire_many(permits).await {
            Ok(room) => Ok(Slot { wal: self, room, bytes, cost }),
            Err(_) => Err(self.gone()),
        }
    }

    /// Seals the segment that takes the appends, unless it is empty: later records go into a new one. Cancel safe; a dropped call
    /// may have sealed it.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn seal(&self) -> Result<(), AppendError> {
        let (done, sealed) = oneshot::channel();
        self.queue.seal(done);
        sealed.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// Reads and scans; cheap to clone, shared by threads, useful even after the log was poisoned or closed.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared), unseal: None }
    }

    /// Overwrites records in place, so that nothing of their payloads is left in the files, and syncs. Lengths and Lsns stay.
    /// Records already erased or no longer in the log are passed over. Blocks.
    ///
    /// Not atomic: log the intent first, and call this again at replay. It finishes what a crash left half done. Until then
    /// a record that was torn in the middle is reported as damaged.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn erase(&self, records: &[Pointer]) -> Result<(), ChangeError> {
        change::erase(&self.shared, records, &mut Err)
    }

    /// The same, passing over pointers that are wrong; returns what was wrong with them.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn erase_what_is_there(&self, records: &[Pointer]) -> Result<Vec<ChangeError>, ChangeError> {
        let mut wrong = Vec::new();
        let mut note = |error| {
            wrong.push(error);
            Ok(())
        };
        change::erase(&self.shared, records, &mut note)?;
        Ok(wrong)
    }

    /// Removes the sealed segments all of whose records come before `lsn`; returns their records and bytes. The Lsns count on.
    /// A crash in between leaves all of them, or the next start finishes. Blocks.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn drop_before(&self, lsn: Lsn) -> Result<(u64, u64), ChangeError> {
        change::drop_before(&self.shared, lsn)
    }

    /// Turns the sealed segment that starts with the record `first` into a compressed archive and removes its file. Pointers
    /// stay true; reading goes on meanwhile, erasing and dropping wait. A crash in between leaves the segment, or the next start
    /// finishes. Doing it again is fine. Blocks, for some tens of milliseconds per MiB.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn archive(&self, first: Lsn) -> Result<ArchiveReport, ChangeError> {
        archive::archive(&self.shared, first)
    }

    /// Adds to the hash chain what it lacks: an entry for each sealed segment that it does not know, or that was changed on
    /// purpose since. Blocks, for as long as it takes to read those segments, unless `stop` says otherwise between two of them.
    ///
    /// # Errors
    /// See [`ChangeError`]. The next call tries again.
    pub fn extend_chain(&self, stop: &dyn Fn() -> bool) -> Result<ChainProgress, ChangeError> {
        chain::extend(&self.shared, stop)
    }

    /// Whether appends can succeed. Cheap.
    #[must_use]
    pub fn health(&self) -> LogHealth {
        match self.shared.poison.state() {
            State::Writable => LogHealth::Writable,
            State::Full(reason) => LogHealth::Full { reason: reason.to_string() },
            State::Poisoned(reason) => LogHealth::Poisoned { reason: reason.to_string() },
            State::Closed => LogHealth::Closed,
        }
    }

    /// Commits what is queued, cuts preallocated space off and ends the committer's thread. Later appends fail; reads go on.
    /// Calling it again is fine, and so is dropping the call: closing goes on.
    pub async fn close(&self) {
        self.queue.close();
        let mut finished = self.finished.clone();
        // An error means that the sender is gone, and with it the thread.
        let _ = finished.wait_for(|finished| *finished).await;
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Refuses what can't succeed anyway. A full disk is left to the committer: it may have space again.
    fn check(&self, bytes: usize) -> Result<(), AppendError> {
        let limit = self.shared.options.max_record_bytes;
        if bytes > limit {
            return Err(AppendError::TooLarge { bytes, limit });
        }
        match self.shared.poison.state() {
            State::Writable | State::Full(_) => Ok(()),
            State::Poisoned(reason) => Err(AppendError::Poisoned(reason)),
            State::Closed => Err(AppendError::Closed),
        }
    }

    fn gone(&self) -> AppendError {
        gone(&self.shared)
    }
}

fn gone(shared: &Shared) -> AppendError {
    match shared.poison.state() {
        State::Poisoned(reason) => AppendError::Poisoned(reason),
        _ => AppendError::Closed,
    }
}

impl<T: Send + 'static> Drop for Wal<T> {
    fn drop(&mut self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread itself may hold the last reference, inside its observer.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Room in the queue for one record.
#[derive(Debug)]
pub struct Slot<'a, T: Send + 'static> {
    wal: &'a Wal<T>,
    room: SemaphorePermit<'a>,
    bytes: usize,
    cost: usize,
}

impl<T: Send + 'static> Slot<'_, T> {
    /// Queues the record, whose payload must be no larger than reserved. It is written even if the ticket is dropped.
    ///
    /// # Errors
    /// The item comes back with the error, so that it is the caller who decides when it is dropped: it may be queued under
    /// a lock that its drop takes.
    pub fn append(self, payload: Vec<u8>, item: T) -> Result<Ticket, (AppendError, T)> {
        self.queue(payload, item, (false, false))
    }

    /// The same for a record that waits until another one is written, and shares its sync: before it in the log, and durable
    /// with it. Closing the log writes it, too.
    ///
    /// # Errors
    /// As [`Slot::append`].
    pub fn append_with_next(self, payload: Vec<u8>, item: T) -> Result<Ticket, (AppendError, T)> {
        self.queue(payload, item, (false, true))
    }

    fn queue(
        self,
        payload: Vec<u8>,
        item: T,
        (urgent, patient): (bool, bool),
    ) -> Result<Ticket, (AppendError, T)> {
        if payload.len() > self.bytes {
            return Err((AppendError::TooLarge { bytes: payload.len(), limit: self.bytes }, item));
        }
        let (done, result) = oneshot::channel();
        match self.wal.queue.push(Entry { payload, item, done, cost: self.cost, urgent, patient }) {
            Ok(()) => {
                // The committer gives it back with the batch.
                self.room.forget();
                Ok(Ticket { result, shared: Arc::clone(&self.wal.shared) })
            }
            Err(entry) => Err((gone(&self.wal.shared), entry.item)),
        }
    }
}

/// A queued record; resolves once it is durable and observed, or failed.
#[derive(Debug)]
#[must_use = "a record is acknowledged only by its ticket"]
pub struct Ticket {
    result: oneshot::Receiver<Result<Pointer, AppendError>>,
    shared: Arc<Shared>,
}

impl Future for Ticket {
    type Output = Result<Pointer, AppendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.result).poll(cx) {
            Poll::Ready(Ok(result)) => Poll::Ready(result),
            Poll::Ready(Err(_)) => Poll::Ready(Err(gone(&self.shared))),
            Poll::Pending => Poll::Pending,
        }
    }
}
