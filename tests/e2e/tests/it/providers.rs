//! Providers that fail, in all the ways they do.

use std::net::TcpListener;

use openclaw_e2e::{Client, Provider, Response, Setup, need_gateway};
use serde_json::json;

fn ask(client: &Client) -> Response {
    client.post("/message", &json!({"channel": "api", "message": "hello"}))
}

/// `primary` with this behaviour, `spare` beside it.
fn two(primary: &Provider, spare: &Provider, more: &str) -> Setup {
    Setup::new().providers(&format!(
        "providers:\n  primary:\n{}    max_retries: 1\n{more}  spare:\n{}routing:\n  fallback: [spare]\n",
        primary.yaml("    "),
        spare.yaml("    ")
    ))
}

#[test]
fn anthropic_answers_whole_and_streamed() {
    need_gateway!();
    let provider = Provider::anthropic();
    provider.answers(&["Bon", "jour"]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let body = ask(&client).expect(200);
    assert_eq!((&body["content"], &body["model"]), (&json!("Bonjour"), &json!(provider.model())));
    assert!(body["tokens"]["total"].as_u64() > Some(0), "{body}");
    assert_eq!(client.get("/status").expect(200)["reasoning"]["primary_provider"], "anthropic");
}

#[test]
fn a_429_is_waited_out() {
    need_gateway!();
    let provider = Provider::openai();
    provider.fails(429, &[("Retry-After", "1")]);
    provider.answers(&["patience"]);
    let gateway = Setup::with(&provider).start();
    let started = std::time::Instant::now();
    assert_eq!(ask(&gateway.client()).expect(200)["content"], "patience");
    assert!(started.elapsed().as_millis() >= 900, "Retry-After was not honoured");
    assert_eq!(provider.requests().len(), 2);
}

#[test]
fn overload_and_faults_fail_over() {
    need_gateway!();
    for status in [500, 503, 529] {
        let (primary, spare) = (Provider::anthropic(), Provider::openai());
        primary.fails(status, &[]);
        primary.fails(status, &[]);
        spare.answers(&["from the spare"]);
        let gateway = two(&primary, &spare, "").start();
        let body = ask(&gateway.client()).expect(200);
        assert_eq!(
            (&body["content"], &body["model"]),
            (&json!("from the spare"), &json!(spare.model())),
            "{status}"
        );
        assert_eq!(primary.requests().len(), 2, "{status}: one retry, then the next");
    }
}

#[test]
fn silence_fails_over() {
    need_gateway!();
    let (primary, spare) = (Provider::openai(), Provider::openai());
    primary.hangs();
    primary.hangs();
    spare.answers(&["awake"]);
    let gateway = two(&primary, &spare, "    timeout_ms: 200\n").start();
    assert_eq!(ask(&gateway.client()).expect(200)["content"], "awake");
}

#[test]
fn nobody_there_fails_over() {
    need_gateway!();
    let spare = Provider::openai();
    spare.answers(&["here"]);
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let setup = Setup::new().providers(&format!(
        "providers:\n  primary:\n    type: openai\n    model: m\n    api_key: k\n    max_retries: 0\n    base_url: http://127.0.0.1:{port}\n  spare:\n{}routing:\n  fallback: [spare]\n",
        spare.yaml("    ")
    ));
    assert_eq!(ask(&setup.start().client()).expect(200)["content"], "here");
}

#[test]
fn when_all_fail_503_says_what_each_said() {
    need_gateway!();
    let (primary, spare) = (Provider::anthropic(), Provider::openai());
    for _ in 0..4 {
        primary.fails(529, &[]);
        spare.fails(500, &[]);
    }
    let gateway = two(&primary, &spare, "").start();
    let error = ask(&gateway.client()).expect_error(503, "service_unavailable");
    let text = error.to_string();
    for part in ["primary", "529", "spare", "500"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    assert!(!text.contains(openclaw_e2e::Provider::KEY), "{text}");
}

#[test]
fn a_refused_key_is_told_and_not_retried() {
    need_gateway!();
    let provider = Provider::openai();
    provider.fails(401, &[]);
    let gateway = Setup::with(&provider).start();
    let error = ask(&gateway.client()).expect_error(503, "service_unavailable");
    assert!(error.to_string().contains("401"), "{error}");
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn a_failed_run_can_be_looked_up() {
    need_gateway!();
    let provider = Provider::openai();
    provider.fails(400, &[]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let body = json!({"channel": "api", "message": "x", "wait_for_response": false});
    let id = client.post("/message", &body).expect(202)["id"].as_str().unwrap().to_owned();
    let status = client.await_run(&id);
    assert_eq!(status["status"], "failed");
    assert_eq!(status["error"]["error"], "service_unavailable", "{status}");
    assert!(status["error"]["message"].is_string() && status["error"]["status"] == 503, "{status}");
}

#[test]
fn a_tool_nobody_has_is_told_to_the_model() {
    need_gateway!();
    for provider in [Provider::openai(), Provider::anthropic()] {
        provider.calls("weather", json!({"city": "서울", "days": [1, 2, 3]}));
        provider.answers(&["No weather today."]);
        let gateway = Setup::with(&provider).start();
        let client = gateway.client();
        let message = json!({"channel": "api", "message": "weather?", "conversation_id": "c"});
        let events = client.stream_message(&message).rest();
        let told: Vec<_> = events.iter().map(|event| (event.kind(), &event.data["status"])).collect();
        let call = told.iter().position(|event| *event == ("skill_call", &json!("invoking")));
        let result = told.iter().position(|event| *event == ("skill_result", &json!("failed")));
        assert!(call.is_some() && call < result, "{told:?}");
        let end = &events.last().unwrap().data;
        assert_eq!(end["type"], "end");
        // Both model calls are counted, and the second knows what became of the first.
        assert_eq!(end["tokens"]["input"], 20, "{end}");
        let requests = provider.requests();
        assert_eq!(requests.len(), 2);
        let second = requests[1].to_string();
        for known in ["weather", "서울", "There is no tool"] {
            assert!(second.contains(known), "{known}: {second}");
        }
        let view = client.get("/conversations/c").expect(200);
        assert_eq!(view["messages"].as_array().unwrap().len(), 4, "the call and its result are kept: {view}");
    }
}

#[test]
fn what_a_model_remembers_shows_as_a_tool_and_not_as_a_skill() {
    need_gateway!();
    for provider in [Provider::openai(), Provider::anthropic()] {
        provider
            .calls("memory_store", json!({"content": "喜歡烏龍茶", "kind": "preference", "importance": 0.8}));
        provider.answers(&["記住了。"]);
        let gateway = Setup::with(&provider).start();
        let client = gateway.client();
        let message = json!({"channel": "api", "message": "我喜歡烏龍茶", "conversation_id": "c"});
        let events = client.stream_message(&message).rest();
        let called =
            events.iter().find(|event| event.kind() == "skill_call").map(|event| &event.data["skill"]);
        assert_eq!(called, Some(&json!("memory_store")), "{events:?}");
        let end = &events.last().unwrap().data;
        assert_eq!((&end["type"], &end["skills_used"]), (&json!("end"), &json!([])), "{end}");
        let requests = provider.requests();
        assert!(requests[1].to_string().contains("Remembered as mem_"), "{}", requests[1]);
        let offered = requests[0]["tools"].to_string();
        for tool in ["memory_search", "memory_read", "memory_store", "memory_forget"] {
            assert!(offered.contains(tool), "{offered}");
        }
        // The next question finds it; asked elsewhere, so that only the memory can know.
        provider.answers(&["烏龍茶。"]);
        client
            .stream_message(&json!({"channel": "api", "message": "我喜歡喝什麼茶？", "conversation_id": "d"}))
            .rest();
        let asked = provider.requests()[2].to_string();
        assert!(asked.contains("<memory>") && asked.contains("喜歡烏龍茶"), "{asked}");
    }
}
