//! Connections: pipelining, slow and greedy clients, limits, the end.

use std::{sync::Arc, time::Duration};

use openclaw_core::{
    config::GatewayConfig,
    limits,
    port::{LogFilter, LogPage, LogPort},
};
use openclaw_http::{BindError, Limits, Server};
use openclaw_testkit::{AgentScript, ScriptEnd};
use serde_json::json;

use crate::support::{Client, Gateway, TOKEN, config, events};

const HEALTH: &str = "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn short(change: impl FnOnce(&mut Limits)) -> Gateway {
    let mut limits = Limits::default();
    change(&mut limits);
    Gateway::with(config(), limits)
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    let unknown = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.write(format!("{HEALTH}{unknown}{HEALTH}")).await;
    for status in [200, 401, 200] {
        assert_eq!(client.reply("GET").await.status, status);
    }
}

#[tokio::test]
async fn what_is_no_request_gets_the_form_of_every_error() {
    let gateway = Gateway::start();
    let long = "a".repeat(100_000);
    let cases = [
        ("GARBAGE\r\n\r\n".to_owned(), 400, "bad_request"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400, "bad_request"),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), 414, "payload_too_large"),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(101)), 431, "payload_too_large"),
    ];
    for (request, status, code) in cases {
        // Behind a request that is one, too.
        for before in ["", HEALTH] {
            let mut client = gateway.connect().await;
            client.write(format!("{before}{request}")).await;
            if !before.is_empty() {
                assert_eq!(client.reply("GET").await.status, 200);
            }
            let reply = client.reply("GET").await;
            reply.error(status, code);
            assert!(reply.header("x-request-id").is_some() && reply.header("connection") == Some("close"));
            assert!(client.closed().await);
        }
    }
}

#[tokio::test]
async fn half_a_request_does_not_hold_back_the_answer_before_it() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    client.write(format!("{HEALTH}{}", &HEALTH[..20])).await;
    assert_eq!(client.reply("GET").await.status, 200);
    client.write(&HEALTH[20..]).await;
    assert_eq!(client.reply("GET").await.status, 200);
}

struct FaultyLogs;

#[async_trait::async_trait]
impl LogPort for FaultyLogs {
    async fn read(&self, _: LogFilter) -> std::io::Result<LogPage> {
        panic!("a fault of the test's own");
    }
}

