//! The events of one run: written once, read by any number of readers, each from where it likes.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    vec,
};

use futures_core::Stream;
use openclaw_core::{EventId, RunEvent, RunEventKind, port::EventStream};

/// Events a reader takes along per look at the log.
const BATCH: usize = 64;

/// An append-only list of events. The writer never waits for a reader: a reader that lags finds the events still here.
#[derive(Debug)]
pub(crate) struct EventLog {
    attempt: u32,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    items: Vec<Item>,
    /// The text of all tokens: an answer is many of them, and often nobody reads them one by one.
    text: String,
    position: u64,
    /// Nothing follows: the last event is there, or the process gave the run up.
    closed: bool,
    /// Readers that saw everything and wait for more, each at most once.
    waiting: Vec<(u64, Waker)>,
    /// Those that wait for the end alone: no event before it wakes them.
    waiting_for_end: Vec<(u64, Waker)>,
    readers: u64,
}

/// An event, with the position after it.
#[derive(Debug)]
struct Item {
    position: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A token: where its text lies in [`Inner::text`].
    Token {
        begin: usize,
        end: usize,
    },
    Event(Arc<RunEvent>),
}

impl Item {
    /// Whether a reader that went on from `after` has seen this for certain. What adds no unit has the position of what comes
    /// before it, so that nobody can tell: it is told again.
    fn is_before(&self, after: u64) -> bool {
        let is_unnumbered = matches!(&self.what, What::Event(event) if event.kind.units() == 0);
        self.position < after || (self.position == after && !is_unnumbered)
    }
}

impl Inner {
    fn event(&self, attempt: u32, item: &Item) -> Arc<RunEvent> {
        match &item.what {
            What::Event(event) => Arc::clone(event),
            What::Token { begin, end } => {
                let text = self.text.get(*begin..*end).unwrap_or_default().to_owned();
                let id = EventId { attempt, position: item.position };
                Arc::new(RunEvent { id, kind: RunEventKind::Token(text) })
            }
        }
    }

    fn last(&self) -> Option<&Arc<RunEvent>> {
        match &self.items.last()?.what {
            What::Event(event) if event.kind.is_last() => Some(event),
            _ => None,
        }
    }
}

