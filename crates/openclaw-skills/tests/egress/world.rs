//! A proxy with a resolver that says what the test wants, and servers behind it.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use openclaw_core::config::SkillsConfig;
use openclaw_skills::{Egress, EgressLimits, Lease, Resolve};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
};

/// Answers by name, in turn; the last one stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn set(&self, name: &str, answers: &[&[&str]]) {
        let read = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        self.answers.lock().unwrap().insert(name.to_owned(), answers.iter().map(read).collect());
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let Some(answers) = answers.get_mut(host) else { return Err(io::ErrorKind::NotFound.into()) };
        let first = answers.front().cloned().unwrap_or_default();
        if answers.len() > 1 {
            answers.pop_front();
        }
        Ok(first)
    }
}

pub(crate) struct World {
    pub(crate) egress: Egress,
    pub(crate) names: Arc<Names>,
    pub(crate) dir: tempfile::TempDir,
    config: watch::Sender<Arc<SkillsConfig>>,
    servers: JoinSet<()>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_limits(EgressLimits::default())
    }

    pub(crate) fn with_limits(limits: EgressLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (config, config_rx) = watch::channel(Arc::default());
        let names = Arc::new(Names::default());
        let egress = Egress::with_limits(dir.path().join("egress"), config_rx, names.clone(), limits);
        Self { egress, names, dir, config, servers: JoinSet::new() }
    }

    /// The private targets that the user lists.
    pub(crate) fn allow(&self, listed: &[&str]) {
        let mut config = SkillsConfig::default();
        config.policy.allow_private = listed.iter().map(|&text| text.to_owned()).collect();
        self.config.send_replace(Arc::new(config));
    }

    pub(crate) fn lease(&self, hosts: &[&str]) -> Lease {
        let lease =
            self.egress.lease("weather", hosts.iter().map(|text| text.parse().unwrap()).collect()).unwrap();
        lease.activate();
        lease
    }

    /// A lease for `name`, which the user allows, and which leads to a server at 127.0.0.1:`port`.
    pub(crate) fn lease_to(&self, name: &str, port: u16) -> Lease {
        let target = format!("{name}:{port}");
        self.names.set(name, &[&["127.0.0.1"]]);
        self.allow(&[&target]);
        self.lease(&[&target])
    }

    /// A server that gives each connection to `serve`; its port.
    pub(crate) async fn server<F>(&mut self, serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        self.servers.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream));
            }
        });
        port
    }

    /// A server that answers each request with what it got, once it got a head and its body.
    pub(crate) async fn mirror(&mut self) -> u16 {
        self.server(async |mut stream| {
            let mut request = read_head(&mut stream).await;
            let length = header(&request, "content-length").map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            request.push_str(&String::from_utf8_lossy(&body));
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Kept: 1\r\nX-Listed: 1\r\nConnection: x-listed\r\n\
                 Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\r\n{request}",
                request.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await
    }

    /// A server that sends back each byte, and ends when its client does.
    pub(crate) async fn echo(&mut self) -> u16 {
        self.server(async |mut stream| {
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        })
        .await
    }
}

/// The head of a message, with the empty line.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A response: its head and its body.
pub(crate) async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> (String, String) {
    let head = read_head(stream).await;
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Sends `request` over a connection of its own, and reads one response.
pub(crate) async fn ask(socket: &Path, request: &str) -> (String, String) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_response(&mut stream).await
}

/// `GET` of a whole address.
pub(crate) async fn get(lease: &Lease, address: &str) -> (String, String) {
    ask(lease.path(), &format!("GET {address} HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n")).await
}

/// Asks for a tunnel: the connection, and the answer.
pub(crate) async fn connect(lease: &Lease, target: &str) -> (UnixStream, String, String) {
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let (head, body) = read_response(&mut stream).await;
    (stream, head, body)
}

/// A tunnel that stands.
pub(crate) async fn tunnel(lease: &Lease, target: &str) -> UnixStream {
    let (stream, head, body) = connect(lease, target).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}{body}");
    stream
}

/// Reads to the end; a reset is one, too.
pub(crate) async fn read_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    bytes
}
