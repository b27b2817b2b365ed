//! Bodies on their way through.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::period::{Attempt, Way};

/// What a client gets: words of the proxy, or what a server says.
pub(super) type ProxyBody = Either<Full<Bytes>, Counted>;

/// A body whose bytes count for an attempt, which lasts as long as the body does.
pub(super) struct Counted {
    body: Incoming,
    attempt: Arc<Attempt>,
    way: Way,
}

impl Counted {
    pub(super) fn new(body: Incoming, attempt: Arc<Attempt>, way: Way) -> Self {
        Self { body, attempt, way }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        Poll::Ready(Some(self.attempt.moves(self.way, bytes).map(|()| frame).map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
