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
        .extra(
            "channels:\n  telegram:\n    token: \"not a token\"\n  slack:\n    enabled: false\n  signal: {}\n  irc:\n    base_url: \"irc://127.0.0.1:1\"\n    options: {nick: claw}",
        )
        .start();
    let client = gateway.client();
    let told = |kind: &str| {
        let channel = client.get(&format!("/channels/{kind}/status")).expect(200);
        assert_eq!((&channel["type"], &channel["status"]), (&json!(kind), &json!("disconnected")));
        channel["last_error"].as_str().unwrap().to_owned()
    };
    let expected = [
        ("telegram", "`channels.telegram.token` is no bot token"),
        ("slack", "disabled in the configuration"),
        ("signal", "there is no adapter for `signal` in this version"),
        ("irc", "127.0.0.1 can't be reached"),
    ];
    let begun = std::time::Instant::now();
    for (kind, reason) in expected {
        while !told(kind).starts_with(reason) {
            assert!(begun.elapsed().as_secs() < 20, "{kind}: {}", told(kind));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    let channels = client.get("/channels").expect(200);
    let list = channels["channels"].as_array().unwrap();
    let types: Vec<_> = list.iter().map(|channel| channel["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["irc", "signal", "slack", "telegram"]);
    let _ = client.get("/channels/discord/status").expect_error(404, "not_found");
    let _ = client.get("/channels/pigeon/status").expect_error(404, "not_found");
}
