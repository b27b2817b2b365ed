//! `POST /message` in its modes, and what can be asked of a run afterwards.

use openclaw_core::{AttachmentSource, ErrorCode, Failure, port::SubmitError};
use openclaw_testkit::{AgentScript, ScriptEnd, ScriptedSkill};
use serde_json::{Value, json};

use crate::support::{Gateway, Reply, TOKEN};

fn hanging() -> AgentScript {
    AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() }
}

async fn post(gateway: &Gateway, body: Value) -> Reply {
    gateway.call("POST", "/api/v1/message", Some(body)).await
}

async fn post_with(gateway: &Gateway, headers: &[&str], body: Value) -> Reply {
    let auth = format!("Authorization: Bearer {TOKEN}");
    let headers: Vec<_> = [auth.as_str()].into_iter().chain(headers.iter().copied()).collect();
    gateway.connect().await.call("POST", "/api/v1/message", &headers, Some(body)).await
}

#[tokio::test]
async fn the_seeds_example() {
    let gateway = Gateway::start();
    let skill = ScriptedSkill { name: "weather".into(), arguments: json!({}), ..ScriptedSkill::default() };
    gateway.agent.then(AgentScript { skills: vec![skill], ..AgentScript::default() });
    let body = json!({"channel": "api", "message": "明天서울的天氣如何?", "conversation_id": "conv_abc123",
        "metadata": {"user_id": "user_001", "user_name": "사용자"}});
    let reply = post(&gateway, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let body = reply.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.join(" "), "id conversation_id role content skills_used tokens latency_ms model");
    assert!(body["id"].as_str().unwrap().starts_with("msg_resp_"));
    assert_eq!(body["conversation_id"], "conv_abc123");
    assert_eq!(body["content"], "You said: 明天서울的天氣如何?");
    assert_eq!(body["skills_used"], json!(["weather"]));
    let tokens = &body["tokens"];
    assert_eq!(
        tokens["total"].as_u64(),
        tokens["input"].as_u64().zip(tokens["output"].as_u64()).map(|(a, b)| a + b)
    );
    let submission = gateway.agent.submissions().pop().unwrap();
    assert_eq!(submission.metadata.user_name.as_deref(), Some("사용자"));
}

#[tokio::test]
async fn without_a_conversation_a_new_one() {
    let gateway = Gateway::start();
    let body =
        post(&gateway, json!({"channel": "api", "message": "你好", "unknown": {"a": [1]}})).await.json();
    assert!(body["conversation_id"].as_str().unwrap().starts_with("conv_"), "{body}");
}

#[tokio::test]
async fn not_waiting_gives_a_place_to_ask() {
    let gateway = Gateway::start();
    gateway.agent.then(hanging());
    let reply = post(
        &gateway,
        json!({"channel": "api", "message": "a", "conversation_id": "c", "wait_for_response": false}),
    )
    .await;
    let body = reply.json();
    let id = body["id"].as_str().unwrap();
    let poll = format!("/api/v1/message/{id}/status");
    assert_eq!((reply.status, reply.header("location")), (202, Some(poll.as_str())));
    assert_eq!(body, json!({"id": id, "status": "processing", "conversation_id": "c", "poll_url": poll}));
    assert!(id.starts_with("msg_pending_"));

    assert_eq!(gateway.get(&poll).await.json(), body);
    let cancelled = gateway.call("DELETE", &format!("/api/v1/message/{id}"), None).await;
    assert_eq!(cancelled.json(), json!({"id": id, "status": "cancelled"}));
    assert_eq!(gateway.get(&poll).await.json()["status"], "cancelled");
    let again = gateway.call("DELETE", &format!("/api/v1/message/{id}"), None).await;
    assert_eq!(again.error(409, "conflict")["status"], "cancelled");
}

#[tokio::test]
async fn a_run_is_asked_after_by_either_id() {
    let gateway = Gateway::start();
    let answer = post(&gateway, json!({"channel": "api", "message": "a"})).await.json();
    let reply_id = answer["id"].as_str().unwrap();
    let run_id = reply_id.replace("msg_resp_", "msg_pending_");
    for id in [reply_id, &run_id] {
        let status = gateway.get(&format!("/api/v1/message/{id}/status")).await.json();
        assert_eq!((&status["status"], &status["response"]), (&json!("completed"), &answer));
        assert_eq!(status["id"], json!(run_id));
    }
    gateway.agent.then(AgentScript {
        end: ScriptEnd::Fail(Failure::new(ErrorCode::ServiceUnavailable, "nobody answers")),
        ..AgentScript::default()
    });
    let failed = post(&gateway, json!({"channel": "api", "message": "a", "conversation_id": "c"})).await;
    let details = failed.error(503, "service_unavailable");
    assert_eq!(details["conversation_id"], "c");
    let status =
        gateway.get(&format!("/api/v1/message/{}/status", details["id"].as_str().unwrap())).await.json();
    assert_eq!(
        (&status["status"], &status["error"]["message"]),
        (&json!("failed"), &json!("nobody answers"))
    );
}

