//! Server-Sent Events.

use openclaw_e2e::{Provider, Request, Setup, need_gateway};
use serde_json::json;

#[test]
fn the_stream_is_written_as_the_contract_says() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["春", "風", "拂", "面"]);
    let gateway = Setup::with(&provider).start();
    let events = gateway
        .client()
        .stream_message(&json!({"channel": "api", "message": "寫一首詩", "conversation_id": "conv_abc123"}))
        .rest();
    let kinds: Vec<_> = events.iter().map(|event| event.kind().to_owned()).collect();
    assert_eq!(kinds.first().map(String::as_str), Some("start"));
    assert_eq!(kinds.last().map(String::as_str), Some("end"));
    assert!(kinds[1..kinds.len() - 1].iter().all(|kind| kind == "token"), "{kinds:?}");
    let run = events[0].data["id"].as_str().unwrap().to_owned();
    assert!(run.starts_with("msg_pending_"));
    assert_eq!(events[0].data["conversation_id"], "conv_abc123");
    let text: String = events.iter().filter_map(|event| event.data["content"].as_str()).collect();
    assert_eq!(text, "春風拂面");
    let end = &events.last().unwrap().data;
    assert_eq!(end["id"], run.replace("msg_pending_", "msg_resp_"));
    assert_eq!(end["model"], provider.model());
    assert_eq!(end["skills_used"], json!([]));
    assert!(
        end["tokens"]["input"].is_u64() && end["tokens"]["output"].is_u64() && end["latency_ms"].is_u64()
    );
    // Byte for byte: an id line and one data line, in whichever order, nothing else, then an empty line.
    for event in &events {
        let mut lines: Vec<_> = event.raw.strip_suffix("\n\n").unwrap().split('\n').collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 2, "{:?}", event.raw);
        assert!(
            lines[0].starts_with("data: {\"type\":\"") || lines[0].starts_with("data: {\"type\": \""),
            "{lines:?}"
        );
        assert_eq!(lines[1], format!("id: {}", event.id));
        assert!(!event.raw.contains('\r'));
    }
    let mut ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "every event has an id of its own");
}

#[test]
fn a_token_leaves_as_soon_as_it_came() {
    need_gateway!();
    let provider = Provider::anthropic();
    provider.stalls(&["at once"]);
    let gateway = Setup::with(&provider).start();
    // The provider says nothing more, ever: what is read here was not held back.
    let mut events = gateway.client().stream_message(&json!({"channel": "api", "message": "x"}));
    assert_eq!(events.next().unwrap().kind(), "start");
    assert_eq!(events.next().unwrap().data, json!({"type": "token", "content": "at once"}));
}

#[test]
fn resuming_loses_and_repeats_nothing() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers(&["one ", "two ", "three ", "四"]);
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    let events = client.stream_message(&json!({"channel": "api", "message": "x"})).rest();
    let run = events[0].data["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/message/{run}/stream");
    let text = |events: &[openclaw_e2e::Event]| -> String {
        events.iter().filter_map(|event| event.data["content"].as_str()).collect()
    };
    let whole = text(&events);
    let check = |client: &openclaw_e2e::Client| {
        let again = client.stream(&Request::new("GET", &path)).rest();
        assert_eq!(text(&again), whole);
        assert_eq!(again.last().unwrap().data, events.last().unwrap().data);
        for (at, event) in events.iter().enumerate() {
            let rest = client.stream(&Request::new("GET", &path).header("Last-Event-ID", &event.id)).rest();
            assert_eq!(text(&rest), text(&events[at + 1..]), "after {}", event.id);
            let last = rest.last().map(|event| event.kind().to_owned());
            assert_eq!(last.as_deref(), (at + 1 < events.len()).then_some("end"), "after {}", event.id);
        }
    };
    check(&client);
    // And from the log, after a crash.
    gateway.kill();
    let gateway = setup.start();
    check(&gateway.client());
    let wrong = Request::new("GET", &path).header("Last-Event-ID", "nonsense");
    let _ = gateway.client().send(&wrong).expect_error(400, "bad_request");
    let unknown = Request::new("GET", "/api/v1/message/msg_pending_01ARZ3NDEKTSV4RRFFQ69G5FAV/stream");
    let _ = gateway.client().send(&unknown).expect_error(404, "not_found");
}

#[test]
fn a_client_that_leaves_does_not_stop_the_run() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers_slowly(&["a", "b", "c", "d"], 50);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let mut events = client.stream_message(&json!({"channel": "api", "message": "x"}));
    let run = events.next().unwrap().data["id"].as_str().unwrap().to_owned();
    drop(events);
    assert_eq!(client.await_run(&run)["response"]["content"], "abcd");
}

#[test]
fn a_stream_that_breaks_is_an_error_not_a_second_answer() {
    need_gateway!();
    let (provider, spare) = (Provider::openai(), Provider::openai());
    provider.cuts(&["half a "]);
    let setup = Setup::new().providers(&format!(
        "providers:\n  primary:\n{}  spare:\n{}routing:\n  fallback: [spare]\n",
        provider.yaml("    "),
        spare.yaml("    ")
    ));
    let gateway = setup.start();
    let events = gateway.client().stream_message(&json!({"channel": "api", "message": "x"})).rest();
    let kinds: Vec<_> = events.iter().map(openclaw_e2e::Event::kind).collect();
    assert_eq!(kinds, ["start", "token", "error"]);
    let error = &events[2].data;
    assert_eq!((&error["error"], &error["status"]), (&json!("service_unavailable"), &json!(503)), "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert!(spare.requests().is_empty(), "nobody else is asked once a token went out");
}
