//! Calls that wait for a person's word.

use openclaw_testkit::{AgentScript, ScriptedSkill};
use serde_json::{Value, json};

use crate::{
    socket::Socket,
    support::{Gateway, TOKEN, events},
};

fn asking() -> AgentScript {
    let skill = ScriptedSkill {
        name: "files.write".into(),
        arguments: json!({"path": "a.txt"}),
        approval: Some("It changes files.".into()),
        ..ScriptedSkill::default()
    };
    AgentScript {
        skills: vec![skill.clone(), ScriptedSkill { approval: None, ..skill }],
        ..AgentScript::default()
    }
}

/// Begins a run that asks, and waits until it does; gives its path and what its status says.
async fn begin(gateway: &Gateway) -> (String, Value) {
    gateway.agent.then(asking());
    let body =
        json!({"channel": "api", "message": "save", "conversation_id": "c", "wait_for_response": false});
    let id =
        gateway.call("POST", "/api/v1/message", Some(body)).await.json()["id"].as_str().unwrap().to_owned();
    loop {
        let status = gateway.get(&format!("/api/v1/message/{id}/status")).await.json();
        if status["status"] == "awaiting_approval" {
            return (format!("/api/v1/message/{id}"), status);
        }
        assert_eq!(status["status"], "processing");
    }
}

/// The answer, once it is there.
async fn finished(gateway: &Gateway, path: &str) -> Value {
    loop {
        let status = gateway.get(&format!("{path}/status")).await.json();
        if status["status"] == "completed" {
            assert!(status.get("approvals").is_none());
            return status["response"].clone();
        }
    }
}

#[tokio::test]
async fn a_run_says_what_it_waits_for_and_goes_on_when_allowed() {
    let gateway = Gateway::start();
    let (path, status) = begin(&gateway).await;
    let id = status["id"].clone();
    let asked = json!({"call_id": "call_0", "skill": "files", "tool": "files.write",
        "arguments": {"path": "a.txt"}, "reason": "It changes files."});
    assert_eq!(status["approvals"], json!([asked]));
    let address = format!("{path}/approve");
    let approve = |body: Value| gateway.call("POST", &address, Some(body));

    let other = approve(json!({"call_id": "call_9"})).await;
    let details = other.error(409, "conflict");
    assert_eq!((&details["waiting"], &details["status"]), (&json!(["call_0"]), &json!("awaiting_approval")));
    let given = approve(json!({"call_id": "call_0"})).await;
    assert_eq!(given.json(), json!({"id": id, "status": "processing", "approved": ["call_0"], "denied": []}));
    assert_eq!(finished(&gateway, &path).await["skills_used"], json!(["files"]));
    assert_eq!(approve(json!({})).await.error(409, "conflict")["status"], "completed");

    let auth = format!("Authorization: Bearer {TOKEN}");
    let told = gateway.connect().await.call("GET", &format!("{path}/stream"), &[&auth], None).await;
    let told: Vec<Value> = events(&told.body).into_iter().map(|(_, event)| event).collect();
    assert_eq!(
        told[1],
        json!({"type": "skill_call", "skill": "files", "status": "awaiting_approval", "tool": "files.write",
            "call_id": "call_0", "arguments": {"path": "a.txt"}, "reason": "It changes files."})
    );
    assert_eq!((&told[2]["status"], &told[2]["call_id"]), (&json!("invoking"), &json!("call_0")));
    assert_eq!(
        told[3],
        json!({"type": "skill_result", "skill": "files", "status": "completed", "tool": "files.write", "call_id": "call_0"})
    );
    assert_eq!((&told[4]["status"], &told[4]["call_id"]), (&json!("invoking"), &json!("call_1")));
}

