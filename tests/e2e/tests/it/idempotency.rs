//! `Idempotency-Key`.

use openclaw_e2e::{Client, Provider, Request, Response, Setup, need_gateway};
use serde_json::{Value, json};

fn send(client: &Client, key: &str, body: &Value) -> Response {
    client.send(&Request::new("POST", "/api/v1/message").header("Idempotency-Key", key).json(body))
}

#[test]
fn the_same_key_runs_once_even_after_a_crash() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let body = json!({"channel": "api", "message": "only once"});
    let first = send(&gateway.client(), "key-1", &body).expect(200);
    let second = send(&gateway.client(), "key-1", &body).expect(200);
    assert_eq!(first, second);
    gateway.kill();
    let gateway = setup.start();
    let third = send(&gateway.client(), "key-1", &body).expect(200);
    assert_eq!(first, third);
    assert_eq!(provider.requests().len(), 1);
    let other = send(&gateway.client(), "key-2", &body).expect(200);
    assert_ne!(first["id"], other["id"]);
}

#[test]
fn the_same_key_with_another_request_is_409() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let _ = send(&client, "key", &json!({"channel": "api", "message": "a"})).expect(200);
    let _ = send(&client, "key", &json!({"channel": "api", "message": "b"})).expect_error(409, "conflict");
}

#[test]
fn twenty_at_once_are_one() {
    need_gateway!();
    let provider = Provider::openai();
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let body = json!({"channel": "api", "message": "at once"});
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..20).map(|_| scope.spawn(|| send(&client, "race", &body).expect(200))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(provider.requests().len(), 1);
}
