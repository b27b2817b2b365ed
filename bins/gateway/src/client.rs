//! A client of the running gateway, for the commands that talk to it: loopback HTTP/1.1, JSON and server-sent events.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST},
    http::request::Builder,
};
use hyper_util::rt::TokioIo;
use openclaw_core::{Failure, Secret, config::GatewayConfig, limits};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::TaskTracker;

use crate::{memory::Answer, run_file::Running};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest silence: answers that take longer send a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest wait for `/health`, which a gateway answers at once.
const HEALTH: Duration = Duration::from_secs(3);
/// Largest JSON answer that is read, in bytes.
const MAX_ANSWER: usize = 32 * 1024 * 1024;
/// Largest page of an export that is read, in bytes: the longest line, and what was said in the same step of a run.
const MAX_PAGE: usize = limits::IMPORT_LINE_BYTES + 16 * 1024 * 1024;
/// Largest server-sent event that is read, in bytes.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// Where the gateway is and how to get in.
pub(crate) struct Client {
    address: SocketAddr,
    token: Secret,
    connections: TaskTracker,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("no gateway is running at http://{0}; start one in another terminal: gateway")]
    NotRunning(SocketAddr),
    #[error("{0}")]
    Refused(Failure),
    #[error("http://{address} does not answer like a gateway: {what}")]
    Protocol { address: SocketAddr, what: String },
    #[error("the connection to the gateway broke: {0}")]
    Broken(String),
    #[error("the gateway has said nothing for {} seconds", SILENCE.as_secs())]
    Silent,
}

impl Client {
    /// A client of the gateway that runs, or of the one that the configuration describes.
    pub(crate) fn new(running: Option<&Running>, config: &GatewayConfig) -> Self {
        let configured = SocketAddr::new(config.bind, config.port);
        let address = reachable(running.map_or(configured, |running| running.address));
        Self { address, token: config.auth.token.clone(), connections: TaskTracker::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks and reads a JSON answer.
    pub(crate) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let response = self.send(method, path, "application/json", body, true).await?;
        let status = response.status();
        let value = self.body(response).await?;
        if status.is_success() { Ok(value) } else { Err(self.refusal(status, &value)) }
    }

    /// Asks with any body and takes whatever comes back; of a refusal, how long to wait before asking again, if it says so.
    /// There is no longest wait: some of what is asked takes its time.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Result<Answer, (Failure, Option<Duration>)>, ClientError> {
        let response =
            self.send_bytes(method, path, "application/json, application/x-ndjson", kind, body).await?;
        let (status, fields) = (response.status(), response.headers().clone());
        let header = |name: &str| fields.get(name).and_then(|value| value.to_str().ok());
        let bytes = self.bytes(response, MAX_PAGE).await?;
        if status.is_success() {
            let next_cursor = header("x-next-cursor").map(str::to_owned);
            let unreadable = header("x-unreadable-records").and_then(|count| count.parse().ok()).unwrap_or(0);
            return Ok(Ok(Answer { status: status.as_u16(), next_cursor, unreadable, body: bytes }));
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some(mut told) = failure(&body) else { return Err(self.refusal(status, &body)) };
        told.details = body["details"].as_object().cloned().unwrap_or_default();
        let wait = header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        Ok(Err((told, wait)))
    }

    /// `GET /health`, whatever it says. The token stays here: who listens there is what this finds out.
    pub(crate) async fn health(&self) -> Result<Value, ClientError> {
        let asking = async {
            let response = self.send(Method::GET, "/health", "application/json", None, false).await?;
            self.body(response).await
        };
        timeout(HEALTH, asking).await.unwrap_or_else(|_| {
            let what = format!("no answer within {} s", HEALTH.as_secs());
            Err(ClientError::Protocol { address: self.address, what })
        })
    }

    /// Asks and reads a stream of events.
    pub(crate) async fn events(&self, path: &str, body: &Value) -> Result<Events, ClientError> {
        let response = self.send(Method::POST, path, "text/event-stream", Some(body), true).await?;
        let status = response.status();
        if status != StatusCode::OK {
            let value = self.body(response).await?;
            return Err(self.refusal(status, &value));
        }
        Ok(Events { body: response.into_body(), buffer: BytesMut::new() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<&Value>,
        with_token: bool,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = self.request(method, path, accept, with_token);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        match timeout(SILENCE, self.exchange(request, body)).await {
            Ok(response) => response,
            Err(_) => Err(ClientError::Silent),
        }
    }

    async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = self.request(method, path, accept, true);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        self.exchange(request, body).await
    }

    fn request(&self, method: Method, path: &str, accept: &str, with_token: bool) -> Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(HOST, self.address.to_string())
            .header(ACCEPT, accept);
        if with_token && !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token.expose()));
        }
        request
    }

    async fn exchange(&self, request: Builder, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        let stream = match timeout(CONNECT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionRefused => {
                return Err(ClientError::Broken(error.to_string()));
            }
            _ => return Err(ClientError::NotRunning(self.address)),
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.protocol(&error))?;
        // Ends with the connection, which ends when the answer is dropped. What breaks it is told to the request.
        self.connections.spawn(async move {
            let _ = connection.await;
        });
        let request =
            request.body(Full::new(body)).map_err(|error| ClientError::Broken(error.to_string()))?;
        sender.send_request(request).await.map_err(|error| self.protocol(&error))
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Value, ClientError> {
        let bytes = self.bytes(response, MAX_ANSWER).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| ClientError::Protocol { address: self.address, what: error.to_string() })
    }

    async fn bytes(&self, response: Response<Incoming>, most: usize) -> Result<Bytes, ClientError> {
        let limited = http_body_util::Limited::new(response.into_body(), most);
        let collected = timeout(SILENCE, limited.collect())
            .await
            .map_err(|_| ClientError::Silent)?
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        Ok(collected.to_bytes())
    }

    fn protocol(&self, error: &hyper::Error) -> ClientError {
        ClientError::Protocol { address: self.address, what: error.to_string() }
    }

    fn refusal(&self, status: StatusCode, body: &Value) -> ClientError {
        match failure(body) {
            Some(failure) => ClientError::Refused(failure),
            None => ClientError::Protocol { address: self.address, what: status.to_string() },
        }
    }
}