#[tokio::test]
async fn no_body_allows_whatever_waits_and_a_word_may_be_no() {
    let gateway = Gateway::start();
    let (path, _) = begin(&gateway).await;
    let given = gateway.call("POST", &format!("{path}/approve"), None).await.json();
    assert_eq!(given["approved"], json!(["call_0"]));
    finished(&gateway, &path).await;

    let (path, _) = begin(&gateway).await;
    let no = json!({"approve": false, "reason": "wrong folder"});
    let given = gateway.call("POST", &format!("{path}/approve"), Some(no)).await.json();
    assert_eq!((&given["approved"], &given["denied"]), (&json!([]), &json!(["call_0"])));
    finished(&gateway, &path).await;
    let told = gateway.get(&format!("{path}/stream")).await;
    assert_eq!(events(&told.body)[2].1["status"], "failed");
}

#[tokio::test]
async fn words_that_are_none() {
    let gateway = Gateway::start();
    let (path, _) = begin(&gateway).await;
    let address = format!("{path}/approve");
    let approve = |body: Value| gateway.call("POST", &address, Some(body));
    for (body, field) in [
        (json!({"approve": "yes"}), "approve"),
        (json!({"call_id": 1}), "call_id"),
        (json!({"reason": "x".repeat(1001)}), "reason"),
        (json!([]), "body"),
    ] {
        approve(body).await.bad_field(field);
    }
    let unknown = openclaw_core::RunId::generate().to_string();
    for id in [unknown.as_str(), "nonsense"] {
        let path = format!("/api/v1/message/{id}/approve");
        gateway.call("POST", &path, Some(json!({}))).await.error(404, "not_found");
    }
    gateway.get(&format!("{path}/approve")).await.error(405, "method_not_allowed");
    assert_eq!(gateway.call("DELETE", &path, None).await.status, 200, "a run that waits can be cancelled");
    assert_eq!(approve(json!({})).await.error(409, "conflict")["status"], "cancelled");
}

#[tokio::test]
async fn whoever_waits_for_the_answer_is_told_where_to_ask() {
    let gateway = Gateway::start();
    gateway.agent.then(asking());
    let body = json!({"channel": "api", "message": "save", "conversation_id": "c", "timeout_ms": 1});
    let details = gateway.call("POST", "/api/v1/message", Some(body)).await.error(408, "timeout");
    let poll_url = details["poll_url"].as_str().unwrap();
    while gateway.get(poll_url).await.json()["status"] != "awaiting_approval" {}
}

#[tokio::test]
async fn a_call_that_waits_is_allowed_over_the_socket() {
    let gateway = Gateway::start();
    let mut socket = Socket::authenticated(&gateway).await;
    let skill = ScriptedSkill {
        name: "shell".into(),
        arguments: json!({}),
        approval: Some("It runs programs.".into()),
        ..ScriptedSkill::default()
    };
    gateway.agent.then(AgentScript { skills: vec![skill], tokens: 1, ..AgentScript::default() });
    socket
        .send(json!({"type": "message", "channel": "api", "content": "hi", "stream": true, "request_id": 1}))
        .await;
    let start = socket.receive().await;
    let asked = socket.receive().await;
    assert_eq!(
        (&asked["type"], &asked["status"], &asked["reason"], &asked["request_id"]),
        (&json!("skill_call"), &json!("awaiting_approval"), &json!("It runs programs."), &json!(1))
    );
    socket.send(json!({"type": "approve", "request_id": 2})).await;
    let missing = socket.receive().await;
    assert_eq!((&missing["details"]["field"], &missing["request_id"]), (&json!("id"), &json!(2)));
    let other = json!({"type": "approve", "id": start["id"], "call_id": "call_7"});
    socket.send(other).await;
    assert_eq!(socket.receive().await["status"], 409);
    socket.send(json!({"type": "approve", "id": "nonsense"})).await;
    assert_eq!(socket.receive().await["status"], 404);

    let word = json!({"type": "approve", "id": start["id"], "call_id": asked["call_id"], "request_id": "a"});
    socket.send(word).await;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Value| frame["type"] != "response") {
        frames.push(socket.receive().await);
    }
    let given = frames.iter().find(|frame| frame["type"] == "approval").unwrap();
    assert_eq!(
        *given,
        json!({"type": "approval", "id": start["id"], "status": "processing", "approved": ["call_0"], "denied": [], "request_id": "a"})
    );
    assert!(frames.iter().any(|frame| frame["type"] == "skill_call" && frame["status"] == "invoking"));
}
