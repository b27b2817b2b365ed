//! HTTP to a server on this machine.
//!
//! A connection is driven by whoever waits for its answer, in the same task: over a loopback the hand-over to a task of its
//! own, once per chunk, costs more than the chunk.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Body as _, Incoming},
    client::conn::http1::{self, SendRequest},
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{CONNECT, IDLE, causes};

/// Idle connections kept per server.
const IDLE_MOST: usize = 64;
/// Bytes that are taken together when they are there already.
const TOGETHER: usize = 64 * 1024;

/// Host and port of a server on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    fn header(&self) -> Option<HeaderValue> {
        let v6 = self.host.contains(':');
        let host = if v6 { format!("[{}]", self.host) } else { self.host.clone() };
        HeaderValue::try_from(format!("{host}:{}", self.port)).ok()
    }
}

/// The client, with the connections that wait for their next request.
#[derive(Debug, Default)]
pub(super) struct Near {
    idle: Mutex<HashMap<Address, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    since: Instant,
}

/// A connection. Nothing moves on it unless it is polled.
#[derive(Debug)]
struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    ended: bool,
}

impl Link {
    async fn open(address: &Address) -> Result<Self, String> {
        let connecting = TcpStream::connect((address.host.as_str(), address.port));
        let stream = match timeout(CONNECT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let stream = stream.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| causes(&error))?;
        Ok(Self { sender, connection: Box::pin(connection), ended: false })
    }

    /// Lets the connection do what it can. True: it has ended.
    fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        // How it ended shows in the request, or in the body, that it carried.
        self.ended = self.ended || self.connection.as_mut().poll(cx).is_ready();
        self.ended
    }

    /// Whether it takes a request; asked between two of them.
    async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(!self.drive(cx) && self.sender.is_ready())).await
    }

    /// Sends a request and waits for the answer's head. The request comes back when nothing of it was sent.
    async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failed> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        let answered = poll_fn(|cx| {
            loop {
                if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                    return Poll::Ready(answered);
                }
                if *ended || connection.as_mut().poll(cx).is_pending() {
                    return answer.as_mut().poll(cx);
                }
                *ended = true;
            }
        });
        answered.await.map_err(|mut error| Failed {
            unsent: error.take_message().map(Box::new),
            why: causes(error.error()),
        })
    }
}

struct Failed {
    unsent: Option<Box<Request<Full<Bytes>>>>,
    why: String,
}

impl Near {
    /// Sends a request, whose address is its path alone, and returns the answer's head and its body to read.
    pub(super) async fn send(
        self: &Arc<Self>,
        address: &Address,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<NearBody>, String> {
        if let Some(host) = address.header() {
            request.headers_mut().insert(HOST, host);
        }
        let (link, response) = loop {
            let Some(mut link) = self.take(address) else {
                let mut link = Link::open(address).await?;
                let response = link.ask(request).await.map_err(|failed| failed.why)?;
                break (link, response);
            };
            if !link.is_usable().await {
                continue;
            }
            match link.ask(request).await {
                Ok(response) => break (link, response),
                // The server had closed it a moment before.
                Err(Failed { unsent: Some(unsent), .. }) => request = *unsent,
                Err(failed) => return Err(failed.why),
            }
        };
        Ok(response.map(|incoming| NearBody {
            incoming,
            link: Some(link),
            over: None,
            near: Arc::clone(self),
            address: address.clone(),
        }))
    }

    /// The connection that was used last: the likeliest to be open still.
    fn take(&self, address: &Address) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = idle.get_mut(address)?;
        let found = links.pop()?;
        if found.since.elapsed() < IDLE {
            return Some(found.link);
        }
        // Older ones have waited longer still.
        links.clear();
        None
    }

    fn keep(&self, address: &Address, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = match idle.get_mut(address) {
            Some(links) => links,
            None => idle.entry(address.clone()).or_default(),
        };
        if links.len() < IDLE_MOST {
            links.push(Idle { link, since: Instant::now() });
        }
    }
}

/// The body of an answer. Read to its end, its connection serves again; dropped before, it closes.
#[derive(Debug)]
pub(crate) struct NearBody {
    incoming: Incoming,
    /// The connection, until it is given back.
    link: Option<Link>,
    /// How the body ended.
    over: Option<Result<(), String>>,
    near: Arc<Near>,
    address: Address,
}

