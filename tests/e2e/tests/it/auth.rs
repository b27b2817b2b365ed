//! Who may call.

use std::io::{BufReader, Write as _};

use openclaw_e2e::{Request, Response, Setup, TOKEN, need_gateway};
use serde_json::json;

#[test]
fn without_a_token_everything_but_health_is_401() {
    need_gateway!();
    let gateway = Setup::new().start();
    let nobody = gateway.client().token(None);
    let answer = nobody.get("/status");
    let body = answer.expect_error(401, "unauthorized");
    assert_eq!(
        body,
        json!({"error": "unauthorized", "message": "Missing or invalid authentication token", "status": 401, "details": {}})
    );
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    let _ =
        nobody.post("/message", &json!({"channel": "api", "message": "x"})).expect_error(401, "unauthorized");
    let _ = nobody.delete("/conversations/x").expect_error(401, "unauthorized");
    assert_eq!(nobody.get("/health").status, 200);
}

#[test]
fn wrong_tokens_are_401_and_the_scheme_has_no_case() {
    need_gateway!();
    let gateway = Setup::new().start();
    let nobody = gateway.client().token(None);
    let with =
        |value: &str| nobody.send(&Request::new("GET", "/api/v1/status").header("Authorization", value));
    for wrong in [
        "Bearer nonsense".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {TOKEN}"),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {}", &TOKEN[1..]),
        TOKEN.to_owned(),
    ] {
        assert_eq!(with(&wrong).status, 401, "{wrong}");
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(with(&format!("{scheme} {TOKEN}")).status, 200, "{scheme}");
    }
}

#[test]
fn guessing_tokens_is_slowed_down() {
    need_gateway!();
    let gateway = Setup::new().start();
    let guesser = gateway.client().token(Some("a guess"));
    let refused = (0..200).map(|_| guesser.get("/status")).find(|answer| answer.status == 429);
    let refused = refused.expect("after many wrong tokens, 429");
    let _ = refused.expect_error(429, "rate_limited");
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn foreign_hosts_and_origins_are_403() {
    need_gateway!();
    let gateway = Setup::new()
        .gateway("  allowed_hosts: [\"gateway.example\"]\n  allowed_origins: [\"https://app.example\"]")
        .start();
    let client = gateway.client();
    let port = gateway.address().port();
    let with = |name: &str, value: &str| {
        client.send(&Request::new("GET", "/api/v1/status").header(name, value)).status
    };
    assert_eq!(with("Host", &format!("evil.example:{port}")), 403);
    assert_eq!(with("Host", &format!("localhost:{port}")), 200);
    assert_eq!(with("Host", "gateway.example"), 200);
    assert_eq!(with("Origin", "https://evil.example"), 403);
    assert_eq!(with("Origin", "null"), 403);
    assert_eq!(with("Origin", "https://app.example"), 200);
    assert_eq!(with("Origin", &format!("http://127.0.0.1:{port}")), 200);
    let refused =
        client.send(&Request::new("GET", "/api/v1/status").header("Origin", "https://evil.example"));
    let _ = refused.expect_error(403, "forbidden");
}

#[test]
fn without_auth_loopback_is_open() {
    need_gateway!();
    let setup = Setup::new().keep_config();
    setup.data().write_config("gateway:\n  port: 0\n  auth:\n    enabled: false\n");
    let gateway = setup.start();
    let status = gateway.client().token(None).get("/status").expect(200);
    assert_eq!(status["gateway"]["auth_enabled"], false);
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    need_gateway!();
    let gateway = Setup::new().start();
    let mut stream = gateway.client().connect();
    let one = |path: &str| {
        format!("GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n")
    };
    stream
        .write_all([one("/health"), one("/status"), one("/nowhere"), one("/skills")].concat().as_bytes())
        .unwrap();
    let mut reader = BufReader::new(stream);
    let mut next = || Response::read(&mut reader).unwrap();
    assert_eq!(next().expect(200)["status"], "ok");
    assert_eq!(next().expect(200)["status"], "running");
    let _ = next().expect_error(404, "not_found");
    assert_eq!(next().expect(200)["total"], 0);
}
