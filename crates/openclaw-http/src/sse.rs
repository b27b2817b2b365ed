//! Server-sent events (HTML Living Standard, section 9.2).

use std::{
    io::Write,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Response, header};
use openclaw_core::{RunEvent, port::EventStream};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::error;

use crate::{headers, respond::Payload, wire::event::Event};

/// Events that are ready together leave in one write, up to about this many bytes.
const WRITE_BYTES: usize = 64 * 1024;
const PING: &[u8] = b": ping\n\n";

/// A run's events as the body of a response. What is ready leaves at once; nothing waits for more.
pub(crate) struct EventBody {
    events: EventStream,
    ended: bool,
    ping_every: Duration,
    quiet_since: Instant,
    ping: Option<Pin<Box<Sleep>>>,
}

impl EventBody {
    /// The next bytes to write; `None` after the last event.
    pub(crate) fn poll_next_write(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut bytes = Vec::new();
        while !self.ended && bytes.len() < WRITE_BYTES {
            match self.events.as_mut().poll_next(cx) {
                Poll::Ready(Some(event)) => {
                    self.ended = event.kind.is_last();
                    write_event(&mut bytes, &event);
                }
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => break,
            }
        }
        if !bytes.is_empty() {
            self.quiet_since = Instant::now();
            return Poll::Ready(Some(bytes.into()));
        }
        if self.ended { Poll::Ready(None) } else { self.poll_ping(cx) }
    }

    /// The timer is made on the first wait and moved only when it rings: most streams never wait that long.
    fn poll_ping(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let ping = self.ping.get_or_insert_with(|| Box::pin(sleep_until(self.quiet_since + self.ping_every)));
        loop {
            if ping.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let quiet = now.duration_since(self.quiet_since) >= self.ping_every;
            if quiet {
                self.quiet_since = now;
            }
            ping.as_mut().reset(self.quiet_since + self.ping_every);
            if quiet {
                return Poll::Ready(Some(Bytes::from_static(PING)));
            }
        }
    }
}

fn write_event(bytes: &mut Vec<u8>, event: &RunEvent) {
    let written = write!(bytes, "id: {}\ndata: ", event.id)
        .map_err(serde_json::Error::io)
        .and_then(|()| serde_json::to_writer(&mut *bytes, &Event::from(&event.kind)));
    if let Err(cause) = written {
        error!(%cause, "an event could not be written as JSON");
    }
    bytes.extend_from_slice(b"\n\n");
}

/// The response that tells `events`.
pub(crate) fn respond(events: EventStream, ping_every: Duration) -> Response<Payload> {
    let body = EventBody { events, ended: false, ping_every, quiet_since: Instant::now(), ping: None };
    let mut response = Response::new(Payload::Events(Box::new(body)));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, headers::EVENT_STREAM);
    fields.insert(header::CACHE_CONTROL, headers::NO_CACHE);
    // Proxies of the nginx family collect a response before passing it on unless told.
    fields.insert(headers::ACCEL_BUFFERING, headers::NO);
    response
}
