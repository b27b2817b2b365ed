//! The WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_core::{ErrorCode, Failure, Secret};
use openclaw_http::Limits;
use openclaw_testkit::{AgentScript, ScriptEnd};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Bytes, Message},
};

use crate::support::{Gateway, PATIENCE, TOKEN, config};

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(gateway: &Gateway, path: &str) -> Self {
        Self(connect_async(format!("ws://{}{path}", gateway.addr)).await.unwrap().0)
    }

    pub(crate) async fn authenticated(gateway: &Gateway) -> Self {
        let mut socket = Self::open(gateway, "/ws").await;
        socket.send(json!({"type": "auth", "token": TOKEN})).await;
        let reply = socket.receive().await;
        assert_eq!(reply["type"], "auth_success", "{reply}");
        assert!(reply["session_id"].as_str().is_some_and(|id| !id.is_empty()));
        socket
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("the server keeps silent")?.ok()? {
                Message::Ping(_) | Message::Pong(_) => {}
                other => return Some(other),
            }
        }
    }

    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    async fn close_code(&mut self) -> u16 {
        match self.next().await {
            Some(Message::Close(Some(frame))) => frame.code.into(),
            other => panic!("{other:?} is no close"),
        }
    }
}

#[tokio::test]
async fn the_seeds_example() {
    let gateway = Gateway::start();
    for path in ["/ws", "/api/v1/ws"] {
        let mut socket = Socket::open(&gateway, path).await;
        socket.send(json!({"type": "auth", "token": TOKEN})).await;
        assert_eq!(socket.receive().await["type"], "auth_success");
        socket.send(json!({"type": "message", "channel": "api", "content": "你好"})).await;
        let reply = socket.receive().await;
        assert_eq!((&reply["type"], &reply["content"]), (&json!("response"), &json!("You said: 你好")));
        let keys: Vec<_> = reply.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            keys.join(" "),
            "type id conversation_id role content skills_used tokens latency_ms model"
        );
    }
}

#[tokio::test]
async fn the_first_frame_authenticates() {
    let gateway = Gateway::start();
    for first in [
        json!({"type": "auth", "token": "wrong"}),
        json!({"type": "auth"}),
        json!({"type": "message"}),
        json!([]),
    ] {
        let mut socket = Socket::open(&gateway, "/ws").await;
        socket.send(first).await;
        let error = socket.receive().await;
        assert_eq!(
            error,
            json!({"type": "error", "error": "unauthorized", "message": "Missing or invalid authentication token", "status": 401})
        );
        assert_eq!(socket.close_code().await, 4001);
    }
}

#[tokio::test]
async fn silence_is_not_authentication() {
    let limits = Limits { socket_auth_timeout: Duration::from_millis(50), ..Limits::default() };
    let gateway = Gateway::with(config(), limits);
    let mut socket = Socket::open(&gateway, "/ws").await;
    assert_eq!(socket.receive().await["error"], "unauthorized");
    assert_eq!(socket.close_code().await, 4001);
}

#[tokio::test]
async fn without_auth_any_auth_frame_will_do() {
    let mut config = config();
    config.auth.enabled = false;
    let gateway = Gateway::with(config, Limits::default());
    let mut socket = Socket::open(&gateway, "/ws").await;
    socket.send(json!({"type": "auth"})).await;
    assert_eq!(socket.receive().await["type"], "auth_success");
}

