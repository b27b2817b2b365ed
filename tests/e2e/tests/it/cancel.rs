//! `DELETE /message/:id`.

use openclaw_e2e::{Provider, Setup, need_gateway};
use serde_json::json;

#[test]
fn cancelling_ends_the_run_and_its_streams() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["and then "]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let mut events = client.stream_message(&json!({"channel": "api", "message": "x"}));
    let run = events.next().unwrap().data["id"].as_str().unwrap().to_owned();
    assert_eq!(events.next().unwrap().kind(), "token");
    let body = client.delete(&format!("/message/{run}")).expect(200);
    assert_eq!(body, json!({"id": run, "status": "cancelled"}));
    let status = client.get(&format!("/message/{run}/status")).expect(200);
    assert_eq!(status["status"], "cancelled");
    assert!(events.rest().iter().all(|event| event.kind() != "end"), "a cancelled run has no `end`");
    let _ = client.delete(&format!("/message/{run}")).expect_error(409, "conflict");
}

#[test]
fn what_has_ended_can_not_be_cancelled() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let reply = client.post("/message", &json!({"channel": "api", "message": "x"})).expect(200);
    let id = reply["id"].as_str().unwrap();
    let _ = client.delete(&format!("/message/{id}")).expect_error(409, "conflict");
    let _ = client.delete("/message/msg_resp_01ARZ3NDEKTSV4RRFFQ69G5FAV").expect_error(404, "not_found");
    let _ = client.delete("/message/nonsense").expect_error(404, "not_found");
}