impl EventLog {
    pub(crate) fn new(attempt: u32) -> Arc<Self> {
        Arc::new(Self { attempt, inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is complete when the guard goes: a panic can't leave the list half-written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event and wakes the readers that wait. After the last event nothing is appended any more.
    pub(crate) fn push(&self, kind: RunEventKind) {
        let is_last = kind.is_last();
        let (waiting, for_end) = {
            let mut inner = self.lock();
            if inner.closed {
                return;
            }
            inner.position += kind.units();
            let position = inner.position;
            let what = if let RunEventKind::Token(text) = &kind {
                let begin = inner.text.len();
                inner.text.push_str(text);
                What::Token { begin, end: inner.text.len() }
            } else {
                What::Event(Arc::new(RunEvent { id: EventId { attempt: self.attempt, position }, kind }))
            };
            inner.items.push(Item { position, what });
            inner.closed = is_last;
            let for_end = if is_last { std::mem::take(&mut inner.waiting_for_end) } else { Vec::new() };
            (std::mem::take(&mut inner.waiting), for_end)
        };
        wake(waiting);
        wake(for_end);
    }

    /// Ends the log without a last event: the run goes on after the next start of the process.
    pub(crate) fn close(&self) {
        let (waiting, for_end) = {
            let mut inner = self.lock();
            inner.closed = true;
            (std::mem::take(&mut inner.waiting), std::mem::take(&mut inner.waiting_for_end))
        };
        wake(waiting);
        wake(for_end);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Bytes of text and other units told so far.
    pub(crate) fn position(&self) -> u64 {
        self.lock().position
    }

    /// The last event, once it is there.
    pub(crate) fn last(&self) -> Option<Arc<RunEvent>> {
        self.lock().last().cloned()
    }

    /// The text told since the last event that is none.
    pub(crate) fn spoken(&self) -> String {
        let inner = self.lock();
        let tokens = inner.items.iter().rev().map_while(|item| match item.what {
            What::Token { begin, .. } => Some(begin),
            What::Event(_) => None,
        });
        let begin = tokens.last().unwrap_or(inner.text.len());
        inner.text.get(begin..).unwrap_or_default().to_owned()
    }

    /// Waits until nothing follows any more; no event before wakes the waiting task.
    pub(crate) async fn closed(self: &Arc<Self>) {
        let reader = self.reader_at(usize::MAX, 0);
        std::future::poll_fn(|cx| {
            let mut inner = self.lock();
            if inner.closed {
                return Poll::Ready(());
            }
            wait(&mut inner.waiting_for_end, reader.id, cx);
            Poll::Pending
        })
        .await;
    }

    fn reader_at(self: &Arc<Self>, next: usize, after: u64) -> Reader {
        let mut inner = self.lock();
        inner.readers += 1;
        let id = inner.readers;
        drop(inner);
        Reader { log: Arc::clone(self), id, next, after, batch: Vec::new().into_iter() }
    }

    /// The events after `after`. A position of another attempt means nothing here: everything is told. A position inside a
    /// token continues inside it; one inside a character continues with that character; one beyond the end gets the last
    /// event alone.
    pub(crate) fn follow(self: &Arc<Self>, after: Option<EventId>) -> EventStream {
        let after = after.filter(|id| id.attempt == self.attempt).map_or(0, |id| id.position);
        let next = self.lock().items.partition_point(|item| item.is_before(after));
        // A position beyond what is there still gets the last event, should that be the end already.
        let next = if after > 0 && self.last().is_some_and(|last| last.id.position < after) {
            self.len().saturating_sub(1)
        } else {
            next
        };
        Box::pin(self.reader_at(next, after))
    }
}

fn wait(waiting: &mut Vec<(u64, Waker)>, reader: u64, cx: &Context<'_>) {
    match waiting.iter_mut().find(|(id, _)| *id == reader) {
        Some((_, waker)) => waker.clone_from(cx.waker()),
        None => waiting.push((reader, cx.waker().clone())),
    }
}

fn wake(waiting: Vec<(u64, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

struct Reader {
    log: Arc<EventLog>,
    id: u64,
    next: usize,
    after: u64,
    batch: vec::IntoIter<Arc<RunEvent>>,
}

impl Reader {
    /// The event, or what of it lies after the reader's position.
    fn trim(&self, event: Arc<RunEvent>) -> Option<Arc<RunEvent>> {
        let end = event.id.position;
        if self.after == 0 {
            return Some(event);
        }
        if end <= self.after {
            let beyond = event.kind.is_last() && end < self.after;
            let unnumbered = event.kind.units() == 0 && end == self.after;
            return (beyond || unnumbered).then_some(event);
        }
        let begin = end.saturating_sub(event.kind.units());
        match &event.kind {
            RunEventKind::Token(text) if begin < self.after => {
                let offset = usize::try_from(self.after - begin).unwrap_or(usize::MAX);
                let rest = text.get(text.floor_char_boundary(offset)..).unwrap_or_default().to_owned();
                Some(Arc::new(RunEvent { id: event.id, kind: RunEventKind::Token(rest) }))
            }
            _ => Some(event),
        }
    }
}

impl Stream for Reader {
    type Item = Arc<RunEvent>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            while let Some(event) = this.batch.next() {
                if let Some(event) = this.trim(event) {
                    return Poll::Ready(Some(event));
                }
            }
            let mut inner = this.log.lock();
            let single = match inner.items.get(this.next..).unwrap_or_default() {
                [] => {
                    if inner.closed {
                        return Poll::Ready(None);
                    }
                    wait(&mut inner.waiting, this.id, cx);
                    return Poll::Pending;
                }
                // A reader that keeps up: the usual case.
                [item] => inner.event(this.log.attempt, item),
                fresh => {
                    let fresh = fresh.iter().take(BATCH).map(|item| inner.event(this.log.attempt, item));
                    let batch: Vec<_> = fresh.collect();
                    this.next += batch.len();
                    drop(inner);
                    this.batch = batch.into_iter();
                    continue;
                }
            };
            this.next += 1;
            drop(inner);
            if let Some(event) = this.trim(single) {
                return Poll::Ready(Some(event));
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut inner = self.log.lock();
        inner.waiting.retain(|(id, _)| *id != self.id);
        inner.waiting_for_end.retain(|(id, _)| *id != self.id);
    }
}
