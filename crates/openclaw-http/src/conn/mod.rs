//! One connection: hyper, a watchdog over its time-outs, and its end.

mod farewell;
mod io;
mod phase;
mod slots;

use std::{
    convert::Infallible, future::poll_fn, net::IpAddr, pin::pin, sync::Arc, task::Poll, time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
pub(crate) use slots::{Admission, RefusalTurn, Slot, Slots};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use self::io::WatchedStream;
pub(crate) use self::phase::Phase;
use crate::{Limits, app::App, handle};

/// How long a refused client gets to read the refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// A moment far away, for a timer that waits for nothing yet.
const FAR: Duration = Duration::from_secs(86_400);

/// What a request handler knows of its connection.
pub(crate) struct ConnContext {
    pub(crate) app: Arc<App>,
    pub(crate) peer: IpAddr,
    pub(crate) slot: Arc<Slot>,
}

/// Serves one connection to its end.
pub(crate) async fn serve(app: Arc<App>, slot: Slot, stream: TcpStream, peer: IpAddr) {
    let phase = slot.phase.clone();
    let io = TokioIo::new(WatchedStream::new(stream, phase.clone()));
    let context = Arc::new(ConnContext { app: app.clone(), peer, slot: Arc::new(slot) });
    let service = service_fn(move |request| {
        let context = context.clone();
        async move { Ok::<_, Infallible>(handle::handle(context, request).await) }
    });
    // No `pipeline_flush`: it keeps answers back while bytes of a next request are there, even if those are half a request,
    // or none.
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(Limits::HEADERS)
        .max_buf_size(Limits::HEAD_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut stop = pin!(app.stop.cancelled());
    let mut armed = Instant::now() + FAR;
    let mut timer = pin!(sleep_until(armed));
    let mut draining_until = None;

    // An error of the connection (reset, bad syntax) is the client's affair; hyper has answered what can be answered.
    poll_fn(|cx| {
        phase.register(cx.waker());
        if draining_until.is_none() && stop.as_mut().poll(cx).is_ready() {
            draining_until = Some(Instant::now() + app.drain);
            connection.as_mut().graceful_shutdown();
        }
        if connection.as_mut().poll(cx).is_ready() || phase.is_reclaimed() {
            return Poll::Ready(());
        }
        loop {
            let due = [phase.deadline(), draining_until].into_iter().flatten().min();
            let due = due.unwrap_or_else(|| Instant::now() + FAR);
            // A later deadline leaves the timer where it is: when it rings, it is set anew.
            if due < armed {
                armed = due;
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if due <= now {
                return Poll::Ready(());
            }
            armed = now + FAR;
        }
    })
    .await;
}

/// Tells a client that there is no room, and closes.
pub(crate) async fn refuse(mut stream: TcpStream, turn: RefusalTurn) {
    let body = concat!(
        r#"{"error":"service_unavailable","message":"Too many connections are open; try again in a moment","#,
        r#""status":503,"details":{"reason":"too_many_connections"}}"#
    );
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\nretry-after: 1\r\nx-request-id: {}\r\n\r\n{body}",
        body.len(),
        crate::request_id::fresh_text(),
    );
    // Closing with unread bytes resets the connection, and the answer would be lost: read a little on.
    let farewell = async {
        stream.write_all(response.as_bytes()).await?;
        stream.shutdown().await?;
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether the client read it makes no difference.
    let _ = timeout(REFUSAL_TIME, farewell).await;
    drop(turn);
}