#[tokio::test]
async fn many_messages_are_answered_side_by_side() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    gateway.agent.then(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
    socket.send(json!({"type": "message", "channel": "api", "content": "slow", "request_id": "slow"})).await;
    for number in 0..10 {
        socket.send(json!({"type": "message", "channel": "api", "content": format!("{number}"), "request_id": number})).await;
    }
    let mut seen = Vec::new();
    for _ in 0..10 {
        let reply = socket.receive().await;
        assert_eq!(reply["content"], format!("You said: {}", reply["request_id"]));
        seen.push(reply["request_id"].as_u64().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    let asked: Vec<_> =
        gateway.agent.submissions().into_iter().skip(1).map(|submission| submission.text).collect();
    assert_eq!(asked, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_socket_carries_so_many_messages_at_once() {
    let gateway = Gateway::start();
    gateway.agent.always(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
    let mut socket = Socket::authenticated(&gateway).await;
    for number in 0..=Limits::SOCKET_MESSAGES {
        socket.send(json!({"type": "message", "channel": "api", "content": "a", "request_id": number})).await;
    }
    let error = socket.receive().await;
    assert_eq!(
        (&error["error"], &error["request_id"]),
        (&json!("service_unavailable"), &json!(Limits::SOCKET_MESSAGES))
    );
}

#[tokio::test]
async fn events_come_as_frames_before_the_response() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    gateway.agent.then(AgentScript { reply: Some("春風拂面".into()), ..AgentScript::default() });
    socket
        .send(json!({"type": "message", "channel": "api", "content": "詩", "stream": true, "request_id": 7}))
        .await;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Value| frame["type"] != "response") {
        frames.push(socket.receive().await);
    }
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "token", "token", "token", "token", "end", "response"]);
    assert!(frames.iter().all(|frame| frame["request_id"] == 7));
    assert_eq!(frames[1], json!({"type": "token", "content": "春", "request_id": 7}));
    assert_eq!(frames[6]["content"], "春風拂面");

    gateway.agent.then(AgentScript {
        end: ScriptEnd::Fail(Failure::new(ErrorCode::ServiceUnavailable, "cut")),
        tokens: 1,
        ..AgentScript::default()
    });
    socket.send(json!({"type": "message", "channel": "api", "content": "詩", "stream": true})).await;
    assert_eq!(socket.receive().await["type"], "start");
    assert_eq!(socket.receive().await["type"], "token");
    let error = socket.receive().await;
    assert_eq!(
        (&error["type"], &error["status"], &error["message"]),
        (&json!("error"), &json!(503), &json!("cut"))
    );
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn mistakes_are_answered_and_the_socket_stays() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    for (frame, field) in [
        (json!({"type": "message", "content": "a", "request_id": "r"}), "channel"),
        (json!({"type": "message", "channel": "api", "request_id": "r"}), "content"),
        (json!({"type": "message", "channel": 1, "content": "a", "request_id": "r"}), "channel"),
        (
            json!({"type": "message", "channel": "api", "content": "a", "timeout_ms": 0, "request_id": "r"}),
            "timeout_ms",
        ),
        (json!({"type": "dance", "request_id": "r"}), "type"),
        (json!({"request_id": "r"}), "type"),
    ] {
        socket.send(frame).await;
        let error = socket.receive().await;
        assert_eq!(
            (&error["error"], &error["details"]["field"]),
            (&json!("bad_request"), &json!(field)),
            "{error}"
        );
        assert_eq!(error["request_id"], "r");
    }
    socket.send(json!({"type": "ping", "request_id": [1]})).await;
    assert_eq!(socket.receive().await["details"]["field"], "request_id");
    socket.0.send(Message::text("{not json")).await.unwrap();
    assert_eq!(socket.receive().await["error"], "bad_request");
    socket.0.send(Message::Binary(Bytes::from_static(b"x"))).await.unwrap();
    assert_eq!(socket.receive().await["error"], "bad_request");
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await["type"], "pong");
}

#[tokio::test]
async fn patience_ends_here_too() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    gateway.agent.then(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
    socket.send(json!({"type": "message", "channel": "api", "content": "a", "timeout_ms": 1})).await;
    let error = socket.receive().await;
    assert_eq!((&error["error"], &error["status"]), (&json!("timeout"), &json!(408)));
    assert!(error["details"]["poll_url"].is_string());
}

#[tokio::test]
async fn messages_count_as_requests() {
    let mut config = config();
    config.rate_limit.requests_per_minute = 1;
    let gateway = Gateway::with(config, Limits::default());
    let mut socket = Socket::authenticated(&gateway).await;
    socket.send(json!({"type": "message", "channel": "api", "content": "a"})).await;
    assert_eq!(socket.receive().await["type"], "response");
    socket.send(json!({"type": "message", "channel": "api", "content": "a"})).await;
    assert_eq!(socket.receive().await["error"], "rate_limited");
    assert_eq!(gateway.get("/api/v1/status").await.status, 429);
}

