//! Server-sent events.

use std::time::Duration;

use openclaw_core::{ErrorCode, Failure};
use openclaw_http::Limits;
use openclaw_testkit::{AgentScript, ScriptEnd, ScriptedSkill};
use serde_json::json;

use crate::support::{Gateway, TOKEN, config, events};

const ACCEPT: &str = "Accept: text/event-stream";

fn auth() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

fn body() -> serde_json::Value {
    json!({"channel": "api", "message": "寫一首詩", "conversation_id": "conv_abc123"})
}

#[tokio::test]
async fn the_seeds_example() {
    let gateway = Gateway::start();
    let skill = ScriptedSkill {
        name: "weather".into(),
        arguments: json!({"city": "서울"}),
        ..ScriptedSkill::default()
    };
    gateway.agent.then(AgentScript {
        reply: Some("春風拂面".into()),
        skills: vec![skill],
        ..AgentScript::default()
    });
    let reply =
        gateway.connect().await.call("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(body())).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    let events: Vec<_> = events(&reply.body).into_iter().map(|(_, data)| data).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "skill_call", "skill_result", "token", "token", "token", "token", "end"]);
    assert_eq!(events[0]["conversation_id"], "conv_abc123");
    assert!(events[0]["id"].as_str().unwrap().starts_with("msg_pending_"));
    assert_eq!((&events[1]["skill"], &events[1]["status"]), (&json!("weather"), &json!("invoking")));
    assert_eq!((&events[2]["skill"], &events[2]["status"]), (&json!("weather"), &json!("completed")));
    assert_eq!(events[3], json!({"type": "token", "content": "春"}));
    let end = &events[7];
    let keys: Vec<_> = end.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.join(" "), "type tokens id model latency_ms skills_used");
    assert!(end["id"].as_str().unwrap().starts_with("msg_resp_") && end["tokens"].get("total").is_none());
    assert!(reply.body.starts_with("id: 0-1\ndata: {\"type\":\"start\""), "{}", reply.body);
}

#[tokio::test]
async fn resuming_loses_and_repeats_nothing() {
    let gateway = Gateway::start();
    let whole =
        gateway.connect().await.call("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(body())).await;
    let whole = events(&whole.body);
    let run = whole[0].1["id"].as_str().unwrap();
    for seen in 0..whole.len() {
        let last = format!("Last-Event-ID: {}", whole[seen].0);
        let path = format!("/api/v1/message/{run}/stream");
        let rest = gateway.connect().await.call("GET", &path, &[&auth(), &last], None).await;
        assert_eq!((rest.status, events(&rest.body)), (200, whole[seen + 1..].to_vec()));
    }
    let path = format!("/api/v1/message/{run}/stream");
    for header in ["X-None: 1", "Last-Event-ID: "] {
        let all = gateway.connect().await.call("GET", &path, &[&auth(), header], None).await;
        assert_eq!(events(&all.body), whole);
    }
    for bad in ["Last-Event-ID: 5", "Last-Event-ID: a-b", "Last-Event-ID: 0-99999999999999999999999"] {
        gateway.connect().await.call("GET", &path, &[&auth(), bad], None).await.bad_field("Last-Event-ID");
    }
}

#[tokio::test]
async fn a_token_leaves_before_the_next_is_there() {
    let gateway = Gateway::start();
    gateway.agent.then(AgentScript { tokens: 2, end: ScriptEnd::Hang, ..AgentScript::default() });
    let mut client = gateway.connect().await;
    client.send("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(body().to_string().as_bytes())).await;
    assert_eq!(client.head().await.status, 200);
    let mut seen = String::new();
    while events(&seen).len() < 3 {
        seen += &client.chunk().await.unwrap();
    }
    let run = events(&seen)[0].1["id"].as_str().unwrap().to_owned();
    assert_eq!(gateway.call("DELETE", &format!("/api/v1/message/{run}"), None).await.status, 200);
    let last = client.chunk().await.unwrap();
    let (_, error) = events(&last).pop().unwrap();
    assert_eq!(
        (&error["type"], &error["error"], &error["status"]),
        (&json!("error"), &json!("conflict"), &json!(409))
    );
    assert_eq!(client.chunk().await, None);
}

#[tokio::test]
async fn a_failed_run_ends_with_an_error_event() {
    let gateway = Gateway::start();
    gateway.agent.then(AgentScript {
        end: ScriptEnd::Fail(Failure::new(ErrorCode::ServiceUnavailable, "cut")),
        ..AgentScript::default()
    });
    let reply =
        gateway.connect().await.call("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(body())).await;
    let (_, last) = events(&reply.body).pop().unwrap();
    assert_eq!(
        last,
        json!({"type": "error", "error": "service_unavailable", "message": "cut", "status": 503})
    );
}

#[tokio::test]
async fn silence_is_filled_with_pings() {
    let limits = Limits { event_ping: Duration::from_millis(20), ..Limits::default() };
    let gateway = Gateway::with(config(), limits);
    gateway.agent.then(AgentScript { tokens: 1, end: ScriptEnd::Hang, ..AgentScript::default() });
    let mut client = gateway.connect().await;
    client.send("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(body().to_string().as_bytes())).await;
    client.head().await;
    let mut pings = 0;
    while pings < 3 {
        pings += usize::from(client.chunk().await.unwrap() == ": ping\n\n");
    }
}

#[tokio::test]
async fn refusals_are_json_even_for_streams() {
    let gateway = Gateway::start();
    let reply = gateway
        .connect()
        .await
        .call("POST", "/api/v1/message", &[&auth(), ACCEPT], Some(json!({"channel": "api"})))
        .await;
    reply.bad_field("message");
}
