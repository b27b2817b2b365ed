//! The real model, inside the gateway.

use openclaw_e2e::{Setup, model, need_gateway, skip};
use serde_json::json;

fn setup(max_tokens: u32) -> Option<Setup> {
    let path = model()?;
    Some(Setup::new().providers(&format!(
        "providers:\n  primary:\n    type: local\n    model: \"{}\"\n    max_tokens: {max_tokens}\n    temperature: 0\n",
        path.display()
    )))
}

#[test]
fn a_real_answer_is_streamed_counted_and_kept() {
    need_gateway!();
    let Some(setup) = setup(24) else { skip!("no model here; `cargo xtask model` gets one") };
    let gateway = setup.start();
    let client = gateway.client();
    let message =
        json!({"channel": "api", "message": "What is the capital of France?", "conversation_id": "c"});
    let events = client.stream_message(&message).rest();
    let text: String = events.iter().filter_map(|event| event.data["content"].as_str()).collect();
    let end = &events.last().unwrap().data;
    assert_eq!(end["type"], "end", "{end}");
    assert!(text.contains("Paris"), "{text:?}");
    assert!(events.len() > 4, "it comes in pieces");
    let tokens = &end["tokens"];
    assert!(
        tokens["input"].as_u64() > Some(5) && (1..=24).contains(&tokens["output"].as_u64().unwrap()),
        "{tokens}"
    );
    let view = client.get("/conversations/c").expect(200);
    assert_eq!(view["messages"][1]["content"], text);
    let status = client.get("/status").expect(200);
    assert_eq!(status["reasoning"]["primary_provider"], "local");
}

#[test]
fn a_long_answer_can_be_cancelled() {
    need_gateway!();
    let Some(setup) = setup(512) else { skip!("no model here; `cargo xtask model` gets one") };
    let gateway = setup.start();
    let client = gateway.client();
    let message = json!({"channel": "api", "message": "Write a very long story about the sea."});
    let mut events = client.stream_message(&message);
    let run = events.next().unwrap().data["id"].as_str().unwrap().to_owned();
    assert_eq!(events.next().unwrap().kind(), "token");
    assert_eq!(client.delete(&format!("/message/{run}")).expect(200)["status"], "cancelled");
    assert!(events.rest().iter().all(|event| event.kind() != "end"));
    // The model is free again at once.
    let short = json!({"channel": "api", "message": "Say hi", "timeout_ms": 600_000});
    assert_eq!(client.post("/message", &short).status, 200);
}

#[test]
fn a_model_in_the_data_directory_is_found_by_itself() {
    need_gateway!();
    let Some(path) = model() else { skip!("no model here; `cargo xtask model` gets one") };
    let setup = Setup::new();
    let models = setup.data().path().join("models");
    std::fs::create_dir_all(&models).unwrap();
    let target = models.join(path.file_name().unwrap());
    std::os::unix::fs::symlink(std::fs::canonicalize(&path).unwrap(), &target).unwrap();
    let gateway = setup.start();
    let client = gateway.client();
    // Nothing bounds this answer, and on a busy machine a long one outlasts any patience: its beginning will do.
    let mut events = client.stream_message(&json!({"channel": "api", "message": "你好"}));
    assert_eq!(events.next().unwrap().kind(), "start");
    assert_eq!(events.next().unwrap().kind(), "token");
    // Only now: the gateway listens before it has looked for models, and a message waits for that where a status does not.
    assert_eq!(client.get("/status").expect(200)["reasoning"]["primary_provider"], "local");
}
