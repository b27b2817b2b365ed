//! The bounded queue between writers and the committer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Semaphore, oneshot};

use super::{AppendError, Pointer};

/// What a record costs of the queue's room beside its payload, so that the room bounds the count too.
const ENTRY_COST: usize = 256;

/// A record that waits to be written.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) payload: Vec<u8>,
    pub(super) item: T,
    pub(super) done: oneshot::Sender<Result<Pointer, AppendError>>,
    /// Its share of the room.
    pub(super) cost: usize,
    /// Whether it may use the space that is kept free.
    pub(super) urgent: bool,
    /// Whether it waits for another to be written with.
    pub(super) patient: bool,
}

#[derive(Debug)]
struct State<T> {
    entries: VecDeque<Entry<T>>,
    /// How many of them are patient.
    patient: usize,
    /// Writers that wait for room, which patient entries may hold.
    crowd: usize,
    /// How many entries the committer waits for.
    wanted: usize,
    /// Who waits for the segment to be sealed.
    seals: Vec<Sealing>,
    closed: bool,
}

/// Tells whoever asked for the segment to be sealed what became of it.
pub(super) type Sealing = oneshot::Sender<Result<(), AppendError>>;

/// What the committer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Records.
    Batch,
    /// The segment is to be sealed, see [`Queue::take_seals`].
    Seal,
    /// Nothing for a while.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

/// See [`Queue::crowded`].
#[derive(Debug)]
pub(super) struct Crowd<'a, T>(&'a Queue<T>);

impl<T> Drop for Crowd<'_, T> {
    fn drop(&mut self) {
        self.0.lock().crowd -= 1;
    }
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    /// Room, in bytes; closed with the queue.
    pub(super) room: Semaphore,
    capacity: usize,
}

impl<T> State<T> {
    fn has_work(&self) -> bool {
        self.entries.len() > self.patient || (self.closed || self.crowd > 0) && !self.entries.is_empty()
    }
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            entries: VecDeque::new(),
            patient: 0,
            crowd: 0,
            wanted: 1,
            seals: Vec::new(),
            closed: false,
        };
        Self { state: Mutex::new(state), filled: Condvar::new(), room: Semaphore::new(capacity), capacity }
    }

    /// The room that a payload takes: at most all of it, so that the largest record fits too.
    pub(super) fn cost(&self, bytes: usize) -> usize {
        (bytes + ENTRY_COST).min(self.capacity)
    }

    /// Queues an entry whose room is taken; hands it back when the queue is closed.
    pub(super) fn push(&self, entry: Entry<T>) -> Result<(), Entry<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(entry);
        }
        let patient = entry.patient;
        state.patient += usize::from(patient);
        state.entries.push_back(entry);
        let enough = state.entries.len() >= state.wanted && (!patient || state.crowd > 0);
        drop(state);
        if enough {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for entries, for at most `idle`, and moves up to `max_bytes` of payload (one entry at least) into `batch`. When
    /// some but fewer than `expected` are there it waits up to `linger` for the others, whose writers are just being woken.
    pub(super) fn take(
        &self,
        batch: &mut Vec<Entry<T>>,
        max_bytes: usize,
        idle: Duration,
        (expected, linger): (usize, Duration),
    ) -> Taken {
        let mut state = self.lock();
        state.wanted = 1;
        let deadline = Instant::now() + idle;
        loop {
            if !state.seals.is_empty() {
                return Taken::Seal;
            }
            if state.has_work() {
                break;
            }
            if state.closed {
                return Taken::Closed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Idle;
            }
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.entries.len() < expected && !state.closed {
            state.wanted = expected;
            let deadline = Instant::now() + linger;
            while state.entries.len() < expected && !state.closed {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let mut bytes = 0;
        while let Some(entry) = state.entries.front() {
            bytes += entry.payload.len();
            if bytes > max_bytes && !batch.is_empty() {
                break;
            }
            let entry = state.entries.pop_front();
            state.patient -= usize::from(entry.as_ref().is_some_and(|entry| entry.patient));
            batch.extend(entry);
        }
        Taken::Batch
    }

    /// Asks for the segment to be sealed. Dropped unanswered when the queue is closed.
    pub(super) fn seal(&self, done: Sealing) {
        let mut state = self.lock();
        if !state.closed {
            state.seals.push(done);
            self.filled.notify_one();
        }
    }

    pub(super) fn take_seals(&self) -> Vec<Sealing> {
        std::mem::take(&mut self.lock().seals)
    }

    /// While this is held no entry is patient: somebody waits for the room that it takes.
    pub(super) fn crowded(&self) -> Crowd<'_, T> {
        self.lock().crowd += 1;
        self.filled.notify_one();
        Crowd(self)
    }

    /// Takes no more entries. Those inside are still to be taken out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.filled.notify_one();
    }

    /// Drops what is inside: the writers learn that nobody will write it.
    pub(super) fn abandon(&self) {
        self.close();
        let mut state = self.lock();
        let left = (std::mem::take(&mut state.entries), std::mem::take(&mut state.seals));
        drop(state);
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
