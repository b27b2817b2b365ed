//! Who comes after whom: one chain of places per conversation, bounded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_core::{ConversationId, RunId};
use tokio::sync::oneshot;

use super::limits::{HELD_BYTES, RUNNING, WAITING, WAITING_PER_CONVERSATION};

/// The order of everything that was submitted.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: Option<RunId>,
    tails: HashMap<ConversationId, Tail>,
    active: usize,
    waiting: usize,
    bytes: usize,
    closed: bool,
}

/// The last place of a conversation's chain.
#[derive(Debug)]
struct Tail {
    accepted: oneshot::Receiver<()>,
    done: oneshot::Receiver<()>,
    places: usize,
}

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Nothing is taken in any more.
    Closed,
    /// So many wait already.
    Full(usize),
}

/// A place in a conversation's chain. It must be left through [`Place::leave`], so that a place that is given up early does
/// not let its successor overtake its predecessor.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    pub(crate) run: RunId,
    pub(crate) conversation: ConversationId,
    bytes: usize,
    waiting: bool,
    before: Option<Before>,
    accepted: Option<oneshot::Sender<()>>,
    /// Dropped with the place: that is the signal.
    _done: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Before {
    accepted: oneshot::Receiver<()>,
    done: oneshot::Receiver<()>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counters and chains change together under one guard, without a panic in between.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs that wait or are under way.
    pub(crate) fn active(&self) -> usize {
        self.lock().active
    }

    /// Gives no place any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// A place for a new message at the end of its conversation. The order of these calls is the order of the runs, and of
    /// their ids.
    pub(crate) fn submit(
        self: &Arc<Self>,
        conversation: Option<ConversationId>,
        bytes: usize,
    ) -> Result<Place, Refused> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(Refused::Closed);
        }
        let here = conversation.as_ref().and_then(|id| inner.tails.get(id)).map_or(0, |tail| tail.places);
        let full = inner.active >= RUNNING + WAITING || inner.waiting >= WAITING;
        if full || here > WAITING_PER_CONVERSATION || inner.bytes.saturating_add(bytes) > HELD_BYTES {
            return Err(Refused::Full(inner.waiting));
        }
        let run = inner.next_id();
        let conversation = conversation.unwrap_or_else(|| run.new_conversation_id());
        Ok(self.take(inner, run, conversation, bytes))
    }

    /// A place for a run of an earlier process: it was accepted, so no bound keeps it out.
    pub(crate) fn resume(self: &Arc<Self>, run: RunId, conversation: ConversationId, bytes: usize) -> Place {
        let mut inner = self.lock();
        inner.last = inner.last.max(Some(run));
        self.take(inner, run, conversation, bytes)
    }

    /// A place at the end of a conversation for something that is no run.
    pub(crate) fn after_all(self: &Arc<Self>, conversation: ConversationId) -> Place {
        let mut inner = self.lock();
        let run = inner.next_id();
        self.take(inner, run, conversation, 0)
    }

    fn take(
        self: &Arc<Self>,
        mut inner: MutexGuard<'_, Inner>,
        run: RunId,
        conversation: ConversationId,
        bytes: usize,
    ) -> Place {
        let (accepted_tx, accepted) = oneshot::channel();
        let (done_tx, done) = oneshot::channel();
        let earlier = inner.tails.remove(&conversation);
        let places = earlier.as_ref().map_or(0, |tail| tail.places) + 1;
        inner.tails.insert(conversation.clone(), Tail { accepted, done, places });
        inner.active += 1;
        inner.waiting += 1;
        inner.bytes = inner.bytes.saturating_add(bytes);
        drop(inner);
        Place {
            queue: Arc::clone(self),
            run,
            conversation,
            bytes,
            waiting: true,
            before: earlier.map(|tail| Before { accepted: tail.accepted, done: tail.done }),
            accepted: Some(accepted_tx),
            _done: done_tx,
        }
    }
}

