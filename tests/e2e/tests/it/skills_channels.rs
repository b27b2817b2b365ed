//! `/skills` and `/channels` tell the truth about what there is.

use openclaw_e2e::{Setup, need_gateway};
use serde_json::json;

#[test]
fn no_registry_means_no_skill_to_install() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    assert_eq!(client.get("/skills").expect(200), json!({"skills": [], "total": 0}));
    let error = client
        .post("/skills/install", &json!({"name": "web-search", "version": "1.2.0"}))
        .expect_error(404, "not_found");
    assert!(error["message"].as_str().unwrap().to_lowercase().contains("registry"), "{error}");
    let _ = client.delete("/skills/web-search").expect_error(404, "not_found");
    for name in ["", "../evil", "a/b"] {
        let answer = client.post("/skills/install", &json!({"name": name}));
        let _ = answer.expect_error(400, "bad_request");
    }
}

#[test]
fn configured_channels_say_why_they_are_not_connected() {
    need_gateway!();
    let gateway = Setup::new()
        .extra("channels:\n  telegram:\n    token: \"123:abc\"\n  slack:\n    token: \"xoxb-1\"")
        .start();
    let client = gateway.client();
    let channels = client.get("/channels").expect(200);
    let list = channels["channels"].as_array().unwrap();
    let mut types: Vec<_> = list.iter().map(|channel| channel["type"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, ["slack", "telegram"]);
    for channel in list {
        assert_eq!(channel["status"], "disconnected");
        assert_eq!(channel["last_error"], "adapter not built in this version");
    }
    let one = client.get("/channels/telegram/status").expect(200);
    assert_eq!((&one["type"], &one["status"]), (&json!("telegram"), &json!("disconnected")));
    let _ = client.get("/channels/discord/status").expect_error(404, "not_found");
    let _ = client.get("/channels/pigeon/status").expect_error(404, "not_found");
}
