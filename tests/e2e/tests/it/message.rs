//! `POST /message`: waiting for the answer, and polling for it.

use openclaw_e2e::{Provider, Setup, need_gateway};
use serde_json::json;

#[test]
fn the_answer_has_the_contracts_form() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["Tomorrow ", "will be ", "fine."]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let body = client
        .post(
            "/message",
            &json!({"channel": "api", "message": "Weather?", "conversation_id": "conv_abc123",
                    "metadata": {"user_id": "user_001", "user_name": "사용자"}, "unknown": [1]}),
        )
        .expect(200);
    assert!(body["id"].as_str().unwrap().starts_with("msg_resp_"), "{body}");
    assert_eq!(body["conversation_id"], "conv_abc123");
    assert_eq!(body["role"], "assistant");
    assert_eq!(body["content"], "Tomorrow will be fine.");
    assert_eq!(body["skills_used"], json!([]));
    assert_eq!(body["model"], provider.model());
    assert!(body["latency_ms"].is_u64());
    let tokens = &body["tokens"];
    let sum = tokens["input"].as_u64().unwrap() + tokens["output"].as_u64().unwrap();
    assert!(sum > 0 && tokens["total"] == sum, "{tokens}");
}

#[test]
fn the_model_hears_what_was_said_before() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    std::fs::create_dir_all(setup.data().path()).unwrap();
    std::fs::write(setup.data().path().join("soul.md"), "You are a lighthouse keeper.").unwrap();
    let gateway = setup.start();
    let client = gateway.client();
    provider.answers(&["Noted, otters."]);
    let ask = |text: &str| {
        client
            .post("/message", &json!({"channel": "api", "message": text, "conversation_id": "c1"}))
            .expect(200)
    };
    let _ = ask("I like otters");
    provider.answers(&["Otters."]);
    let _ = ask("What do I like?");
    let _ = client.post("/message", &json!({"channel": "api", "message": "elsewhere"})).expect(200);
    let requests = provider.requests();
    assert_eq!(requests.len(), 3);
    let second = requests[1].to_string();
    for part in ["lighthouse keeper", "I like otters", "Noted, otters.", "What do I like?"] {
        assert!(second.contains(part), "{part} is missing in {second}");
    }
    assert!(!requests[2].to_string().contains("otters"), "another conversation knows nothing of it");
}

#[test]
fn without_waiting_the_answer_is_polled() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["not yet"]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let message = json!({"channel": "api", "message": "hello", "wait_for_response": false});
    let accepted = client.post("/message", &message);
    let body = accepted.expect(202);
    let id = body["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("msg_pending_"), "{body}");
    assert_eq!(body["status"], "processing");
    let poll = format!("/api/v1/message/{id}/status");
    assert_eq!(body["poll_url"], poll);
    assert_eq!(accepted.header("location"), Some(poll.as_str()));
    let status = client.get(&format!("/message/{id}/status")).expect(200);
    assert_eq!((&status["id"], &status["status"]), (&json!(id), &json!("processing")));
    assert_eq!(status["conversation_id"], body["conversation_id"]);
    assert_eq!(status["poll_url"], poll);

    // The two run beside each other: the stall must be the first one's.
    provider.await_requests(1);
    provider.answers(&["now"]);
    let body = client.post("/message", &message).expect(202);
    let done = client.await_run(body["id"].as_str().unwrap());
    assert_eq!(done["status"], "completed", "{done}");
    let response = &done["response"];
    assert_eq!(response["content"], "now");
    // Either id finds it.
    let by_reply = client.get(&format!("/message/{}/status", response["id"].as_str().unwrap())).expect(200);
    assert_eq!(by_reply, done);
    let _ =
        client.get("/message/msg_pending_01ARZ3NDEKTSV4RRFFQ69G5FAV/status").expect_error(404, "not_found");
}

#[test]
fn a_timeout_is_408_and_the_run_goes_on() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers_slowly(&["late ", "but ", "here"], 200);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let message = json!({"channel": "api", "message": "hello", "timeout_ms": 50});
    let body = client.post("/message", &message).expect_error(408, "timeout");
    let details = &body["details"];
    let id = details["id"].as_str().unwrap();
    assert!(id.starts_with("msg_pending_"), "{body}");
    assert!(details["conversation_id"].is_string());
    assert_eq!(details["poll_url"], format!("/api/v1/message/{id}/status"));
    assert_eq!(client.await_run(id)["response"]["content"], "late but here");
}

#[test]
fn one_conversation_runs_in_order_others_beside_it() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["first"]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let send = |conversation: &str, text: &str| {
        let body = json!({"channel": "api", "message": text, "conversation_id": conversation, "wait_for_response": false});
        client.post("/message", &body).expect(202)["id"].as_str().unwrap().to_owned()
    };
    let first = send("same", "one");
    provider.await_requests(1);
    let second = send("same", "two");
    let other = send("other", "three");
    assert_eq!(client.await_run(&other)["status"], "completed");
    assert_eq!(client.get(&format!("/message/{second}/status")).expect(200)["status"], "processing");
    assert_eq!(provider.requests().len(), 2, "`two` must wait for `one`");
    let _ = client.delete(&format!("/message/{first}")).expect(200);
    assert_eq!(client.await_run(&second)["status"], "completed");
    assert_eq!(client.get(&format!("/message/{first}/status")).expect(200)["status"], "cancelled");
}

#[test]
fn without_a_provider_503_names_three_ways() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    assert_eq!(client.get("/health").status, 200);
    let body = client
        .post("/message", &json!({"channel": "api", "message": "anybody?"}))
        .expect_error(503, "service_unavailable");
    let text = body.to_string().to_lowercase();
    for way in ["anthropic_api_key", "ollama", "gateway model pull"] {
        assert!(text.contains(way), "{way} is missing in {body}");
    }
}
