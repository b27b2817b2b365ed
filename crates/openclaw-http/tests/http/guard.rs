//! Tokens, hosts, origins and limits.

use openclaw_core::Secret;
use serde_json::json;

use crate::support::{Gateway, TOKEN, config};
use openclaw_http::Limits;

const STATUS: &str = "/api/v1/status";

#[tokio::test]
async fn the_token_is_asked_for_everywhere_but_at_health() {
    let gateway = Gateway::start();
    for (method, path) in
        [("GET", STATUS), ("POST", "/api/v1/message"), ("GET", "/api/v1/nothing"), ("PUT", STATUS)]
    {
        let reply = gateway.connect().await.call(method, path, &[], None).await;
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(
            reply.json(),
            json!({"error": "unauthorized", "message": "Missing or invalid authentication token", "status": 401, "details": {}})
        );
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("Authorization: {scheme} {TOKEN}");
        assert_eq!(gateway.connect().await.call("GET", STATUS, &[&header], None).await.status, 200);
    }
}

#[tokio::test]
async fn failures_are_limited_and_the_owner_is_not_locked_out() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    for header in
        ["X: 1", "Authorization: Bearer x", "Authorization: Basic dGVzdA==", "Authorization: Bearer"]
    {
        client.call("GET", STATUS, &[header], None).await.error(401, "unauthorized");
    }
    for _ in 4..Limits::FAILED_AUTHENTICATIONS {
        client.call("GET", STATUS, &[], None).await.error(401, "unauthorized");
    }
    let reply = client.call("GET", STATUS, &[], None).await;
    assert_eq!(reply.error(429, "rate_limited")["limit"], 10);
    assert!(reply.header("retry-after").is_some());
    assert_eq!(gateway.get(STATUS).await.status, 200);
    assert_eq!(client.call("GET", "/api/v1/health", &[], None).await.status, 200);
}

