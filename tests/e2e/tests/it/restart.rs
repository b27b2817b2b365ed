//! Runs that were under way when the gateway went.

use openclaw_e2e::{Provider, Setup, need_gateway};
use serde_json::json;

#[test]
fn pending_runs_are_carried_out_after_a_crash() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["lost "]);
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    let send = |text: &str| {
        let body =
            json!({"channel": "api", "message": text, "conversation_id": "c", "wait_for_response": false});
        client.post("/message", &body).expect(202)["id"].as_str().unwrap().to_owned()
    };
    let first = send("one");
    provider.await_requests(1);
    let second = send("two");
    gateway.kill();
    provider.answers(&["again: one"]);
    provider.answers(&["and: two"]);
    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(client.await_run(&first)["response"]["content"], "again: one");
    assert_eq!(client.await_run(&second)["response"]["content"], "and: two");
    let view = client.get("/conversations/c").expect(200);
    let told: Vec<_> = view["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    // Oldest first: `two` was said before `one` was answered.
    assert_eq!(told, ["one", "two", "again: one", "and: two"]);
}

#[test]
fn a_reader_finds_the_stream_of_the_repeated_run() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["half "]);
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let mut events = gateway.client().stream_message(&json!({"channel": "api", "message": "x"}));
    let start = events.next().unwrap();
    let token = events.next().unwrap();
    assert_eq!(token.data["content"], "half ");
    provider.answers(&["whole"]);
    gateway.kill();
    let gateway = setup.start();
    let run = start.data["id"].as_str().unwrap();
    assert_eq!(gateway.client().await_run(run)["status"], "completed");
    let path = format!("/api/v1/message/{run}/stream");
    let rest = gateway.client().stream(&openclaw_e2e::Request::new("GET", &path)).rest();
    let text: String = rest.iter().filter_map(|event| event.data["content"].as_str()).collect();
    assert_eq!(text, "whole");
}

#[test]
fn leaving_politely_finishes_what_is_under_way() {
    need_gateway!();
    let provider = Provider::openai();
    provider.answers_slowly(&["this ", "takes ", "a ", "moment"], 100);
    let gateway = Setup::with(&provider).start();
    let mut events = gateway.client().stream_message(&json!({"channel": "api", "message": "x"}));
    assert_eq!(events.next().unwrap().kind(), "start");
    gateway.terminate();
    let rest = events.rest();
    let text: String = rest.iter().filter_map(|event| event.data["content"].as_str()).collect();
    assert_eq!(
        (text.as_str(), rest.last().map(openclaw_e2e::Event::kind)),
        ("this takes a moment", Some("end"))
    );
    let (status, output) = gateway.wait();
    assert!(status.success(), "{status}\n{output}");
}