#[tokio::test]
async fn a_fault_costs_its_request_only() {
    let gateway = Gateway::start();
    let services = openclaw_http::Services { logs: Arc::new(FaultyLogs), ..gateway.services() };
    let config = tokio::sync::watch::channel(Arc::new(config())).1;
    let server = Server::bind(config, services).unwrap();
    let addr = server.local_addr();
    let serving = server.serve(gateway.shutdown.clone(), Duration::from_secs(5));
    let asking = async {
        let ask = |path: &'static str| async move {
            let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
            let mut client = Client { stream: tokio::io::BufReader::new(stream), addr };
            let auth = format!("Authorization: Bearer {TOKEN}");
            client.call("GET", path, &[&auth], None).await
        };
        let reply = ask("/api/v1/logs").await;
        let error = reply.error(500, "internal_error");
        assert_eq!(error["request_id"].as_str(), reply.header("x-request-id"));
        assert_eq!(ask("/api/v1/health").await.status, 200);
        gateway.shutdown.cancel();
    };
    let (served, ()) = tokio::join!(serving, asking);
    served.unwrap();
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let gateway = short(|limits| limits.header_timeout = Duration::from_millis(80));
    let mut silent = gateway.connect().await;
    assert!(silent.closed().await);
    let mut slow = gateway.connect().await;
    slow.write(HEALTH).await;
    slow.reply("GET").await;
    slow.write(&HEALTH[..20]).await;
    assert!(slow.closed().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_later_than_a_slow_one() {
    let gateway = short(|limits| limits.idle_timeout = Duration::from_millis(80));
    let mut client = gateway.connect().await;
    client.write(HEALTH).await;
    assert_eq!(client.reply("GET").await.status, 200);
    assert!(client.closed().await);
}

#[tokio::test]
async fn a_slow_body_is_a_408() {
    let gateway = short(|limits| limits.body_timeout = Duration::from_millis(80));
    let mut client = gateway.connect().await;
    let head = format!(
        "POST /api/v1/message HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{"
    );
    client.write(head).await;
    client.reply("POST").await.error(408, "timeout");
    assert!(client.closed().await);
}

#[tokio::test]
async fn bodies_are_capped_before_and_while_they_are_read() {
    let gateway = Gateway::start();
    for (path, cap) in [
        ("/api/v1/message", limits::MESSAGE_BODY_BYTES),
        ("/api/v1/memory/search", limits::BODY_BYTES),
        ("/api/v1/memory/import", limits::IMPORT_LINE_BYTES + 2),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n");
        let mut client = gateway.connect().await;
        client.write(format!("{head}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n", cap + 1)).await;
        assert_eq!(client.reply("POST").await.error(413, "payload_too_large")["max_bytes"], cap);
        assert!(client.closed().await);
        // More is not taken in of what is refused.
        if cap > limits::IMPORT_LINE_BYTES {
            continue;
        }
        // A client that does not ask first still gets to read the answer.
        let mut client = gateway.connect().await;
        client.write(format!("{head}Content-Length: {}\r\n\r\n", cap + 1)).await;
        client.write(vec![b' '; cap + 1]).await;
        client.reply("POST").await.error(413, "payload_too_large");
    }
    let head = format!(
        "POST /api/v1/memory/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    );
    let mut client = gateway.connect().await;
    client.write(format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    let piece = vec![b' '; 64 * 1024];
    for _ in 0..17 {
        client.write(format!("{:x}\r\n", piece.len())).await;
        client.write(&piece).await;
        client.write("\r\n").await;
    }
    client.reply("POST").await.error(413, "payload_too_large");
}

#[tokio::test]
async fn continue_is_said_and_chunks_are_joined() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    client
        .write(format!(
            "POST /api/v1/message HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
             Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        ))
        .await;
    assert_eq!(client.reply("POST").await.status, 100);
    for piece in [r#"{"channel":"ap"#, r#"i","message":"hi"}"#] {
        client.write(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
    }
    client.write("0\r\n\r\n").await;
    assert_eq!(client.reply("POST").await.json()["content"], "You said: hi");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let gateway = short(|limits| limits.connections = 3);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = gateway.connect().await;
        client.write(HEALTH).await;
        assert_eq!(client.reply("GET").await.status, 200);
        clients.push(client);
    }
    let mut extra = gateway.connect().await;
    let refusal = extra.head().await;
    assert_eq!((refusal.status, refusal.header("connection")), (503, Some("close")));
    assert!(extra.closed().await);
    clients[0].write(HEALTH).await;
    assert_eq!(clients[0].reply("GET").await.status, 200);
    clients.clear();
    loop {
        let mut next = gateway.connect().await;
        next.write(HEALTH).await;
        if next.head().await.status == 200 {
            break;
        }
    }
}

#[tokio::test]
async fn a_connection_long_idle_makes_room() {
    let gateway = short(|limits| {
        limits.connections = 2;
        limits.reclaim_after = Duration::ZERO;
    });
    let mut busy = gateway.connect().await;
    gateway.agent.then(AgentScript { end: ScriptEnd::Hang, tokens: 1, ..AgentScript::default() });
    let auth = format!("Authorization: Bearer {TOKEN}");
    let body = json!({"channel": "api", "message": "a"}).to_string();
    busy.send("POST", "/api/v1/message", &[&auth, "Accept: text/event-stream"], Some(body.as_bytes())).await;
    busy.head().await;
    let mut idle = gateway.connect().await;
    idle.write(HEALTH).await;
    idle.reply("GET").await;
    let mut next = gateway.connect().await;
    next.write(HEALTH).await;
    assert_eq!(next.reply("GET").await.status, 200);
    assert!(idle.closed().await);
    assert!(busy.chunk().await.is_some());
}

#[tokio::test]
async fn garbage_is_refused() {
    let gateway = Gateway::start();
    for garbage in [
        "\x16\x03\x01\x02\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(128 * 1024)),
    ] {
        let mut client = gateway.connect().await;
        client.write(garbage).await;
        assert!(client.closed().await);
    }
    assert_eq!(gateway.get("/api/v1/status").await.status, 200);
}

#[tokio::test]
async fn draining_finishes_what_is_under_way() {
    let gateway = Gateway::start();
    let script = AgentScript { tokens: 2, first_delay: Duration::from_millis(100), ..AgentScript::default() };
    gateway.agent.then(script);
    let auth = format!("Authorization: Bearer {TOKEN}");
    let body = json!({"channel": "api", "message": "a"}).to_string();
    let mut streaming = gateway.connect().await;
    streaming
        .send("POST", "/api/v1/message", &[&auth, "Accept: text/event-stream"], Some(body.as_bytes()))
        .await;
    streaming.head().await;
    let mut idle = gateway.connect().await;
    idle.write(HEALTH).await;
    idle.reply("GET").await;
    gateway.shutdown.cancel();
    assert!(idle.closed().await);
    let mut rest = String::new();
    while let Some(chunk) = streaming.chunk().await {
        rest += &chunk;
    }
    assert_eq!(events(&rest).pop().unwrap().1["type"], "end");
    gateway.stop().await;
    assert!(tokio::net::TcpStream::connect(gateway.addr).await.is_err());
}

#[tokio::test]
async fn draining_has_a_hard_end() {
    let gateway = Gateway::draining(config(), Limits::default(), Duration::from_millis(50));
    gateway.agent.then(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
    let auth = format!("Authorization: Bearer {TOKEN}");
    let body = json!({"channel": "api", "message": "a"}).to_string();
    let mut client = gateway.connect().await;
    client.send("POST", "/api/v1/message", &[&auth], Some(body.as_bytes())).await;
    while gateway.agent.submissions().is_empty() {
        tokio::task::yield_now().await;
    }
    gateway.stop().await;
    assert!(client.closed().await);
}

#[tokio::test]
async fn binding_says_what_is_wrong() {
    let gateway = Gateway::start();
    let bind = |change: fn(&mut GatewayConfig), port: u16| {
        let mut config = GatewayConfig { port, ..config() };
        change(&mut config);
        let (_, config) = tokio::sync::watch::channel(Arc::new(config));
        Server::bind(config, gateway.services()).err().unwrap()
    };
    let taken = bind(|_| {}, gateway.addr.port());
    assert!(matches!(taken, BindError::InUse { addr } if addr == gateway.addr), "{taken}");
    assert!(taken.to_string().contains("gateway.port"));
    let open = bind(
        |config| {
            config.bind = "0.0.0.0".parse().unwrap();
            config.auth.enabled = false;
        },
        0,
    );
    assert!(matches!(open, BindError::Unprotected { .. }), "{open}");
    let foreign = bind(|config| config.bind = "203.0.113.7".parse().unwrap(), 0);
    assert!(matches!(foreign, BindError::NoSuchAddress { .. }), "{foreign}");
}
