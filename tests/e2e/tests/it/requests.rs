//! Requests that are not what the contract asks for.

use std::io::{BufReader, Read as _, Write as _};

use openclaw_e2e::{Provider, Request, Response, Setup, TOKEN, need_gateway};
use serde_json::json;

#[test]
fn unknown_paths_are_404_and_wrong_methods_405_with_allow() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    let _ = client.get("/nowhere").expect_error(404, "not_found");
    let _ = client.send(&Request::new("GET", "/elsewhere")).expect_error(404, "not_found");
    for (method, path, allowed) in [
        ("POST", "/health", "GET"),
        ("GET", "/message", "POST"),
        ("PATCH", "/config", "PUT"),
        ("GET", "/memory/prune", "DELETE"),
        ("PUT", "/conversations/x", "DELETE"),
    ] {
        let answer = client.send(&Request::new(method, &format!("/api/v1{path}")));
        let _ = answer.expect_error(405, "method_not_allowed");
        let allow = answer.header("allow").unwrap_or_default();
        assert!(allow.contains(allowed), "{method} {path}: Allow: {allow}");
    }
}

#[test]
fn every_wrong_field_is_named() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let good = json!({"channel": "api", "message": "hello"});
    let cases = [
        ("channel", json!(null)),
        ("channel", json!("carrier-pigeon")),
        ("channel", json!(7)),
        ("message", json!("")),
        ("message", json!(["a"])),
        ("message", json!("x".repeat(256 * 1024 + 1))),
        ("conversation_id", json!("with space")),
        ("conversation_id", json!("x".repeat(65))),
        ("timeout_ms", json!(0)),
        ("timeout_ms", json!(600_001)),
        ("timeout_ms", json!("soon")),
        ("wait_for_response", json!("yes")),
        ("metadata", json!("me")),
    ];
    for (field, value) in cases {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = client.post("/message", &body);
        let error = answer.expect_error(400, "bad_request");
        let named = error["details"]["field"].as_str().unwrap_or_default();
        assert!(named == field || named.starts_with(&format!("{field}.")), "{field}: {value}: {error}");
        assert!(error["details"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{error}");
    }
    let mut missing = good;
    missing.as_object_mut().unwrap().remove("channel");
    let error = client.post("/message", &missing).expect_error(400, "bad_request");
    assert_eq!(error["details"]["field"], "channel");
}

#[test]
fn bodies_that_are_no_json_or_too_deep_are_400() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    let post = Request::new("POST", "/api/v1/message").header("Content-Type", "application/json");
    for body in ["", "{", "[]", "null", "{\"channel\": \"api\",}", "\u{feff}{}"] {
        let _ = client.send(&post.clone().body(body)).expect_error(400, "bad_request");
    }
    let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let _ = client.send(&post.body(deep)).expect_error(400, "bad_request");
    assert_eq!(client.get("/health").status, 200);
}

#[test]
fn other_media_types_are_415() {
    need_gateway!();
    let gateway = Setup::new().start();
    let request = Request::new("POST", "/api/v1/message").body("<message/>");
    let answer = gateway.client().send(&request.header("Content-Type", "text/xml"));
    let _ = answer.expect_error(415, "unsupported_media_type");
}

#[test]
fn bodies_over_the_bound_are_413_and_not_read() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    let post = Request::new("POST", "/api/v1/memory/search").header("Content-Type", "application/json");
    let _ = client.send(&post.body(vec![b' '; 1024 * 1024 + 1])).expect_error(413, "payload_too_large");
    // Announced only: the answer comes although not a byte of the body was sent.
    let mut stream = client.connect();
    let head = format!(
        "POST /api/v1/message HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        33 * 1024 * 1024
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = Response::read(&mut BufReader::new(stream)).unwrap().expect_error(413, "payload_too_large");
}

#[test]
fn request_ids_are_kept_or_made() {
    need_gateway!();
    let gateway = Setup::new().start();
    let with = |id: &str| {
        let answer = gateway.client().send(&Request::new("GET", "/api/v1/health").header("X-Request-Id", id));
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(with("trace-7f.1"), "trace-7f.1");
    assert_ne!(with("no spaces please"), "no spaces please");
}

#[test]
fn slow_clients_are_dropped_and_disturb_nobody() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = client.connect();
            stream.write_all(b"POST /api/v1/message HTTP/1.1\r\nHost: local").unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(client.get("/health").status, 200);
    }
    // The header time-out ends them; whether an answer comes first is the server's choice.
    for mut stream in slow {
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {
                let text = String::from_utf8_lossy(&rest);
                assert!(rest.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn garbage_instead_of_http_hurts_nobody() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    for garbage in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
    {
        let mut stream = client.connect();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // It may be answered by a 400, an empty close or a reset, but not by silence.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(client.get("/health").status, 200);
}
