//! What the gateway is held against: a server that says hello, a proxy that looks at nothing, and a provider that answers
//! without thinking. Each is started as a process of its own.

use std::{
    convert::Infallible,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HOST},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, task::JoinSet};

/// Words of every answer, and so its tokens.
pub(crate) const WORDS: usize = 32;

type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// A floor in a process of its own; dropping it ends it.
pub(crate) struct Floor {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Floor {
    pub(crate) fn hello() -> Result<Self> {
        Self::start("hello", None)
    }

    pub(crate) fn provider() -> Result<Self> {
        Self::start("provider", None)
    }

    /// A proxy in front of `upstream`.
    pub(crate) fn proxy(upstream: SocketAddr) -> Result<Self> {
        Self::start("proxy", Some(upstream))
    }

    fn start(kind: &str, upstream: Option<SocketAddr>) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(format!("--serve-{kind}"))
            .args(upstream.map(|address| address.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("{kind} said {line:?}"))?;
        Ok(Self { child, address })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child process does: serves until it is killed.
pub(crate) fn serve(kind: &str, upstream: Option<&str>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
        let kind = match (kind, upstream) {
            ("hello", _) => Kind::Hello,
            ("provider", _) => Kind::Provider,
            ("proxy", Some(address)) => Kind::Proxy(address.to_owned(), client),
            _ => bail!("no floor `{kind}`"),
        };
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let kind = kind.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| answer(kind.clone(), request));
                // A client that goes away is no news.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}

#[derive(Clone)]
enum Kind {
    Hello,
    Provider,
    Proxy(String, Client<HttpConnector, Incoming>),
}

async fn answer(kind: Kind, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let answer = match kind {
        Kind::Hello => Ok(whole("text/plain", "hello")),
        Kind::Provider => provide(request).await,
        Kind::Proxy(upstream, client) => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            match Uri::builder().scheme("http").authority(upstream).path_and_query(path).build() {
                Ok(uri) => {
                    *request.uri_mut() = uri;
                    request.headers_mut().remove(HOST);
                    client.request(request).await.map(|answer| answer.map(boxed)).map_err(anyhow::Error::from)
                }
                Err(error) => Err(error.into()),
            }
        }
    };
    Ok(answer.unwrap_or_else(|error: anyhow::Error| {
        let mut answer = whole("text/plain", error.to_string());
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    }))
}

fn boxed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed()
}

fn whole(kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed());
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    answer
}

/// Chat completions in OpenAI's manner: `WORDS` words, whole or as events, at once.
async fn provide(request: Request<Incoming>) -> Result<Response<Body>> {
    let body = request.into_body().collect().await?.to_bytes();
    let asked: serde_json::Value = serde_json::from_slice(&body)?;
    let usage =
        format!(r#"{{"prompt_tokens":10,"completion_tokens":{WORDS},"total_tokens":{}}}"#, WORDS + 10);
    if asked["stream"] != true {
        let text = "word ".repeat(WORDS);
        return Ok(whole(
            "application/json",
            format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
            ),
        ));
    }
    let event = |choices: &str, more: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{choices}]{more}}}\n\n"
        ))
    };
    let choice =
        |delta: &str, reason: &str| format!(r#"{{"index":0,"delta":{delta},"finish_reason":{reason}}}"#);
    let word = event(&choice(r#"{"content":"word "}"#, "null"), "");
    let mut events = vec![event(&choice(r#"{"role":"assistant","content":""}"#, "null"), "")];
    events.extend(std::iter::repeat_n(word, WORDS));
    events.push(event(&choice("{}", "\"stop\""), ""));
    events.push(event("", &format!(",\"usage\":{usage}")));
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let frames = stream::iter(events.into_iter().map(|event| Ok(Frame::data(event))));
    let mut answer = Response::new(StreamBody::new(frames).boxed());
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/event-stream"));
    Ok(answer)
}
