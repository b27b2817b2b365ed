//! The server: raw hyper on a loopback port of the system's choice.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    body::ScriptedBody,
    reply::{Fault, Kind, Reply},
    wire::Vendor,
};

/// Longest that [`ScriptedProvider::wait_for`] waits before it gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `POST`, ….
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Recorded {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A provider that answers by script: one [`Reply`] per request, the last one over and over.
///
/// It speaks Anthropic's Messages (`…/messages`), OpenAI's chat completions (`…/chat/completions`) and Ollama's API
/// (`/api/chat`, `/api/tags`) on one port, records what it is asked, and stops with everything it does when it is dropped.
///
/// ```
/// use openclaw_testkit::{Reply, ScriptedProvider};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let server = ScriptedProvider::start([Reply::error(429, "slow down").header("retry-after", "1"), Reply::text("hi")]).await;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(server.requests().len(), 0);
/// # }
/// ```
#[derive(Debug)]
pub struct ScriptedProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    count: watch::Receiver<usize>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    tags: Mutex<Value>,
    requests: Mutex<Vec<Recorded>>,
    count: watch::Sender<usize>,
    connections: watch::Sender<usize>,
    stop: CancellationToken,
}

impl ScriptedProvider {
    /// Starts a server on a free loopback port.
    ///
    /// # Panics
    /// Without replies, and when the loopback has no free port.
    #[must_use]
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let script: VecDeque<Reply> = script.into_iter().collect();
        assert!(!script.is_empty(), "a script needs at least one reply");
        let listener = match TcpListener::bind(("127.0.0.1", 0)).await {
            Ok(listener) => listener,
            Err(error) => unreachable!("no free port on the loopback: {error}"),
        };
        let address = match listener.local_addr() {
            Ok(address) => address,
            Err(error) => unreachable!("a bound socket has an address: {error}"),
        };
        let (count_tx, count) = watch::channel(0);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            tags: Mutex::new(json!({"models": []})),
            requests: Mutex::default(),
            count: count_tx,
            connections: watch::Sender::new(0),
            stop: stop.clone(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, Arc::clone(&shared), tasks.clone()));
        Self { address, shared, stop, count }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything it was asked so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.requests).clone()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Replaces what is left of the script.
    pub fn set_script(&self, script: impl IntoIterator<Item = Reply>) {
        *lock(&self.shared.script) = script.into_iter().collect();
    }

    /// Puts one more reply before the last of the script, which goes on to be given over and over.
    pub fn queue(&self, reply: Reply) {
        let mut script = lock(&self.shared.script);
        let last = script.len().saturating_sub(1);
        script.insert(last, reply);
    }

    /// The models that `/api/tags` lists, each with the time it was changed (RFC 3339).
    pub fn set_ollama_models(&self, models: &[(&str, &str)]) {
        let models: Vec<Value> = models
            .iter()
            .map(|(name, modified_at)| {
                json!({"name": name, "model": name, "modified_at": modified_at, "details": {"family": "llama"}})
            })
            .collect();
        *lock(&self.shared.tags) = json!({ "models": models });
    }

    /// Waits until it was asked `requests` times.
    ///
    /// # Panics
    /// When that does not happen within 20 seconds.
    pub async fn wait_for(&self, requests: usize) {
        let mut count = self.count.clone();
        let waited = timeout(PATIENCE, count.wait_for(|count| *count >= requests)).await;
        assert!(waited.is_ok(), "asked {} times in {PATIENCE:?}, not {requests}", self.requests().len());
    }
}

impl Drop for ScriptedProvider {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker) {
    loop {
        let socket = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(_) => continue,
            },
        };
        let _ = socket.set_nodelay(true);
        shared.connections.send_modify(|count| *count += 1);
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let stop = shared.stop.clone();
            let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that goes away, or a cut by the script: nothing to tell.
                _ = served => {}
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<ScriptedBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let asked = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let model = asked["model"].as_str().unwrap_or("m").to_owned();
    let whole_path = parts.uri.path_and_query().map_or_else(|| path.clone(), ToString::to_string);
    let recorded = Recorded { method: parts.method, path: whole_path, headers: parts.headers, body };
    if path.ends_with("/api/tags") {
        let tags = lock(&shared.tags).to_string();
        return Ok(respond(200, "application/json", &[], vec![tags.into()], Fault::None, Duration::ZERO));
    }
    lock(&shared.requests).push(recorded);
    shared.count.send_modify(|count| *count += 1);
    let Some(vendor) = Vendor::of(&path) else {
        let body = vec![Bytes::from_static(br#"{"error":{"message":"no such path"}}"#)];
        return Ok(respond(404, "application/json", &[], body, Fault::None, Duration::ZERO));
    };
    let reply = {
        let mut script = lock(&shared.script);
        let next = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        next.unwrap_or_else(|| Reply::error(500, "the script is empty")).resolved(&asked)
    };
    Ok(match reply.kind {
        Kind::Answer(answer) => {
            let mut pieces: Vec<Bytes> =
                vendor.stream(&answer, &model).into_iter().map(Bytes::from).collect();
            if let Some(bytes) = reply.split {
                let whole = pieces.concat();
                pieces = whole.chunks(bytes).map(Bytes::copy_from_slice).collect();
            }
            respond(200, vendor.content_type(), &reply.headers, pieces, reply.fault, reply.delay)
        }
        Kind::Error { status, message } => {
            let body = vec![Bytes::from(vendor.error(status, &message))];
            respond(status, "application/json", &reply.headers, body, reply.fault, reply.delay)
        }
        Kind::Raw { status, content_type, body } => {
            let chunk = reply.split.unwrap_or(body.len().max(1));
            let pieces = body.chunks(chunk).map(Bytes::copy_from_slice).collect();
            respond(status, &content_type, &reply.headers, pieces, reply.fault, reply.delay)
        }
        Kind::Echo { .. } | Kind::Hang => {
            shared.stop.cancelled().await;
            respond(500, "text/plain", &[], Vec::new(), Fault::None, Duration::ZERO)
        }
    })
}

fn respond(
    status: u16,
    content_type: &str,
    headers: &[(String, String)],
    pieces: Vec<Bytes>,
    fault: Fault,
    delay: Duration,
) -> Response<ScriptedBody> {
    let mut response = Response::builder().status(status).header("content-type", content_type);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    match response.body(ScriptedBody::new(pieces.into(), fault, delay)) {
        Ok(response) => response,
        Err(error) => unreachable!("the script's status or header is none: {error}"),
    }
}