#[tokio::test]
async fn requests_are_limited_per_minute() {
    let mut config = config();
    config.rate_limit.requests_per_minute = 3;
    let gateway = Gateway::with(config, Limits::default());
    for remaining in ["2", "1", "0"] {
        let reply = gateway.get(STATUS).await;
        assert_eq!(reply.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some(remaining));
        assert!(reply.header("x-ratelimit-reset").unwrap().parse::<u64>().unwrap() > 1_700_000_000);
    }
    let reply = gateway.get(STATUS).await;
    let details = reply.error(429, "rate_limited");
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert_eq!(reply.json()["message"], format!("Rate limit exceeded. Try again in {seconds} seconds."));
    assert_eq!((&details["limit"], &details["remaining"]), (&json!(3), &json!(0)));
    assert!(details["reset_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("0"));
    let health = gateway.connect().await.call("GET", "/api/v1/health", &[], None).await;
    assert_eq!((health.status, health.header("x-ratelimit-limit")), (200, None));
}

#[tokio::test]
async fn the_configuration_is_live() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    let old = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(client.call("GET", STATUS, &[&old], None).await.status, 200);
    gateway.configure(|config| config.auth.token = Secret::new("another-token-0123456789"));
    assert_eq!(client.call("GET", STATUS, &[&old], None).await.status, 401);
    let new = "Authorization: Bearer another-token-0123456789";
    assert_eq!(client.call("GET", STATUS, &[new], None).await.status, 200);
    gateway.configure(|config| config.rate_limit.requests_per_minute = 7);
    assert_eq!(client.call("GET", STATUS, &[new], None).await.header("x-ratelimit-limit"), Some("7"));
    gateway.configure(|config| config.auth.enabled = false);
    assert_eq!(client.call("GET", STATUS, &[], None).await.status, 200);
    gateway.configure(|config| config.allowed_hosts = vec!["gw.lan".into()]);
    client.write("GET /api/v1/status HTTP/1.1\r\nHost: gw.lan\r\n\r\n").await;
    assert_eq!(client.reply("GET").await.status, 200);
}

#[tokio::test]
async fn rebound_names_are_refused() {
    let gateway = Gateway::start();
    for path in ["/api/v1/health", STATUS, "/ws"] {
        let mut client = gateway.connect().await;
        client
            .write(format!(
                "GET {path} HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            ))
            .await;
        client.reply("GET").await.error(403, "forbidden");
        assert!(client.closed().await);
    }
    let mut client = gateway.connect().await;
    client.write("GET /api/v1/health HTTP/1.1\r\n\r\n").await;
    client.reply("GET").await.bad_field("Host");
    let mut client = gateway.connect().await;
    client.write("GET http://evil.example/api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    client.reply("GET").await.error(403, "forbidden");
    for host in ["localhost:1", "127.0.0.1", "[::1]:18789"] {
        let mut client = gateway.connect().await;
        client.write(format!("GET /api/v1/health HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(client.reply("GET").await.status, 200);
    }
}

#[tokio::test]
async fn foreign_pages_are_refused_and_listed_ones_may_read() {
    let mut config = config();
    config.allowed_origins = vec!["https://app.example.com".into()];
    let gateway = Gateway::with(config, Limits::default());
    let auth = format!("Authorization: Bearer {TOKEN}");
    for origin in ["Origin: https://evil.example", "Origin: null", "Origin: http://localhost:9"] {
        for (method, path) in
            [("GET", STATUS), ("OPTIONS", STATUS), ("GET", "/api/v1/health"), ("GET", "/ws")]
        {
            let reply = gateway.connect().await.call(method, path, &[&auth, origin], None).await;
            reply.error(403, "forbidden");
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
    }
    let listed = "Origin: https://app.example.com";
    let reply = gateway.connect().await.call("GET", STATUS, &[&auth, listed], None).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, Some("https://app.example.com"))
    );
    assert!(reply.header("access-control-expose-headers").unwrap().contains("X-RateLimit-Remaining"));
    let own = format!("Origin: http://{}", gateway.addr);
    assert_eq!(gateway.connect().await.call("GET", STATUS, &[&auth, &own], None).await.status, 200);
    let refused = gateway.connect().await.call("GET", STATUS, &[listed], None).await;
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, Some("https://app.example.com"))
    );

    let ask = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization", listed];
    let reply = gateway.connect().await.call("OPTIONS", "/api/v1/config", &ask, None).await;
    assert_eq!(
        (reply.status, reply.header("access-control-allow-methods")),
        (204, Some("GET, HEAD, PUT, OPTIONS"))
    );
    assert!(reply.header("access-control-allow-headers").unwrap().contains("Authorization"));
    let plain = gateway.connect().await.call("OPTIONS", "/api/v1/config", &[], None).await;
    assert_eq!((plain.status, plain.header("allow")), (204, Some("GET, HEAD, PUT, OPTIONS")));
}

#[tokio::test]
async fn every_response_has_an_id() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    for (given, kept) in [("abc-1.2_3", true), ("a b", false), ("", false), (&"x".repeat(129), false)] {
        let header = format!("X-Request-Id: {given}");
        let reply = client.call("GET", "/api/v1/health", &[&header], None).await;
        let id = reply.header("x-request-id").unwrap();
        assert_eq!(id == given, kept, "{given:?} gave {id:?}");
    }
}

#[tokio::test]
async fn a_webhook_wants_its_platforms_signature_and_no_token() {
    let gateway = Gateway::start();
    let mut client = gateway.connect().await;
    let path = "/api/v1/channels/telegram/webhook";
    let taken = client.call("POST", path, &["X-Signature: good"], Some(json!({}))).await;
    assert_eq!((taken.status, taken.json()), (200, json!({"accepted": true, "bytes": 2})));
    client.call("POST", path, &["X-Signature: bad"], Some(json!({}))).await.error(401, "unauthorized");
    client.call("GET", path, &[], None).await.error(405, "method_not_allowed");
    client.call("POST", "/api/v1/channels/fax/webhook", &[], Some(json!({}))).await.error(404, "not_found");
}
