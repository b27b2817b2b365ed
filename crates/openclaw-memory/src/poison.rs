//! Whether the log takes writes: one state, set by the committer, asked by everyone.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

const WRITABLE: u8 = 0;
const FULL: u8 = 1;
const POISONED: u8 = 2;
const CLOSED: u8 = 3;

/// The state with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Writes are taken.
    Writable,
    /// No space; passes by itself.
    Full(Arc<str>),
    /// Refused until reopened.
    Poisoned(Arc<str>),
    /// Shut down.
    Closed,
}

/// The state, cheap to ask: one atomic load while all is well.
#[derive(Debug)]
pub(crate) struct Poison {
    kind: AtomicU8,
    reason: Mutex<Arc<str>>,
}

impl Default for Poison {
    fn default() -> Self {
        Self { kind: AtomicU8::new(WRITABLE), reason: Mutex::new("".into()) }
    }
}

impl Poison {
    /// What holds now.
    pub(crate) fn state(&self) -> State {
        if self.kind.load(Ordering::Acquire) == WRITABLE {
            return State::Writable;
        }
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        match self.kind.load(Ordering::Acquire) {
            WRITABLE => State::Writable,
            FULL => State::Full(Arc::clone(&reason)),
            POISONED => State::Poisoned(Arc::clone(&reason)),
            _ => State::Closed,
        }
    }

    /// No space. Does not hide a poisoning.
    pub(crate) fn full(&self, reason: Arc<str>) {
        self.change(FULL, reason, |now| now == WRITABLE || now == FULL);
    }

    /// There is space again.
    pub(crate) fn cleared(&self) {
        self.change(WRITABLE, "".into(), |now| now == FULL);
    }

    /// Refused from now on. The first reason stays: later ones follow from it.
    pub(crate) fn poison(&self, reason: Arc<str>) {
        self.change(POISONED, reason, |now| now != POISONED);
    }

    /// Shut down. A poisoning stays visible.
    pub(crate) fn close(&self) {
        self.change(CLOSED, "".into(), |now| now != POISONED);
    }

    fn change(&self, to: u8, reason: Arc<str>, from: impl FnOnce(u8) -> bool) {
        let mut held = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if from(self.kind.load(Ordering::Acquire)) {
            *held = reason;
            self.kind.store(to, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fullness_passes_and_poison_stays() {
        let poison = Poison::default();
        assert_eq!(poison.state(), State::Writable);
        poison.full("disk".into());
        assert_eq!(poison.state(), State::Full("disk".into()));
        poison.cleared();
        assert_eq!(poison.state(), State::Writable);
        poison.poison("fsync".into());
        poison.poison("later".into());
        poison.full("disk".into());
        poison.cleared();
        poison.close();
        assert_eq!(poison.state(), State::Poisoned("fsync".into()));
    }
}
