//! Locks that are held for a moment, and never across an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock. A panic of somebody who held it leaves nothing half-done here: what is guarded is changed in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
