//! A WebSocket client.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket,
    client::IntoClientRequest as _,
    http::{HeaderName, HeaderValue},
    protocol::CloseFrame,
};

/// A socket to the gateway.
pub struct Socket {
    inner: WebSocket<TcpStream>,
}

impl Socket {
    /// Opens `/ws` with further headers; when it is refused, the status.
    pub fn open(address: SocketAddr, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        match tungstenite::client::client(request, stream) {
            Ok((inner, _)) => Ok(Self { inner }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens `/ws` and authenticates.
    #[must_use]
    pub fn authenticated(address: SocketAddr) -> Self {
        let mut socket = Self::open(address, &[]).unwrap();
        socket.send(&json!({"type": "auth", "token": crate::TOKEN}));
        let answer = socket.receive();
        assert_eq!(answer["type"], "auth_success", "{answer}");
        assert!(answer["session_id"].as_str().is_some_and(|id| !id.is_empty()), "{answer}");
        socket
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string());
    }

    /// Sends any text as a frame.
    pub fn send_text(&mut self, text: &str) {
        // The gateway may be closing; what it says about that is read next.
        let _ = self.inner.send(Message::text(text));
    }

    /// The next JSON frame.
    #[must_use]
    #[track_caller]
    pub fn receive(&mut self) -> Value {
        loop {
            match self.inner.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads up to a ping of the protocol, which is answered; whether one came before the end, or within a minute.
    #[must_use]
    pub fn is_pinged(&mut self) -> bool {
        loop {
            match self.inner.read() {
                Ok(Message::Ping(_)) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Reads up to the close frame; its code.
    #[must_use]
    pub fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.inner.read() {
                Ok(Message::Close(Some(CloseFrame { code, .. }))) => return Some(code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