/// The failure in an error's body.
pub(crate) fn failure(body: &Value) -> Option<Failure> {
    let code = serde_json::from_value(body.get("error")?.clone()).ok()?;
    Some(Failure::new(code, body.get("message")?.as_str()?))
}

/// An address to connect to when listening is on all of them.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Events as they come.
pub(crate) struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    /// The next event's data; `None` at the end.
    ///
    /// Cancel safety: nothing is lost when this is dropped before it returns.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            while let Some(event) = take_event(&mut self.buffer) {
                let Some(data) = data(&event) else { continue };
                let value = serde_json::from_str(&data)
                    .map_err(|error| ClientError::Broken(format!("an event can't be read: {error}")))?;
                return Ok(Some(value));
            }
            if self.buffer.len() > MAX_EVENT {
                return Err(ClientError::Broken("an event is too large".to_owned()));
            }
            match timeout(SILENCE, self.body.frame()).await {
                Err(_) => return Err(ClientError::Silent),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(ClientError::Broken(error.to_string())),
                Ok(Some(Ok(frame))) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.buffer.extend_from_slice(bytes);
                    }
                }
            }
        }
    }
}

/// Cuts the first whole event off, an empty line being its end.
fn take_event(buffer: &mut BytesMut) -> Option<Bytes> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let event = buffer.split_to(end + 1).freeze();
    buffer.advance(1);
    Some(event)
}

/// The `data:` lines of an event, joined; comments and ids are left out.
fn data(event: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(event);
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_at_empty_lines_only() {
        let mut buffer = BytesMut::from(&b": ping\n\nid: 0-1\ndata: {\"a\":\ndata: 1}\n\ndata: {"[..]);
        let events: Vec<Option<String>> =
            std::iter::from_fn(|| take_event(&mut buffer)).map(|event| data(&event)).collect();
        assert_eq!(events, [None, Some("{\"a\":\n1}".to_owned())]);
        assert_eq!(&buffer[..], b"data: {");
    }

    #[test]
    fn everywhere_is_reached_through_loopback() {
        for (bound, reached) in
            [("0.0.0.0:7", "127.0.0.1:7"), ("[::]:7", "[::1]:7"), ("192.168.1.2:7", "192.168.1.2:7")]
        {
            assert_eq!(reachable(bound.parse().unwrap()), reached.parse().unwrap());
        }
    }

    /// A server that takes one connection, reads a head and says `answer`; gives back what it read.
    async fn foreign(answer: &'static str) -> (Client, tokio::sync::oneshot::Receiver<String>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard_tx, heard_rx) = tokio::sync::oneshot::channel();
        let config = GatewayConfig {
            port,
            auth: openclaw_core::config::AuthConfig { enabled: true, token: Secret::new("canary-token") },
            ..GatewayConfig::default()
        };
        let client = Client::new(None, &config);
        client.connections.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            while !heard.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).await.unwrap();
                heard.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = heard_tx.send(String::from_utf8(heard).unwrap());
            // Open until the client has gone.
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
        (client, heard_rx)
    }

    #[tokio::test]
    async fn a_stranger_is_shown_no_token() {
        let (client, heard) = foreign("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        assert_eq!(client.health().await.unwrap(), serde_json::json!({}));
        let heard = heard.await.unwrap();
        assert!(heard.starts_with("GET /api/v1/health") && !heard.contains("canary"), "{heard}");
    }

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let client = Client::new(None, &GatewayConfig { port, ..GatewayConfig::default() });
        let error = client.health().await.unwrap_err();
        assert!(matches!(error, ClientError::NotRunning(_)), "{error}");
        assert!(error.to_string().contains("start one"), "{error}");
    }
}
