//! The socket itself: frames in and out, each with a deadline.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use openclaw_core::limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

/// Read at a time. The default of the library is 128 KiB for every socket, idle ones too.
const READ_BUFFER: usize = 8 * 1024;
/// Time for the closing handshake.
const CLOSE_TIME: Duration = Duration::from_secs(1);
/// Frames that are ready together leave in one write, at most so many.
const BATCH: usize = 64;

pub(super) struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    write_timeout: Duration,
}

/// What a client sent.
pub(super) enum Received {
    Text(Utf8Bytes),
    Binary,
    /// A ping or a pong: a sign of life.
    Alive,
    /// The client closes; [`Socket::close`] sends the answer, which is queued already.
    Closing,
    /// The client is gone.
    Gone,
    /// It broke a rule, and the socket is to be closed with this code.
    Broken(CloseCode, &'static str),
}

/// The client took nothing for too long, or is gone.
pub(super) struct Unwritable;

impl Socket {
    pub(super) async fn new(upgraded: Upgraded, write_timeout: Duration) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limits::FRAME_BYTES))
            .max_frame_size(Some(limits::FRAME_BYTES));
        let stream =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
        Self { stream, write_timeout }
    }

    /// The next frame. Cancel safe.
    pub(super) async fn receive(&mut self) -> Received {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Binary(_))) => Received::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Alive,
            Some(Ok(Message::Close(_))) => Received::Closing,
            None => Received::Gone,
            Some(Err(Error::Capacity(_))) => Received::Broken(CloseCode::Size, "frames are at most 1 MiB"),
            Some(Err(Error::Utf8(_))) => Received::Broken(CloseCode::Invalid, "text frames are UTF-8"),
            Some(Err(Error::Protocol(_))) => Received::Broken(CloseCode::Protocol, "protocol error"),
            Some(Err(_)) => Received::Gone,
        }
    }

    /// Sends a frame, and with it those that `more` has ready.
    pub(super) async fn send(
        &mut self,
        first: String,
        mut more: impl FnMut() -> Option<String>,
    ) -> Result<(), Unwritable> {
        let batch = async {
            self.stream.feed(Message::text(first)).await?;
            for _ in 1..BATCH {
                let Some(next) = more() else { break };
                self.stream.feed(Message::text(next)).await?;
            }
            self.stream.flush().await
        };
        match timeout(self.write_timeout, batch).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unwritable),
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), Unwritable> {
        let ping = self.stream.send(Message::Ping(Bytes::new()));
        match timeout(self.write_timeout, ping).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unwritable),
        }
    }

    /// Closes with a code, giving the client a moment to read it; a client that closed is answered with its own code.
    pub(super) async fn close(mut self, code: CloseCode, reason: &'static str) {
        let unreadable = matches!(code, CloseCode::Size | CloseCode::Protocol | CloseCode::Invalid);
        let farewell = async {
            // The answer to a client's own close is queued, not sent; after it nothing more can be said.
            self.stream.flush().await?;
            self.stream.close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })).await?;
            if unreadable {
                // What follows can't be told into frames any more, and closing over unread bytes would reset the
                // connection before the client read the reason.
                let io = self.stream.get_mut();
                io.shutdown().await?;
                let mut sink = [0; 4096];
                while io.read(&mut sink).await? > 0 {}
            } else {
                while self.stream.next().await.is_some_and(|frame| frame.is_ok()) {}
            }
            Ok::<_, Error>(())
        };
        // The socket is dropped whatever comes of the farewell.
        let _ = timeout(CLOSE_TIME, farewell).await;
    }
}
