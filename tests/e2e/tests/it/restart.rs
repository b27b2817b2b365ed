//! Runs that were under way when the gateway went.

use openclaw_e2e::{Provider, Setup, Socket, need_gateway};
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
fn a_run_that_had_called_a_tool_is_not_repeated() {
    need_gateway!();
    let provider = Provider::openai();
    provider.calls("send_mail", json!({"to": "everybody"}));
    provider.hangs();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let body = json!({"channel": "api", "message": "x", "conversation_id": "c", "wait_for_response": false});
    let id = gateway.client().post("/message", &body).expect(202)["id"].as_str().unwrap().to_owned();
    // Asked again, the model is told what became of its call: the call is in the record.
    provider.await_requests(2);
    gateway.kill();
    let gateway = setup.start();
    let client = gateway.client();
    let status = client.await_run(&id);
    let error = &status["error"];
    assert_eq!(
        (&status["status"], &error["error"]),
        (&json!("failed"), &json!("service_unavailable")),
        "{status}"
    );
    assert_eq!(
        (&error["details"]["reason"], &error["status"]),
        (&json!("interrupted"), &json!(503)),
        "{status}"
    );
    let stream = openclaw_e2e::Request::new("GET", &format!("/api/v1/message/{id}/stream"));
    let events = client.stream(&stream).rest();
    let kinds: Vec<_> = events.iter().map(openclaw_e2e::Event::kind).collect();
    assert_eq!(kinds, ["start", "skill_call", "skill_result", "error"]);
    assert_eq!(provider.requests().len(), 2, "nobody was asked again");
    // The conversation goes on.
    let next = json!({"channel": "api", "message": "still there?", "conversation_id": "c"});
    assert_eq!(client.post("/message", &next).expect(200)["content"], "echo: still there?");
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
fn who_waits_for_a_run_that_does_not_end_is_told_where_to_ask() {
    need_gateway!();
    let provider = Provider::openai();
    provider.hangs();
    provider.hangs();
    provider.stalls(&["half "]);
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    let send = |conversation: &str, text: &str| {
        let body = json!({"channel": "api", "message": text, "conversation_id": conversation});
        let client = client.clone();
        std::thread::spawn(move || client.post("/message", &body).expect_error(503, "service_unavailable"))
    };
    let running = send("c", "one");
    provider.await_requests(1);
    let queued = send("c", "two");
    let mut socket = Socket::authenticated(gateway.address());
    socket.send(&json!({"type": "message", "channel": "api", "content": "three", "request_id": 3}));
    provider.await_requests(2);
    let mut events = client.stream_message(&json!({"channel": "api", "message": "four"}));
    assert_eq!(events.next().unwrap().kind(), "start");
    assert_eq!(events.next().unwrap().data["content"], "half ");
    // The queued one is in the log when the list shows both.
    while client.get("/conversations/c").expect(200)["messages"].as_array().unwrap().len() < 2 {
        std::thread::yield_now();
    }
    gateway.terminate();
    let told = |error: &serde_json::Value| error["details"]["poll_url"].as_str().unwrap().to_owned();
    let polls = [running.join().unwrap(), queued.join().unwrap()].map(|error| told(&error));
    let frame = socket.receive();
    assert_eq!(
        (&frame["type"], &frame["status"], &frame["request_id"]),
        (&json!("error"), &json!(503), &json!(3))
    );
    let third = told(&frame);
    assert_eq!(socket.close_code(), Some(1001));
    let farewell = events.rest().pop().unwrap();
    assert_eq!((farewell.kind(), &farewell.data["status"], farewell.id.as_str()), ("error", &json!(503), ""));
    assert!(told(&farewell.data).starts_with("/api/v1/message/msg_pending_"), "{farewell:?}");
    let (status, output) = gateway.wait();
    assert!(status.success() && output.contains("everything is written"), "{status}\n{output}");
    let gateway = setup.start();
    for poll in polls.iter().chain([&third]) {
        let run = poll.trim_end_matches("/status").rsplit('/').next().unwrap();
        assert_eq!(gateway.client().await_run(run)["status"], "completed", "{poll}");
    }
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
