//! A response body that goes wrong on purpose.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::reply::Fault;

/// Pieces in order, with a pause between them, up to a fault.
pub(super) struct ScriptedBody {
    pieces: VecDeque<Bytes>,
    given: usize,
    fault: Fault,
    delay: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    flushed: bool,
}

impl ScriptedBody {
    pub(super) fn new(pieces: VecDeque<Bytes>, fault: Fault, delay: Duration) -> Self {
        Self { pieces, given: 0, fault, delay, pause: None, flushed: false }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.fault {
            // Nothing wakes this up but the end of the server.
            Fault::HangAfter(pieces) if pieces == self.given => return Poll::Pending,
            Fault::CutAfter(pieces) if pieces == self.given => {
                // An error drops what hyper has not yet written, and it writes when a body has nothing ready.
                if !std::mem::replace(&mut self.flushed, true) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(Some(Err(io::Error::other("cut by the script"))));
            }
            _ => {}
        }
        if !self.delay.is_zero() && self.given > 0 && !self.pieces.is_empty() {
            let delay = self.delay;
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(delay)));
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        self.given += 1;
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
