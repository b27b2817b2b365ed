//! WebSockets, with a watch on the other side.

use std::{fmt, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use tokio::time::{Instant, Interval, MissedTickBehavior, timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::{Net, NetError, stream::Stream};
use crate::error::ConnectError;

/// Longest wait for a connection, TLS and the upgrade together.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for what the other side says first.
const HELLO: Duration = Duration::from_secs(10);
/// Largest message, in bytes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Time between two pings. RFC 6455, section 5.5.2: the other side has to answer each.
const PING: Duration = Duration::from_secs(3);
/// A connection on which nothing comes for so long is dead.
const SILENCE: Duration = Duration::from_secs(12);
/// Longest wait for room to send.
const SEND: Duration = Duration::from_secs(10);

/// A WebSocket. It pings every three seconds, and ends with an error when nothing has come for twelve.
pub struct Socket {
    stream: WebSocketStream<Stream>,
    host: String,
    ping: Interval,
    heard: Instant,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What came over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A sign of life and nothing else.
    Pong,
    /// The other side closes, with this code and reason.
    Close(u16, String),
}

impl Net {
    /// Connects to a `ws://` or `wss://` address.
    ///
    /// # Errors
    /// When it can't be reached within ten seconds, or does not speak WebSocket.
    pub async fn socket(&self, url: &str) -> Result<Socket, NetError> {
        let not_sent = |reason: String| NetError::NotSent { reason };
        let parsed = Url::parse(url).map_err(|_| not_sent("the WebSocket address is not one".to_owned()))?;
        let host = parsed.host_str().unwrap_or_default().to_owned();
        let port = parsed.port_or_known_default().unwrap_or(443);
        let secure = matches!(parsed.scheme(), "wss" | "https");
        let connecting = async {
            let io = self.stream(&host, port, secure).await?;
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES))
                .max_frame_size(Some(MESSAGE_BYTES));
            let shaken = client_async_with_config(url, io, Some(config)).await;
            // The address may hold a ticket: the error is told without it.
            let (stream, _) =
                shaken.map_err(|error| not_sent(format!("{host} takes no WebSocket: {error}")))?;
            Ok(stream)
        };
        let stream = timeout(CONNECT, connecting)
            .await
            .map_err(|_| not_sent(format!("{host} did not answer within {} s", CONNECT.as_secs())))??;
        let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Socket { stream, host, ping, heard: Instant::now() })
    }
}

impl Socket {
    /// The first text, with which `platform` greets.
    ///
    /// # Errors
    /// When the connection ended, or the text did not come in time.
    pub(crate) async fn hello(&mut self, platform: &str) -> Result<String, ConnectError> {
        let waiting = async {
            loop {
                match self.next().await? {
                    Frame::Text(text) => return Ok::<_, ConnectError>(text),
                    Frame::Close(code, _) => {
                        return Err(ConnectError::lost(format!("{platform} closed the connection ({code})")));
                    }
                    Frame::Binary(_) | Frame::Pong => {}
                }
            }
        };
        let late =
            |_| ConnectError::lost(format!("{platform} did not say hello within {} s", HELLO.as_secs()));
        timeout(HELLO, waiting).await.map_err(late)?
    }

    /// The next frame. Cancel safe.
    ///
    /// # Errors
    /// When the connection ended, or nothing came for twelve seconds although we asked.
    pub async fn next(&mut self) -> Result<Frame, NetError> {
        loop {
            let dead = self.heard + SILENCE;
            tokio::select! {
                biased;
                message = self.stream.next() => {
                    self.heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text.to_string())),
                        Some(Ok(Message::Binary(bytes))) => return Ok(Frame::Binary(bytes.to_vec())),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(Frame::Pong),
                        Some(Ok(Message::Close(frame))) => {
                            let (code, reason) = frame
                                .map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                            return Ok(Frame::Close(code, reason));
                        }
                        Some(Ok(Message::Frame(_))) => {}
                        Some(Err(error)) => return Err(self.ended(&error.to_string())),
                        None => return Err(self.ended("closed")),
                    }
                }
                _ = self.ping.tick() => {
                    self.write(Message::Ping(Vec::new().into())).await?;
                }
                () = tokio::time::sleep_until(dead) => {
                    return Err(self.ended(&format!("nothing came for {} s", SILENCE.as_secs())));
                }
            }
        }
    }

    /// Sends text. When this future is dropped, the text may be sent, or not.
    ///
    /// # Errors
    /// When the connection ended, or takes nothing.
    pub async fn send(&mut self, text: impl Into<String>) -> Result<(), NetError> {
        self.write(Message::text(text.into())).await
    }

    /// Says goodbye. Waits for nothing.
    pub async fn close(&mut self, code: u16) {
        use tokio_tungstenite::tungstenite::protocol::CloseFrame;
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        let _ = timeout(Duration::from_secs(1), self.stream.close(Some(frame))).await;
    }

    async fn write(&mut self, message: Message) -> Result<(), NetError> {
        match timeout(SEND, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.ended(&error.to_string())),
            Err(_) => Err(self.ended("it takes nothing")),
        }
    }

    fn ended(&self, why: &str) -> NetError {
        NetError::Unknown { reason: format!("the connection to {} ended: {why}", self.host) }
    }
}
