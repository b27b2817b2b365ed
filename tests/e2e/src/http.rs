//! An HTTP/1.1 client that hides nothing: what is sent and what comes back can be looked at byte by byte.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::sse::EventReader;

const PATIENCE: Duration = Duration::from_secs(60);

/// Sends requests to one gateway, each on a connection of its own.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
}

/// A request on its way.
#[derive(Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request to `path`, which begins with `/api/v1`.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// With any body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn bytes(&self, address: SocketAddr, token: Option<&str>) -> Vec<u8> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !has("host") {
            let _ = write!(head, "Host: {address}\r\n");
        }
        if let Some(token) = token.filter(|_| !has("authorization")) {
            let _ = write!(head, "Authorization: Bearer {token}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as JSON, when the status is `status`; otherwise the test fails and shows it.
    #[must_use]
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The body of an error, checked against the contract's form, which is the same for all of them.
    #[must_use]
    #[track_caller]
    pub fn expect_error(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        assert_eq!(body["error"], code, "{body}");
        assert_eq!(body["status"], status, "{body}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(body["details"].is_object(), "{body}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{body}");
        assert!(self.header("x-request-id").is_some(), "{:?}", self.headers);
        body
    }
}

impl Client {
    /// For the gateway at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, token: Option<&str>) -> Self {
        Self { address, token: token.map(str::to_owned) }
    }

    /// The same with another token, or none.
    #[must_use]
    pub fn token(&self, token: Option<&str>) -> Self {
        Self::new(self.address, token)
    }

    /// Opens a connection.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends a request and reads the whole answer.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        self.try_send(request).unwrap()
    }

    /// The same for tests that kill the gateway meanwhile.
    pub fn try_send(&self, request: &Request) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        match stream.write_all(&request.bytes(self.address, self.token.as_deref())) {
            // The gateway may answer and close before it has read a body that is too large.
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Err(error);
            }
            _ => {}
        }
        read_response(&mut BufReader::new(stream))
    }

    /// Sends a request and leaves the answer's event stream to be read.
    #[must_use]
    pub fn stream(&self, request: &Request) -> EventReader {
        let mut stream = self.connect();
        stream.write_all(&request.bytes(self.address, self.token.as_deref())).unwrap();
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader).unwrap();
        let response = Response { status, headers, body: Vec::new() };
        assert_eq!(response.status, 200, "{:?}", read_body(&mut reader, &response.headers));
        assert_eq!(response.header("content-type"), Some("text/event-stream"));
        EventReader::new(reader, response.header("transfer-encoding") == Some("chunked"))
    }

    /// `GET path`, below `/api/v1`.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.send(&Request::new("GET", &format!("/api/v1{path}")))
    }

    /// `DELETE path`, below `/api/v1`.
    #[must_use]
    pub fn delete(&self, path: &str) -> Response {
        self.send(&Request::new("DELETE", &format!("/api/v1{path}")))
    }

    /// `POST path` with a JSON body, below `/api/v1`.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", &format!("/api/v1{path}")).json(body))
    }

    /// `PUT path` with a JSON body, below `/api/v1`.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("PUT", &format!("/api/v1{path}")).json(body))
    }

    /// Sends a message to be streamed.
    #[must_use]
    pub fn stream_message(&self, body: &Value) -> EventReader {
        self.stream(&Request::new("POST", "/api/v1/message").header("Accept", "text/event-stream").json(body))
    }

    /// Polls a run until it has ended; its status body.
    #[must_use]
    pub fn await_run(&self, id: &str) -> Value {
        let started = std::time::Instant::now();
        loop {
            let status = self.get(&format!("/message/{id}/status")).expect(200);
            if status["status"] != "processing" {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{id} does not end: {status}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

type Head = (u16, Vec<(String, String)>);

fn read_head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Head> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status =
        status.ok_or_else(|| std::io::Error::new(ErrorKind::InvalidData, format!("no status: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return Ok((status, headers)),
        }
    }
}

fn read_body(reader: &mut BufReader<TcpStream>, headers: &[(String, String)]) -> std::io::Result<Vec<u8>> {
    let find = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    let mut body = Vec::new();
    if find("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = read_chunk(reader)? {
            body.extend_from_slice(&chunk);
        }
    } else if let Some(length) = find("content-length").and_then(|value| value.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Reads an answer that is framed by length or chunks; the connection can be used on.
pub(crate) fn read_response(reader: &mut BufReader<TcpStream>) -> std::io::Result<Response> {
    let (status, headers) = read_head(reader)?;
    let body = read_body(reader, &headers)?;
    Ok(Response { status, headers, body })
}

impl Response {
    /// Reads one answer from a connection that a test drives by hand.
    pub fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Self> {
        read_response(reader)
    }
}

/// The next chunk of a chunked body; `None` at its end.
pub(crate) fn read_chunk(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let size = usize::from_str_radix(line.trim_end(), 16)
        .map_err(|_| std::io::Error::new(ErrorKind::UnexpectedEof, format!("no chunk: {line:?}")))?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk)?;
    chunk.truncate(size);
    Ok((size > 0).then_some(chunk))
}