impl Inner {
    /// Ids grow strictly, also within a millisecond and when the clock steps back.
    fn next_id(&mut self) -> RunId {
        let fresh = RunId::generate();
        let id = match self.last {
            Some(last) if fresh <= last => {
                RunId::from_bytes(u128::from_be_bytes(last.to_bytes()).saturating_add(1).to_be_bytes())
            }
            _ => fresh,
        };
        self.last = Some(id);
        id
    }
}

impl Place {
    /// Waits until everything before this place is in the log, so that the log has the same order.
    pub(crate) async fn before_accepted(&mut self) {
        if let Some(before) = &mut self.before {
            // An error means that the other side is gone, which says the same.
            let _ = (&mut before.accepted).await;
        }
    }

    /// Lets the next place's message into the log.
    pub(crate) fn set_accepted(&mut self) {
        if let Some(accepted) = self.accepted.take() {
            // Nobody may be behind.
            let _ = accepted.send(());
        }
    }

    /// Whether nothing was before this place when it was taken, or all of it is known to be done.
    pub(crate) fn is_next(&self) -> bool {
        self.before.is_none()
    }

    /// Waits until everything before this place is done. May be dropped and called again.
    pub(crate) async fn turn(&mut self) {
        if let Some(before) = &mut self.before {
            let _ = (&mut before.done).await;
            self.before = None;
        }
    }

    /// This place waits no longer: its run begins, or will never.
    pub(crate) fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.queue.lock().waiting -= 1;
        }
    }

    /// Leaves, once everything before is done.
    pub(crate) async fn leave(mut self) {
        self.set_accepted();
        self.stop_waiting();
        self.turn().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop_waiting();
        let mut inner = self.queue.lock();
        inner.active -= 1;
        inner.bytes = inner.bytes.saturating_sub(self.bytes);
        if let Some(tail) = inner.tails.get_mut(&self.conversation) {
            tail.places -= 1;
            if tail.places == 0 {
                inner.tails.remove(&self.conversation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> ConversationId {
        "c".parse().unwrap()
    }

    #[tokio::test]
    async fn a_place_that_is_left_early_does_not_let_its_successor_overtake() {
        let queue = Arc::new(Queue::default());
        let first = queue.submit(Some(conversation()), 0).unwrap();
        let second = queue.submit(Some(conversation()), 0).unwrap();
        let mut third = queue.submit(Some(conversation()), 0).unwrap();
        assert!(first.run < second.run && second.run < third.run);
        let leaving = second.leave();
        tokio::pin!(leaving);
        assert!(futures_util::poll!(leaving.as_mut()).is_pending());
        {
            let turn = third.turn();
            tokio::pin!(turn);
            assert!(futures_util::poll!(turn.as_mut()).is_pending());
        }
        drop(first);
        leaving.await;
        third.turn().await;
        drop(third);
        assert_eq!(queue.active(), 0);
        assert!(queue.lock().tails.is_empty());
    }

    #[tokio::test]
    async fn bounds_hold_and_places_come_back() {
        let queue = Arc::new(Queue::default());
        let mut places = Vec::new();
        for _ in 0..=WAITING_PER_CONVERSATION {
            places.push(queue.submit(Some(conversation()), 0).unwrap());
        }
        let full = queue.submit(Some(conversation()), 0).unwrap_err();
        assert_eq!(full, Refused::Full(WAITING_PER_CONVERSATION + 1));
        while places.len() < WAITING {
            places.push(queue.submit(None, 0).unwrap());
        }
        assert_eq!(queue.submit(None, 0).unwrap_err(), Refused::Full(WAITING));
        places.clear();
        assert!(queue.submit(None, HELD_BYTES + 1).is_err());
        let big = queue.submit(None, HELD_BYTES).unwrap();
        assert!(queue.submit(None, 1).is_err());
        drop(big);
        queue.close();
        assert_eq!(queue.submit(None, 0).unwrap_err(), Refused::Closed);
    }
}