#[tokio::test]
async fn unknown_runs() {
    let gateway = Gateway::start();
    let unknown = openclaw_core::RunId::generate().to_string();
    for id in [unknown.as_str(), "msg_pending_x", "nonsense"] {
        gateway.get(&format!("/api/v1/message/{id}/status")).await.error(404, "not_found");
        gateway.get(&format!("/api/v1/message/{id}/stream")).await.error(404, "not_found");
        gateway.call("DELETE", &format!("/api/v1/message/{id}"), None).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn patience_ends_and_the_run_goes_on() {
    let gateway = Gateway::start();
    gateway.agent.then(hanging());
    let reply =
        post(&gateway, json!({"channel": "api", "message": "a", "conversation_id": "c", "timeout_ms": 1}))
            .await;
    let details = reply.error(408, "timeout");
    assert_eq!(details["conversation_id"], "c");
    let status = gateway.get(details["poll_url"].as_str().unwrap()).await.json();
    assert_eq!(status["status"], "processing");
}

#[tokio::test]
async fn a_cancelled_run_is_a_conflict_for_who_waits() {
    let gateway = Gateway::start();
    gateway.agent.then(hanging());
    let waiting = post(&gateway, json!({"channel": "api", "message": "a", "conversation_id": "c"}));
    let cancelling = async {
        loop {
            if gateway.call("DELETE", "/api/v1/conversations/c", None).await.status == 200 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let (reply, ()) = tokio::join!(waiting, cancelling);
    let body = reply.json();
    assert!(reply.status == 409 || reply.status == 404, "{body}");
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_its_run() {
    let gateway = Gateway::start();
    let auth = format!("Authorization: Bearer {TOKEN}");
    let body = json!({"channel": "api", "message": "a", "conversation_id": "c", "wait_for_response": true})
        .to_string();
    let mut client = gateway.connect().await;
    gateway
        .agent
        .then(AgentScript { first_delay: std::time::Duration::from_millis(50), ..AgentScript::default() });
    client.send("POST", "/api/v1/message", &[&auth], Some(body.as_bytes())).await;
    while gateway.agent.submissions().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(client);
    let id = "c".parse().unwrap();
    while gateway.memory.transcript(&id).len() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_key_makes_a_request_repeatable() {
    let gateway = Gateway::start();
    let key = "Idempotency-Key: k-1";
    let body = json!({"channel": "api", "message": "once", "conversation_id": "c"});
    let first = post_with(&gateway, &[key], body.clone()).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let second = post_with(&gateway, &[key], body.clone()).await;
    assert_eq!((second.status, second.body.as_str()), (200, first.body.as_str()));
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(gateway.agent.submissions().len(), 1);
    let streamed = post_with(&gateway, &[key, "Accept: text/event-stream"], body.clone()).await;
    assert!(
        streamed.body.contains("You said: once") || streamed.body.contains("\"type\":\"end\""),
        "{streamed:?}"
    );

    let other = json!({"channel": "api", "message": "twice", "conversation_id": "c"});
    post_with(&gateway, &[key], other).await.error(409, "conflict");
    for bad in ["Idempotency-Key: ", "Idempotency-Key: a b", &format!("Idempotency-Key: {}", "x".repeat(256))]
    {
        post_with(&gateway, &[bad], body.clone()).await.bad_field("Idempotency-Key");
    }
}

#[tokio::test]
async fn what_a_message_must_be() {
    let gateway = Gateway::start();
    let with = |field: &str, value: Value| {
        let mut body = json!({"channel": "api", "message": "a"});
        body[field] = value;
        body
    };
    let file = |url: &str| json!({"name": "a", "mime_type": "b", "url": url});
    for (body, field) in [
        (json!({"message": "a"}), "channel"),
        (json!({"channel": "api"}), "message"),
        (with("channel", json!("fax")), "channel"),
        (with("channel", json!(null)), "channel"),
        (with("channel", json!(3)), "channel"),
        (with("message", json!(" \n")), "message"),
        (with("message", json!(["a"])), "message"),
        (with("message", json!("語".repeat(87_382))), "message"),
        (with("conversation_id", json!("../etc")), "conversation_id"),
        (with("conversation_id", json!("")), "conversation_id"),
        (with("conversation_id", json!("a".repeat(65))), "conversation_id"),
        (with("timeout_ms", json!(0)), "timeout_ms"),
        (with("timeout_ms", json!(600_001)), "timeout_ms"),
        (with("timeout_ms", json!("30000")), "timeout_ms"),
        (with("timeout_ms", json!(1.5)), "timeout_ms"),
        (with("timeout_ms", json!(-1)), "timeout_ms"),
        (with("wait_for_response", json!("yes")), "wait_for_response"),
        (with("metadata", json!("x")), "metadata"),
        (with("metadata", json!({"user_id": 1})), "metadata.user_id"),
        (with("metadata", json!({"attachments": [file("ftp://a")]})), "metadata.attachments[0]"),
        (with("metadata", json!({"attachments": vec![file("https://a"); 11]})), "metadata.attachments"),
    ] {
        post(&gateway, body).await.bad_field(field);
    }
    assert!(gateway.agent.submissions().is_empty());
    assert_eq!(post(&gateway, with("message", json!("語".repeat(87_381)))).await.status, 200);
}

#[tokio::test]
async fn attachments_arrive_decoded() {
    let gateway = Gateway::start();
    let body = json!({"channel": "api", "message": "a", "metadata": {"locale": "ko", "attachments": [
        {"name": "a.txt", "mime_type": "text/plain", "data": "aGVsbG8"},
        {"name": "b.png", "mime_type": "image/png", "url": "https://e.example/b.png"}]}});
    assert_eq!(post(&gateway, body).await.status, 200);
    let metadata = gateway.agent.submissions().pop().unwrap().metadata;
    assert_eq!(metadata.attachments[0].source, AttachmentSource::Data("hello".into()));
    assert_eq!(metadata.extra["locale"], "ko");
}

#[tokio::test]
async fn what_the_agent_refuses() {
    let gateway = Gateway::start();
    let body = json!({"channel": "api", "message": "a"});
    gateway.agent.refuse_next(SubmitError::Overloaded { waiting: 9 });
    let reply = post(&gateway, body.clone()).await;
    assert_eq!(reply.error(503, "service_unavailable")["waiting"], 9);
    assert_eq!(reply.header("retry-after"), Some("1"));
    gateway
        .agent
        .refuse_next(SubmitError::NoProvider(Failure::new(ErrorCode::ServiceUnavailable, "set a key")));
    assert_eq!(post(&gateway, body).await.json()["message"], "set a key");
}

#[tokio::test]
async fn bodies_must_be_json() {
    let gateway = Gateway::start();
    let auth = format!("Authorization: Bearer {TOKEN}");
    let body = br#"{"channel":"api","message":"hi"}"#;
    for content_type in
        ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", "Application/JSON"]
    {
        let mut client = gateway.connect().await;
        let header = format!("Content-Type: {content_type}");
        client.send("POST", "/api/v1/message", &[&auth, &header], Some(body)).await;
        assert_eq!(client.reply("POST").await.status, 200, "{content_type}");
    }
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]
    {
        let mut client = gateway.connect().await;
        let header = format!("Content-Type: {content_type}");
        client.send("POST", "/api/v1/message", &[&auth, &header], Some(body)).await;
        let reply = client.reply("POST").await;
        reply.error(415, "unsupported_media_type");
        assert!(reply.body.contains("Content-Type: application/json"), "{reply:?}");
    }
    let deep = format!(
        r#"{{"channel":"api","message":"a","metadata":{{"x":{}{}}}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for bad in
        [&b""[..], b"  ", b"{", b"[]", b"null", b"{\"channel\":\"\xff\"}", b"{\"a\":1}x", deep.as_bytes()]
    {
        let mut client = gateway.connect().await;
        client.send("POST", "/api/v1/message", &[&auth], Some(bad)).await;
        client.reply("POST").await.bad_field("body");
    }
    let mut client = gateway.connect().await;
    client.send("POST", "/api/v1/message", &[&auth], Some(br#"{"channel":"api","channel":"api"}"#)).await;
    client.reply("POST").await.error(400, "bad_request");
}
