//! Whose turn it is to change the Markdown: a compaction's, or a removal's. A removal never waits for a model: the compaction makes
//! way, and does its part again afterwards, without what was removed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
struct State {
    /// Somebody has the turn.
    busy: bool,
    /// Removals that wait for it.
    removals: usize,
    /// Stops the part that is being compacted.
    part: Option<CancellationToken>,
    /// A compaction is under way.
    compacting: bool,
    closed: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

/// The turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

/// A compaction under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Underway<'a>(&'a Turns);

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        hold: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, |state| hold(state)).unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of a removal. To be taken before the maintenance is.
    pub(super) fn removal(&self) -> Turn<'_> {
        let mut state = self.lock();
        state.removals += 1;
        if let Some(part) = &state.part {
            part.cancel();
        }
        let mut state = self.wait(state, |state| state.busy);
        state.removals -= 1;
        state.busy = true;
        Turn(self)
    }

    /// The turn of a part of a compaction, and what tells it to make way. `None`: there is to be no more compacting.
    pub(super) fn part(&self) -> Option<(Turn<'_>, CancellationToken)> {
        let mut state = self.wait(self.lock(), |state| !state.closed && (state.busy || state.removals > 0));
        if state.closed {
            return None;
        }
        let cancel = CancellationToken::new();
        (state.busy, state.part) = (true, Some(cancel.clone()));
        Some((Turn(self), cancel))
    }

    /// Begins a compaction; `None`: there is one, or is to be no more.
    pub(super) fn begin(&self) -> Option<Underway<'_>> {
        let mut state = self.lock();
        if state.compacting || state.closed {
            return None;
        }
        state.compacting = true;
        Some(Underway(self))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Stops the compaction under way, and lets no other begin.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        if let Some(part) = &state.part {
            part.cancel();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the end of the compaction under way.
    pub(super) fn ended(&self) {
        drop(self.wait(self.lock(), |state| state.compacting));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.busy, state.part) = (false, None);
        drop(state);
        self.0.changed.notify_all();
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.lock().compacting = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_makes_way_for_a_removal_and_waits_for_it() {
        let turns = Turns::default();
        let underway = turns.begin().unwrap();
        assert!(turns.begin().is_none());
        let (turn, cancel) = turns.part().unwrap();
        std::thread::scope(|scope| {
            let removal = scope.spawn(|| {
                let turn = turns.removal();
                assert!(turns.lock().busy);
                drop(turn);
            });
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            drop(turn);
            removal.join().unwrap();
        });
        let (turn, cancel) = turns.part().unwrap();
        turns.close();
        assert!(cancel.is_cancelled());
        drop((turn, underway));
        turns.ended();
        assert!(turns.part().is_none() && turns.begin().is_none() && turns.is_closed());
    }
}
