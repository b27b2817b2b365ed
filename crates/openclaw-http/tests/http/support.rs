//! A gateway with fakes behind it, and a client that sends exactly the bytes it is told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use openclaw_core::{
    Secret, Timestamp,
    config::GatewayConfig,
    port::{ChannelInfo, ChannelStatus, LogLevel, LogLine},
};
use openclaw_http::{Limits, Server, Services};
use openclaw_testkit::{FakeAgent, FakeChannels, FakeConfig, FakeCuration, FakeLogs, FakeMemory, FakeSkills};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) const TOKEN: &str = "test-token-0123456789";
/// Longer than anything a test waits for: whoever reaches it has hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Gateway {
    pub(crate) addr: SocketAddr,
    pub(crate) config: watch::Sender<Arc<GatewayConfig>>,
    pub(crate) agent: Arc<FakeAgent>,
    pub(crate) memory: Arc<FakeMemory>,
    pub(crate) curation: Arc<FakeCuration>,
    pub(crate) settings: Arc<FakeConfig>,
    services: Services,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

pub(crate) fn config() -> GatewayConfig {
    let mut config = GatewayConfig { port: 0, ..GatewayConfig::default() };
    config.auth.token = Secret::new(TOKEN);
    config.rate_limit.requests_per_minute = 0;
    config
}

impl Gateway {
    pub(crate) fn start() -> Self {
        Self::with(config(), Limits::default())
    }

    pub(crate) fn with(config: GatewayConfig, limits: Limits) -> Self {
        Self::draining(config, limits, Duration::from_secs(5))
    }

    pub(crate) fn draining(config: GatewayConfig, limits: Limits, drain: Duration) -> Self {
        let memory = Arc::new(FakeMemory::new());
        let curation = Arc::new(FakeCuration::new(memory.clone()));
        let agent = Arc::new(FakeAgent::new(memory.clone()));
        let settings = Arc::new(FakeConfig::new(json!({
            "gateway": {"port": 18789, "bind": "127.0.0.1", "auth": {"enabled": true, "token": TOKEN}},
            "providers": {"primary": {"type": "anthropic", "model": "claude-opus-4-6", "api_key": "sk-canary"}},
        })));
        let line = |level, component: &str, message: &str| LogLine {
            timestamp: Timestamp::now(),
            level,
            component: component.to_owned(),
            message: message.to_owned(),
            fields: Map::new(),
        };
        let connected = ChannelInfo {
            kind: "telegram".to_owned(),
            status: ChannelStatus::Connected { since: "2026-03-20T08:00:00Z".parse().unwrap() },
            messages_today: 42,
            detail: openclaw_core::port::ChannelDetail::default(),
        };
        let services = Services {
            agent: agent.clone(),
            memory: memory.clone(),
            curation: curation.clone(),
            skills: Arc::new(
                FakeSkills::new()
                    .with_registry("weather", &["1.1.0", "1.2.0"])
                    .with_installed("web-search", "2.1.3")
                    .with_disabled("zip", "Packs files.", "a file was changed; install it again")
                    .with_refused("bank", &["network:bank.example.com", "env:PIN"])
                    .with_problem("podman: newuidmap is missing"),
            ),
            channels: Arc::new(
                FakeChannels::new(vec![connected])
                    .with_disconnected("slack", "Token expired")
                    .with_paired("@ann:example.org"),
            ),
            config: settings.clone(),
            logs: Arc::new(FakeLogs::new(vec![
                line(LogLevel::Debug, "gateway", "one"),
                line(LogLevel::Info, "memory", "two"),
                line(LogLevel::Error, "gateway", "three"),
            ])),
            version: "3.2.1".to_owned(),
        };
        let (config_tx, config_rx) = watch::channel(Arc::new(config));
        let server = Server::bind(config_rx, services.clone()).unwrap().with_limits(limits);
        let addr = server.local_addr();
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let serving = server.serve(shutdown.clone(), drain);
        tasks.spawn(async move { serving.await.unwrap() });
        tasks.close();
        Self { addr, config: config_tx, agent, memory, curation, settings, services, shutdown, tasks }
    }

    pub(crate) fn services(&self) -> Services {
        self.services.clone()
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut GatewayConfig)) {
        let mut config = GatewayConfig::clone(&self.config.borrow());
        change(&mut config);
        self.config.send_replace(Arc::new(config));
    }

    pub(crate) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        Client { stream: BufReader::new(stream), addr: self.addr }
    }

    /// One authenticated request on a connection of its own.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let auth = format!("Authorization: Bearer {TOKEN}");
        self.connect().await.call(method, path, &[&auth], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    /// Stops, and waits until every connection has gone.
    pub(crate) async fn stop(&self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.tasks.wait()).await.unwrap();
    }
}

pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
    pub(crate) addr: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts that this is an error in the contract's form, and gives its details.
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status, &body["status"], &body["error"]),
            (status, &json!(status), &json!(code)),
            "{self:?}"
        );
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
        assert!(body["details"].is_object(), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "{self:?}");
        body["details"].clone()
    }

    /// Asserts a 400 that names this field.
    pub(crate) fn bad_field(&self, field: &str) {
        let details = self.error(400, "bad_request");
        assert_eq!(details["field"], field, "{self:?}");
        assert!(details["reason"].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
    }
}

impl Client {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    pub(crate) async fn send(&mut self, method: &str, path: &str, headers: &[&str], body: Option<&[u8]>) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.addr);
        for header in headers {
            head += header;
            head += "\r\n";
        }
        if let Some(body) = body {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        self.write(bytes).await;
    }

    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: Option<Value>,
    ) -> Reply {
        let body = body.map(|body| body.to_string());
        self.send(method, path, headers, body.as_deref().map(str::as_bytes)).await;
        self.reply(method).await
    }

    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        timeout(PATIENCE, self.stream.read_line(&mut line)).await.expect("the server keeps silent").unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) async fn head(&mut self) -> Reply {
        let status = self.line().await;
        let status =
            status.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {status:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        Reply { status, headers, body: String::new() }
    }

    pub(crate) async fn reply(&mut self, method: &str) -> Reply {
        let mut reply = self.head().await;
        if method == "HEAD" || reply.status == 204 || reply.status < 200 {
            return reply;
        }
        if let Some(length) = reply.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            timeout(PATIENCE, self.stream.read_exact(&mut body)).await.expect("a short body").unwrap();
            reply.body = String::from_utf8(body).unwrap();
        } else {
            while let Some(chunk) = self.chunk().await {
                reply.body += &chunk;
            }
        }
        reply
    }

    /// One chunk of a chunked body, which is one write of the server.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap();
        let mut chunk = vec![0; size + 2];
        timeout(PATIENCE, self.stream.read_exact(&mut chunk)).await.expect("a short chunk").unwrap();
        chunk.truncate(size);
        (size > 0).then(|| String::from_utf8(chunk).unwrap())
    }

    /// Whether the server closes the connection, after whatever it still says.
    pub(crate) async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is a close as well.
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}

/// The events of an SSE body: id and data.
pub(crate) fn events(body: &str) -> Vec<(String, Value)> {
    let blocks = body.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            let (id, data) = block.split_once('\n').unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            (id.strip_prefix("id: ").unwrap().to_owned(), serde_json::from_str(data).unwrap())
        })
        .collect()
}
