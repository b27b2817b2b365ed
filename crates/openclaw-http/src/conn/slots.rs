//! How many connections there are, and whose turn it is to go when there are too many.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::phase::Phase;
use crate::Limits;

/// Connections that are told at the same time that there is no room; further ones are closed without a word.
const REFUSALS: usize = 64;

#[derive(Default)]
pub(crate) struct Slots {
    table: Mutex<Table>,
    refusals: AtomicUsize,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Arc<Phase>>,
}

pub(crate) enum Admission {
    Granted(Slot),
    Refused(Option<RefusalTurn>),
}

/// A place among the connections; dropping it gives it back.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    pub(crate) phase: Arc<Phase>,
}

/// A place among those being refused.
pub(crate) struct RefusalTurn(Arc<Slots>);

impl Slots {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> usize {
        self.table().open.len()
    }

    pub(crate) fn admit(self: &Arc<Self>, limits: &Limits) -> Admission {
        let mut table = self.table();
        if table.open.len() >= limits.connections && !table.reclaim(limits) {
            drop(table);
            return Admission::Refused(self.refusal_turn());
        }
        let number = table.next;
        table.next += 1;
        let phase = Arc::new(Phase::new(limits));
        table.open.insert(number, phase.clone());
        Admission::Granted(Slot { slots: self.clone(), number, phase })
    }

    fn refusal_turn(self: &Arc<Self>) -> Option<RefusalTurn> {
        if self.refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS {
            return Some(RefusalTurn(self.clone()));
        }
        self.refusals.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Table {
    /// Closes the connection that has idled longest, if any has idled long enough. It stops counting at once.
    fn reclaim(&mut self, limits: &Limits) -> bool {
        let idle = self.open.iter().filter_map(|(number, phase)| Some((phase.idle_for()?, *number)));
        let Some((_, number)) = idle.filter(|(idle, _)| *idle >= limits.reclaim_after).max() else {
            return false;
        };
        if let Some(phase) = self.open.remove(&number) {
            phase.reclaim();
        }
        true
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.table().open.remove(&self.number);
    }
}

impl Drop for RefusalTurn {
    fn drop(&mut self) {
        self.0.refusals.fetch_sub(1, Ordering::Relaxed);
    }
}
