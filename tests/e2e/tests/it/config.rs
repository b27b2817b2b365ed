//! `/config`, and the file behind it.

use std::time::{Duration, Instant};

use openclaw_e2e::{Provider, Setup, TOKEN, need_gateway};
use serde_json::json;

#[test]
fn reading_shows_everything_but_secrets() {
    need_gateway!();
    let setup = Setup::new()
        .providers("providers:\n  primary:\n    type: anthropic\n    model: claude-opus-4-6\n    api_key: \"${E2E_KEY}\"")
        .env("E2E_KEY", "sk-canary-81723");
    let gateway = setup.start();
    let answer = gateway.client().get("/config");
    let config = answer.expect(200);
    assert_eq!(config["gateway"]["auth"], json!({"enabled": true, "token": "***REDACTED***"}));
    assert_eq!(config["gateway"]["bind"], "127.0.0.1");
    let primary = &config["providers"]["primary"];
    assert_eq!((&primary["type"], &primary["api_key"]), (&json!("anthropic"), &json!("***REDACTED***")));
    assert!(!answer.text().contains("canary"), "{config}");
}

#[test]
fn writing_keeps_comments_order_and_placeholders() {
    need_gateway!();
    let setup = Setup::new().keep_config().env("E2E_TOKEN", TOKEN);
    let written = "# my gateway\nmemory:\n  segment_mb: 8 # small disk\n\ngateway:\n  port: 0\n  # never share this\n  auth:\n    token: \"${E2E_TOKEN}\"\n  rate_limit:\n    requests_per_minute: 60   # calm\n";
    setup.data().write_config(written);
    let gateway = setup.start();
    let client = gateway.client();
    let patch =
        json!({"gateway": {"rate_limit": {"requests_per_minute": 120}, "auth": {"token": "***REDACTED***"}}});
    let update = client.put("/config", &patch).expect(200);
    assert_eq!(update["updated"], json!(["gateway.rate_limit.requests_per_minute"]));
    assert_eq!(update["restart_required"], false);
    assert_eq!(update["restart_required_for"], json!([]));
    assert_eq!(update["config"]["gateway"]["rate_limit"]["requests_per_minute"], 120);
    let file = std::fs::read_to_string(setup.data().config()).unwrap();
    assert_eq!(file, written.replace("requests_per_minute: 60", "requests_per_minute: 120"));
    // A key that is not in the file yet, one that wants a restart, and one taken away again.
    let update =
        client.put("/config", &json!({"gateway": {"port": 1}, "memory": {"segment_mb": null}})).expect(200);
    assert_eq!(update["restart_required"], true);
    assert!(update["restart_required_for"].as_array().unwrap().contains(&json!("gateway.port")), "{update}");
    let file = std::fs::read_to_string(setup.data().config()).unwrap();
    assert!(!file.contains("segment_mb") && file.contains("# never share this"), "{file}");
    assert!(file.contains("\"${E2E_TOKEN}\""), "{file}");
}

#[test]
fn a_wrong_patch_changes_nothing() {
    need_gateway!();
    let setup = Setup::new();
    let gateway = setup.start();
    let client = gateway.client();
    let before = std::fs::read(setup.data().config()).unwrap();
    for (patch, named) in [
        (json!({"gateway": {"rate_limit": {"requests_per_minute": "many"}}}), "requests_per_minute"),
        (json!({"gateway": {"prot": 1}}), "prot"),
        (json!({"memory": {"segment_mb": 0}, "gateway": {"allowed_hosts": ["x"]}}), "segment_mb"),
        (json!({"routing": {"fallback": ["nobody"]}}), "nobody"),
        (json!({"gateway": {"bind": "0.0.0.0", "auth": {"enabled": false}}}), "auth"),
    ] {
        let error = client.put("/config", &patch).expect_error(400, "bad_request");
        assert!(error.to_string().contains(named), "{named}: {error}");
        assert_eq!(std::fs::read(setup.data().config()).unwrap(), before, "{patch}");
    }
    assert_eq!(client.get("/config").expect(200)["gateway"]["allowed_hosts"], json!([]));
    let _ = client.put("/config", &json!([1])).expect_error(400, "bad_request");
}

/// Waits until the gateway has noticed a change of a file.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_edited_file_is_applied_and_a_broken_one_is_not() {
    need_gateway!();
    let first = Provider::openai();
    let second = Provider::openai();
    let setup = Setup::with(&first);
    let gateway = setup.start();
    let client = gateway.client();
    let with_second = Setup::with(&second).yaml();
    std::fs::write(setup.data().config(), &with_second).unwrap();
    let message = json!({"channel": "api", "message": "x"});
    eventually("the second provider is asked", || {
        let _ = client.post("/message", &message).expect(200);
        !second.requests().is_empty()
    });
    std::fs::write(setup.data().config(), "gateway: [broken\n").unwrap();
    eventually("a log line says that the file was refused", || {
        let logs = client.get("/logs?level=warn&lines=100").expect(200);
        logs["logs"].to_string().contains("gateway.yaml")
    });
    let asked = second.requests().len();
    let _ = client.post("/message", &message).expect(200);
    assert_eq!(second.requests().len(), asked + 1, "the running configuration stays");
}