#[tokio::test]
async fn frames_that_mean_nothing_count_too() {
    let mut config = config();
    config.rate_limit.requests_per_minute = 2;
    let gateway = Gateway::with(config, Limits::default());
    let mut socket = Socket::authenticated(&gateway).await;
    socket.0.send(Message::text("{not json")).await.unwrap();
    assert_eq!(socket.receive().await["error"], "bad_request");
    socket.0.send(Message::Binary(Bytes::from_static(b"x"))).await.unwrap();
    assert_eq!(socket.receive().await["error"], "bad_request");
    socket.send(json!({"type": "dance", "request_id": "r"})).await;
    let error = socket.receive().await;
    assert_eq!((&error["error"], &error["request_id"]), (&json!("rate_limited"), &json!("r")));
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await["type"], "pong");
}

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
    let gateway = Gateway::start();
    let mut before_auth = Socket::open(&gateway, "/ws").await;
    let mut after_auth = Socket::authenticated(&gateway).await;
    for socket in [&mut before_auth, &mut after_auth] {
        let goodbye = CloseFrame { code: CloseCode::Library(4321), reason: "enough".into() };
        socket.0.send(Message::Close(Some(goodbye))).await.unwrap();
        assert_eq!(socket.close_code().await, 4321, "its own code comes back");
        assert!(socket.next().await.is_none());
    }
}

#[tokio::test]
async fn head_is_no_upgrade() {
    let gateway = Gateway::start();
    let upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let reply = gateway.connect().await.call("HEAD", "/ws", &upgrade, None).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, OPTIONS")));
}

#[tokio::test]
async fn a_withdrawn_token_ends_the_session() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    gateway.configure(|config| config.auth.token = Secret::new("another-token-0123456789"));
    socket.send(json!({"type": "message", "channel": "api", "content": "a"})).await;
    assert_eq!(socket.receive().await["error"], "unauthorized");
    assert_eq!(socket.close_code().await, 4001);
    assert!(gateway.agent.submissions().is_empty());
}

#[tokio::test]
async fn frames_are_bounded() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    let content = "a".repeat(1024 * 1024);
    socket.send(json!({"type": "message", "channel": "api", "content": content})).await;
    assert_eq!(socket.close_code().await, 1009);
}

#[tokio::test]
async fn who_answers_no_ping_is_let_go() {
    let limits = Limits { socket_ping: Duration::from_millis(20), ..Limits::default() };
    let gateway = Gateway::with(config(), limits);
    let mut client = gateway.connect().await;
    client
        .write(format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            gateway.addr
        ))
        .await;
    let head = client.head().await;
    assert_eq!(
        (head.status, head.header("sec-websocket-accept")),
        (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    );
    // A masked text frame with the mask 0, by hand: this client answers no pings.
    let auth = json!({"type": "auth", "token": TOKEN}).to_string();
    let mut frame = vec![0x81, 0x80 | u8::try_from(auth.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(auth.as_bytes());
    client.write(frame).await;
    let mut received = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut received);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    let pings = received.windows(2).filter(|pair| *pair == [0x89, 0x00]).count();
    assert_eq!(pings, 3);
    assert!(received.windows(2).any(|pair| pair == 4002_u16.to_be_bytes()));
}

#[tokio::test]
async fn shutting_down_answers_and_says_going_away() {
    let gateway = Gateway::start();
    let mut idle = Socket::authenticated(&gateway).await;
    let mut busy = Socket::authenticated(&gateway).await;
    gateway.agent.then(AgentScript { first_delay: Duration::from_millis(100), ..AgentScript::default() });
    busy.send(json!({"type": "message", "channel": "api", "content": "a"})).await;
    while gateway.agent.submissions().is_empty() {
        tokio::task::yield_now().await;
    }
    gateway.shutdown.cancel();
    assert_eq!(idle.close_code().await, 1001);
    assert_eq!(busy.receive().await["type"], "response");
    assert_eq!(busy.close_code().await, 1001);
    drop((idle, busy));
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_so() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    let reply = client.call("GET", "/ws", &[], None).await;
    reply.bad_field("Upgrade");
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 8"];
    client.call("GET", "/ws", &upgrade, None).await.bad_field("Sec-WebSocket-Version");
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    client.call("GET", "/ws", &upgrade, None).await.bad_field("Sec-WebSocket-Key");
}
