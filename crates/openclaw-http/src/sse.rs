//! Server-sent events (HTML Living Standard, section 9.2).

use std::{
    io::Write,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Response, header};
use openclaw_core::{RunEvent, RunEventKind, RunId, port::EventStream};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{app::App, headers, respond::Payload, submit, wire::event::Event};

/// Events that are ready together leave in one write, up to about this many bytes.
const WRITE_BYTES: usize = 64 * 1024;
const PING: &[u8] = b": ping\n\n";

/// A run's events as the body of a response. What is ready leaves at once; nothing waits for more.
pub(crate) struct EventBody {
    events: EventStream,
    run: RunId,
    /// Cancelled when the gateway leaves: runs that do not end in time are given up then.
    stop: CancellationToken,
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
                Poll::Ready(None) => {
                    self.ended = true;
                    if self.stop.is_cancelled() {
                        write_farewell(&mut bytes, self.run);
                    }
                }
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
    // Writing to memory can't fail.
    let _ = writeln!(bytes, "id: {}", event.id);
    write_data(bytes, &event.kind);
}

fn write_data(bytes: &mut Vec<u8>, told: &RunEventKind) {
    bytes.extend_from_slice(b"data: ");
    if let Err(cause) = serde_json::to_writer(&mut *bytes, &Event::from(told)) {
        error!(%cause, "an event could not be written as JSON");
    }
    bytes.extend_from_slice(b"\n\n");
}

/// Tells that the run goes on after the next start. Without an id: whoever resumes does so from the last thing that was said.
fn write_farewell(bytes: &mut Vec<u8>, run: RunId) {
    write_data(bytes, &RunEventKind::Error(submit::shutting_down(run)));
}

/// The response that tells the `events` of `run`.
pub(crate) fn respond(events: EventStream, run: RunId, app: &App) -> Response<Payload> {
    let body = EventBody {
        events,
        run,
        stop: app.stop.clone(),
        ended: false,
        ping_every: app.limits.event_ping,
        quiet_since: Instant::now(),
        ping: None,
    };
    let mut response = Response::new(Payload::Events(Box::new(body)));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, headers::EVENT_STREAM);
    fields.insert(header::CACHE_CONTROL, headers::NO_CACHE);
    // Proxies of the nginx family collect a response before passing it on unless told.
    fields.insert(headers::ACCEL_BUFFERING, headers::NO);
    response
}
