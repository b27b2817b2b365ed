//! `/ws`.

use openclaw_e2e::{Provider, Setup, Socket, need_gateway};
use serde_json::{Value, json};

#[test]
fn the_seeds_conversation_works() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["你", "好"]);
    let gateway = Setup::with(&provider).start();
    let mut socket = Socket::authenticated(gateway.address());
    socket.send(&json!({"type": "message", "channel": "api", "content": "你好"}));
    let answer = socket.receive();
    assert_eq!(answer["type"], "response");
    assert_eq!((&answer["content"], &answer["role"]), (&json!("你好"), &json!("assistant")));
    assert!(answer["id"].as_str().unwrap().starts_with("msg_resp_"));
    assert!(answer["tokens"]["total"].is_u64() && answer["model"].is_string(), "{answer}");
    socket.send(&json!({"type": "ping"}));
    assert_eq!(socket.receive()["type"], "pong");
}

#[test]
fn a_wrong_token_is_told_and_closed() {
    need_gateway!();
    let gateway = Setup::new().start();
    let wrong_first_frames = [
        json!({"type": "auth", "token": "wrong"}),
        json!({"type": "auth"}),
        json!({"type": "message", "channel": "api", "content": "x"}),
    ];
    for frame in wrong_first_frames {
        let mut socket = Socket::open(gateway.address(), &[]).unwrap();
        socket.send(&frame);
        let answer = socket.receive();
        assert_eq!((&answer["type"], &answer["error"]), (&json!("error"), &json!("unauthorized")), "{frame}");
        assert_eq!(answer["status"], 401);
        assert!(answer["message"].is_string());
        assert_eq!(socket.close_code(), Some(4001), "{frame}");
    }
}

#[test]
fn who_says_nothing_is_closed_too() {
    need_gateway!();
    let gateway = Setup::new().start();
    let mut socket = Socket::open(gateway.address(), &[]).unwrap();
    assert_eq!(socket.close_code(), Some(4001));
}

#[test]
fn foreign_origins_are_refused() {
    need_gateway!();
    let gateway = Setup::new().start();
    assert_eq!(Socket::open(gateway.address(), &[("Origin", "https://evil.example")]).err(), Some(403));
    let own = format!("http://{}", gateway.address());
    assert!(Socket::open(gateway.address(), &[("Origin", &own)]).is_ok());
}

#[test]
fn streaming_frames_are_the_events() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["one ", "two"]);
    let gateway = Setup::with(&provider).start();
    let mut socket = Socket::authenticated(gateway.address());
    socket.send(
        &json!({"type": "message", "channel": "api", "content": "count", "stream": true, "request_id": "r1"}),
    );
    let mut frames = vec![socket.receive()];
    while !["response", "error"].contains(&frames.last().unwrap()["type"].as_str().unwrap()) {
        frames.push(socket.receive());
    }
    assert!(frames.iter().all(|frame| frame["request_id"] == "r1"), "{frames:?}");
    assert_eq!(frames[0]["type"], "start");
    let text: String = frames
        .iter()
        .filter(|frame| frame["type"] == "token")
        .filter_map(|frame| frame["content"].as_str())
        .collect();
    assert_eq!(text, "one two");
    assert_eq!(frames.last().unwrap()["content"], "one two");
}

#[test]
fn many_messages_are_in_flight_on_one_socket() {
    need_gateway!();
    let provider = Provider::openai();
    let gateway = Setup::with(&provider).start();
    let mut socket = Socket::authenticated(gateway.address());
    for number in 0..20 {
        socket.send(&json!({"type": "message", "channel": "api", "content": format!("m{number}"), "request_id": number.to_string()}));
    }
    let mut answered: Vec<u32> = (0..20)
        .map(|_| {
            let answer = socket.receive();
            assert_eq!(answer["type"], "response", "{answer}");
            answer["request_id"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..20).collect::<Vec<_>>());
}

#[test]
fn wrong_frames_are_answered_and_the_socket_lives() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let mut socket = Socket::authenticated(gateway.address());
    let bad = |answer: &Value| {
        assert_eq!((&answer["type"], &answer["status"]), (&json!("error"), &json!(400)), "{answer}");
    };
    socket.send_text("{not json");
    bad(&socket.receive());
    socket.send(&json!({"type": "dance"}));
    bad(&socket.receive());
    socket.send(&json!({"type": "message", "channel": "api", "request_id": "r"}));
    let answer = socket.receive();
    bad(&answer);
    assert_eq!(answer["request_id"], "r");
    socket.send(&json!({"type": "ping"}));
    assert_eq!(socket.receive()["type"], "pong");
}

#[test]
fn frames_over_the_bound_close_1009() {
    need_gateway!();
    let gateway = Setup::new().start();
    let mut socket = Socket::authenticated(gateway.address());
    socket.send_text(&format!("{{\"type\":\"ping\",\"x\":\"{}\"}}", "x".repeat(1024 * 1024)));
    assert_eq!(socket.close_code(), Some(1009));
}

#[test]
fn messages_count_as_requests() {
    need_gateway!();
    let gateway =
        Setup::with(&Provider::openai()).gateway("  rate_limit:\n    requests_per_minute: 3").start();
    let mut socket = Socket::authenticated(gateway.address());
    let statuses: Vec<Value> = (0..5)
        .map(|_| {
            socket.send(&json!({"type": "message", "channel": "api", "content": "x"}));
            socket.receive()["status"].clone()
        })
        .collect();
    assert_eq!(statuses.last(), Some(&json!(429)), "{statuses:?}");
}

#[test]
fn a_shutdown_closes_1001() {
    need_gateway!();
    let gateway = Setup::new().start();
    let mut socket = Socket::authenticated(gateway.address());
    gateway.terminate();
    assert_eq!(socket.close_code(), Some(1001));
    assert!(gateway.wait().0.success());
}
