//! What every platform server is made of: HTTP on loopback, WebSocket upgrades, and faults on demand.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The server's end of a WebSocket.
pub type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;
/// What goes on on a WebSocket until it ends.
pub type Talk = Box<dyn FnOnce(Socket) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A request, read whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it came.
    pub path: String,
    /// What follows the `?`.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// JSON with this status; the content type is exactly `application/json`.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into() }
    }

    /// The same reply with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// What becomes of a request.
pub enum Answer {
    /// It is answered.
    Reply(Reply),
    /// It becomes a WebSocket.
    WebSocket(Talk),
    /// It is never answered, and its connection stays open: a half-open socket.
    Hang,
    /// Its connection is cut.
    Cut,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut before the request is carried out.
    CutBefore,
    /// The connection is cut after it was carried out: the client can't know.
    CutAfter,
    /// It is not carried out and never answered.
    Hang,
    /// It is carried out, and never answered.
    HangAfter,
    /// It is kept ([`Faults::held`]) instead of being carried out, and never answered.
    Hold,
    /// It is not carried out and answered with this status and body.
    Answer(u16, String),
    /// It is carried out, and the answer is no JSON.
    WrongJson,
    /// It is carried out after this time.
    Late(Duration),
}

/// The faults that wait for their requests.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    waiting: Arc<Mutex<Vec<(String, usize, Fault)>>>,
    met: Arc<AtomicUsize>,
    held: Arc<Mutex<Vec<Request>>>,
}

impl Faults {
    /// The next `times` requests whose path contains `part` meet `fault`.
    pub fn add(&self, part: &str, times: usize, fault: Fault) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((part.to_owned(), times, fault));
    }

    /// No more faults.
    pub fn clear(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many requests met a fault so far. One that is carried out first counts when it was.
    #[must_use]
    pub fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// Takes the requests that were held on their way, for whoever wants to carry them out now.
    #[must_use]
    pub fn held(&self) -> Vec<Request> {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self) {
        self.met.fetch_add(1, Ordering::SeqCst);
    }

    fn take(&self, path: &str) -> Option<Fault> {
        let mut faults = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let at = faults.iter().position(|(part, _, _)| path.contains(part.as_str()))?;
        let (_, times, fault) = &mut faults[at];
        let fault = fault.clone();
        *times -= 1;
        if *times == 0 {
            faults.remove(at);
        }
        Some(fault)
    }
}

/// What a platform does with requests.
pub trait Handler: Send + Sync + 'static {
    /// Carries a request out.
    fn handle(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

/// A running server. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    faults: Faults,
    stop: CancellationToken,
    cut: Arc<Mutex<CancellationToken>>,
    tasks: TaskTracker,
}

impl Server {
    /// Serves `handler` on a loopback port; 0 lets the system choose.
    pub async fn start(port: u16, handler: Arc<impl Handler>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let server = Self {
            address: listener.local_addr()?,
            faults: Faults::default(),
            stop: CancellationToken::new(),
            cut: Arc::default(),
            tasks: TaskTracker::new(),
        };
        let (faults, cut, tasks) = (server.faults.clone(), Arc::clone(&server.cut), server.tasks.clone());
        let stop = server.stop.clone();
        server.tasks.spawn(server.stop.clone().run_until_cancelled_owned(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let ended = cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let serving = serve(stream, Arc::clone(&handler), faults.clone(), tasks.clone(), ended.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    tokio::select! { () = serving => (), () = ended.cancelled() => (), () = stop.cancelled() => () }
                });
            }
        }));
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The faults to come.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Cuts every connection there is; new ones are taken.
    pub fn cut_all(&self) {
        let old = std::mem::take(&mut *self.cut.lock().unwrap_or_else(PoisonError::into_inner));
        old.cancel();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        self.cut_all();
    }
}

/// The connection is to be cut.
#[derive(Debug)]
struct Severed;

impl std::fmt::Display for Severed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Severed {}

async fn serve(
    stream: TcpStream,
    handler: Arc<impl Handler>,
    faults: Faults,
    tasks: TaskTracker,
    ended: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (handler, faults, tasks, ended) =
            (Arc::clone(&handler), faults.clone(), tasks.clone(), ended.clone());
        async move { answer(request, &*handler, &faults, &tasks, ended).await }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

async fn answer(
    mut request: hyper::Request<Incoming>,
    handler: &impl Handler,
    faults: &Faults,
    tasks: &TaskTracker,
    ended: CancellationToken,
) -> Result<hyper::Response<Full<Bytes>>, Severed> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Severed)?.to_bytes();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    let fault = faults.take(&request.path);
    if matches!(fault, Some(Fault::CutBefore | Fault::Hang | Fault::Hold | Fault::Answer(..))) {
        faults.count();
    }
    match &fault {
        Some(Fault::CutBefore) => return Err(Severed),
        Some(Fault::Hang) => return std::future::pending().await,
        Some(Fault::Hold) => {
            faults.held.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            return std::future::pending().await;
        }
        Some(Fault::Answer(status, body)) => {
            let value = serde_json::from_str(body).unwrap_or_else(|_| body.as_str().into());
            return Ok(response(Reply::json(*status, &value)));
        }
        Some(Fault::Late(time)) => tokio::time::sleep(*time).await,
        _ => {}
    }
    let key = request.header("sec-websocket-key").to_owned();
    let answer = handler.handle(request).await;
    if fault.is_some() {
        faults.count();
    }
    match (answer, fault) {
        (_, Some(Fault::CutAfter)) | (Answer::Cut, _) => Err(Severed),
        (_, Some(Fault::HangAfter)) | (Answer::Hang, _) => std::future::pending().await,
        (Answer::Reply(_), Some(Fault::WrongJson)) => {
            Ok(response(Reply { status: 200, headers: Vec::new(), body: "{\"ok\": tr".into() }))
        }
        (Answer::Reply(reply), _) => Ok(response(reply)),
        (Answer::WebSocket(talk), _) => {
            tasks.spawn(async move {
                let Ok(upgraded) = upgrade.await else { return };
                let socket =
                    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
                tokio::select! { () = talk(socket) => (), () = ended.cancelled() => () }
            });
            let reply = Reply { status: 101, headers: Vec::new(), body: Bytes::new() }
                .header("upgrade", "websocket")
                .header("connection", "Upgrade")
                .header("sec-websocket-accept", derive_accept_key(key.as_bytes()));
            Ok(response(reply))
        }
    }
}

fn response(reply: Reply) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<hyper::header::HeaderName>(), value.parse()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
