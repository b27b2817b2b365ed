//! How far events are settled. They are settled in any order; what can be gone on from is the first one that is not.

use std::collections::VecDeque;

/// Discord tells of messages in the order of their making, but for those of different places: what is a little older than the last
/// settled one may still be to come.
const MARGIN: u64 = 60_000 << 22;

/// The events of a session that are not all settled.
#[derive(Debug, Default)]
pub(super) struct Progress {
    slots: VecDeque<Slot>,
    /// The last event before which all are settled.
    seq: u64,
    /// The last message of those.
    until: u64,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    /// The message it tells of; 0: none.
    message: u64,
    /// Things that have to be settled first.
    left: usize,
}

impl Progress {
    /// All up to `seq`, and to the message `until`, is settled.
    pub(super) fn new(seq: u64, until: u64) -> Self {
        Self { slots: VecDeque::new(), seq, until }
    }

    /// An event came, with so many things to settle. One that was there before is none.
    pub(super) fn begin(&mut self, seq: u64, message: u64, left: usize) -> bool {
        if seq <= self.slots.back().map_or(self.seq, |last| last.seq) {
            return false;
        }
        self.slots.push_back(Slot { seq, message, left });
        self.advance();
        true
    }

    /// There is more to settle of an event.
    pub(super) fn more(&mut self, seq: u64, count: usize) {
        if let Some(slot) = self.slot(seq) {
            slot.left += count;
        }
    }

    /// One thing of an event is settled.
    pub(super) fn settle(&mut self, seq: u64) {
        if let Some(slot) = self.slot(seq) {
            slot.left = slot.left.saturating_sub(1);
        }
        self.advance();
    }

    fn slot(&mut self, seq: u64) -> Option<&mut Slot> {
        let at = self.slots.binary_search_by_key(&seq, |slot| slot.seq).ok()?;
        self.slots.get_mut(at)
    }

    fn advance(&mut self) {
        while let Some(done) = self.slots.pop_front_if(|slot| slot.left == 0) {
            self.seq = done.seq;
            self.until = self.until.max(done.message.saturating_sub(MARGIN));
        }
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Everything up to this message is settled.
    pub(super) fn until(&self) -> u64 {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_on_from_is_the_first_that_is_not_settled() {
        let id = |second: u64| (1_000_000_000 + second * 1000) << 22;
        let mut progress = Progress::new(0, 5);
        assert!(progress.begin(1, 0, 0) && progress.begin(2, 0, 1));
        assert!(progress.begin(3, id(0), 1) && progress.begin(4, id(100), 1) && progress.begin(5, 0, 0));
        assert!(!progress.begin(4, id(100), 1));
        progress.settle(4);
        assert_eq!((progress.seq(), progress.until()), (1, 5));
        progress.more(2, 1);
        progress.settle(2);
        assert_eq!(progress.seq(), 1);
        progress.settle(2);
        assert_eq!((progress.seq(), progress.until()), (2, 5));
        progress.settle(3);
        assert_eq!((progress.seq(), progress.until()), (5, id(40)));
        progress.settle(3);
        assert!(!progress.begin(5, 0, 0) && progress.begin(6, 0, 0));
    }
}