impl NearBody {
    /// All bytes that are there, once there are any; `None` at the end. Cancel safe.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        let bytes = poll_fn(|cx| self.poll_chunk(cx)).await;
        if !bytes.is_empty() {
            return Ok(Some(bytes));
        }
        match &self.over {
            Some(Err(why)) => Err(why.clone()),
            _ => {
                if let Some(mut link) = self.link.take()
                    && link.is_usable().await
                {
                    self.near.keep(&self.address, link);
                }
                Ok(None)
            }
        }
    }

    /// Empty at the end.
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut taken = Taken::default();
        let mut driven = false;
        while self.over.is_none() && taken.len() < TOGETHER {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        taken.push(data);
                    }
                    driven = false;
                }
                Poll::Ready(Some(Err(error))) => self.over = Some(Err(causes(&error))),
                Poll::Ready(None) => self.over = Some(Ok(())),
                Poll::Pending if driven => {
                    if taken.len() == 0 {
                        return Poll::Pending;
                    }
                    break;
                }
                Poll::Pending => {
                    // The connection hands over one chunk at a time.
                    driven = true;
                    if let Some(link) = &mut self.link {
                        link.drive(cx);
                    }
                }
            }
        }
        Poll::Ready(taken.into_bytes())
    }
}

/// Chunks that came together. A single one is not copied.
#[derive(Default)]
struct Taken {
    first: Bytes,
    all: BytesMut,
}

impl Taken {
    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.first = data;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&data);
    }

    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    async fn server() -> (TcpListener, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, Address { host: "127.0.0.1".to_owned(), port })
    }

    fn request() -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
        *request.uri_mut() = "/x?y=1".parse().unwrap();
        *request.method_mut() = hyper::Method::POST;
        request
    }

    async fn read_head(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"{}") {
            let mut byte = [0; 256];
            let read = stream.read(&mut byte).await.unwrap();
            assert!(read > 0, "closed early");
            text.extend_from_slice(&byte[..read]);
        }
        String::from_utf8(text).unwrap()
    }

    async fn whole(mut body: NearBody) -> Result<String, String> {
        let mut text = Vec::new();
        while let Some(bytes) = body.chunk().await? {
            text.extend_from_slice(&bytes);
        }
        assert_eq!(body.chunk().await, Ok(None));
        Ok(String::from_utf8(text).unwrap())
    }

    #[tokio::test]
    async fn a_connection_serves_one_answer_after_another() {
        let (listener, address) = server().await;
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            for chunked in [true, false, true] {
                let head = read_head(&mut stream).await;
                let host = format!("host: 127.0.0.1:{}\r\n", listener.local_addr().unwrap().port());
                assert!(head.starts_with("POST /x?y=1 HTTP/1.1\r\n") && head.contains(&host), "{head}");
                let answer: &[u8] = if chunked {
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nfoo\r\n3\r\nbar\r\n0\r\n\r\n"
                } else {
                    b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nfoobar"
                };
                stream.write_all(answer).await.unwrap();
            }
            stream
        };
        let near = Arc::new(Near::default());
        let asking = async {
            for _ in 0..3 {
                let answer = near.send(&address, request()).await.unwrap();
                assert_eq!(whole(answer.into_body()).await.unwrap(), "foobar");
            }
        };
        tokio::join!(serving, asking);
        assert_eq!(near.idle.lock().unwrap()[&address].len(), 1);
    }

    #[tokio::test]
    async fn one_that_was_closed_meanwhile_is_replaced() {
        let (listener, address) = server().await;
        let near = Arc::new(Near::default());
        for _ in 0..3 {
            let serving = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                read_head(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            };
            let asking = async {
                let answer = near.send(&address, request()).await.unwrap();
                assert_eq!(whole(answer.into_body()).await.unwrap(), "ok");
            };
            tokio::join!(serving, asking);
        }
    }

    #[tokio::test]
    async fn pieces_come_as_they_are_sent_and_a_cut_is_told_after_them() {
        let (listener, address) = server().await;
        let (piece_tx, mut piece_rx) = tokio::sync::mpsc::channel(1);
        let serving = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            for piece in ["3\r\none\r\n", "3\r\ntwo\r\n3\r\nthr\r\n", "9\r\nbro"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                piece_rx.recv().await;
            }
        };
        let near = Arc::new(Near::default());
        let asking = async {
            let mut body = near.send(&address, request()).await.unwrap().into_body();
            for expected in ["one", "twothr", "bro"] {
                assert_eq!(body.chunk().await.unwrap().unwrap(), expected);
                let _ = piece_tx.send(()).await;
            }
            drop(piece_tx);
            assert!(body.chunk().await.is_err());
            // It stays broken.
            assert!(body.chunk().await.is_err());
        };
        tokio::join!(serving, asking);
        assert!(near.idle.lock().unwrap().is_empty());
    }
}
