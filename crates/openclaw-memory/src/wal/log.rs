//! The log as its owner sees it.

use std::{
    marker::PhantomData,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use openclaw_core::Lsn;

use super::{
    AppendError, ChangeError, LogHealth, Observer, OpenError, Pointer, Record, Recovery, ReplayFrom,
    WalOptions,
};
use crate::fs::Fs;

/// An open write-ahead log. `T` is what a writer hands to the [`Observer`] along with its record.
///
/// One thread, named `wal-commit`, owns all writing. Dropping the log commits what is queued and joins that thread, which
/// blocks; call [`Wal::close`] first where that matters. Reading goes through [`Wal::reader`].
#[derive(Debug)]
pub struct Wal<T: Send + 'static> {
    _item: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Wal<T> {
    /// Opens the log in `dir`, creating it when there is none: finds its end, cuts what a crash left unfinished, makes sure
    /// that what it shows is durable, then visits the records that `replay` asks for, in order. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`]. Damaged records are no error: they are in the report.
    pub fn open(
        _fs: Arc<dyn Fs>,
        _dir: &Path,
        _options: WalOptions,
        _replay: ReplayFrom,
        _visit: &mut dyn FnMut(Record<'_>),
        _observer: Observer<T>,
    ) -> Result<(Self, Recovery), OpenError> {
        todo!()
    }

    /// Appends a record; when this returns `Ok` it is durable and the observer has seen it. Waits for room in the queue.
    /// Cancel safe in this sense: a dropped call has appended the record as a whole or not at all.
    ///
    /// A record whose append was awaited before this call is never missing while this one is there.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append(&self, payload: Vec<u8>, item: T) -> Result<Pointer, AppendError> {
        self.reserve(payload.len()).await?.append(payload, item).await
    }

    /// Waits for room for a payload of up to `bytes`. With the slot in hand the record can be queued without waiting, for
    /// instance under a lock that fixes the order of two records.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn reserve(&self, _bytes: usize) -> Result<Slot<'_, T>, AppendError> {
        todo!()
    }

    /// Reads and scans; cheap to clone, shared by threads, useful even after the log was poisoned or closed.
    #[must_use]
    pub fn reader(&self) -> super::Reader {
        todo!()
    }

    /// Overwrites records in place, so that nothing of their payloads is left in the files, and syncs. Lengths and Lsns stay.
    /// Records already erased or no longer in the log are passed over. Blocks.
    ///
    /// Not atomic: log the intent first, and call this again at replay. It finishes what a crash left half done.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn erase(&self, _records: &[Pointer]) -> Result<(), ChangeError> {
        todo!()
    }

    /// Removes the sealed segments all of whose records come before `lsn`; returns their records and bytes. The Lsns count on.
    /// Once the first is gone a crash loses no more than asked: the next start finishes. Blocks.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn drop_before(&self, _lsn: Lsn) -> Result<(u64, u64), ChangeError> {
        todo!()
    }

    /// Whether appends can succeed. Cheap.
    #[must_use]
    pub fn health(&self) -> LogHealth {
        todo!()
    }

    /// Commits what is queued, cuts preallocated space off and ends the committer's thread. Later appends fail; reads go on.
    /// Calling it again is fine.
    pub async fn close(&self) {
        todo!()
    }
}

/// Room in the queue for one record.
#[derive(Debug)]
pub struct Slot<'a, T: Send + 'static> {
    _wal: &'a Wal<T>,
}

impl<T: Send + 'static> Slot<'_, T> {
    /// Queues the record. It is written even if the ticket is dropped.
    pub fn append(self, _payload: Vec<u8>, _item: T) -> Ticket {
        todo!()
    }
}

/// A queued record; resolves once it is durable and observed, or failed.
#[derive(Debug)]
#[must_use = "a record is acknowledged only by its ticket"]
pub struct Ticket {
    _result: (),
}

impl Future for Ticket {
    type Output = Result<Pointer, AppendError>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
    }
}
