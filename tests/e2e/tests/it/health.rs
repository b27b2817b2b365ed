//! `GET /health` and `GET /status`.

use openclaw_e2e::{Provider, Setup, need_gateway};
use serde_json::{Value, json};

#[test]
fn health_answers_anybody() {
    need_gateway!();
    let gateway = Setup::new().start();
    let answer = gateway.client().token(None).get("/health");
    let body = answer.expect(200);
    assert_eq!(body["status"], "ok");
    assert!(body["version"].as_str().is_some_and(|version| version.split('.').count() == 3), "{body}");
    assert!(body["uptime_seconds"].is_u64(), "{body}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some());
}

/// The keys of the contract's tree, each with a value of the type it must have.
fn tree() -> Value {
    json!({
        "status": "", "version": "", "uptime_seconds": 0,
        "gateway": {"port": 0, "bind": "", "auth_enabled": true},
        "reasoning": {"primary_provider": "", "primary_model": "", "total_requests": 0, "avg_latency_ms": 0},
        "memory": {"wal_entries": 0, "compacted_files": 0, "total_size_mb": 0},
        "skills": {"installed": 0, "active": 0, "container_engine": "", "rootless": true},
        "channels": {"connected": [], "disconnected": []},
    })
}

fn assert_covers(expected: &Value, found: &Value, path: &str) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                assert_covers(value, found.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"));
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(expected),
            std::mem::discriminant(found),
            "{path} is {found}, of another type than {expected}"
        ),
    }
}

#[test]
fn status_is_the_contracts_tree() {
    need_gateway!();
    let provider = Provider::openai();
    let gateway = Setup::with(&provider).extra("channels:\n  telegram:\n    token: \"123:abc\"").start();
    let client = gateway.client();
    let _ = client.post("/message", &json!({"channel": "api", "message": "hello"})).expect(200);
    let status = client.get("/status").expect(200);
    assert_covers(&tree(), &status, "status");
    assert_eq!(status["status"], "running");
    assert_eq!(status["gateway"]["port"], gateway.address().port());
    assert_eq!(status["gateway"]["bind"], "127.0.0.1");
    assert_eq!(status["gateway"]["auth_enabled"], true);
    assert_eq!(status["reasoning"]["primary_provider"], "openai");
    assert_eq!(status["reasoning"]["primary_model"], provider.model());
    assert_eq!(status["reasoning"]["total_requests"], 1);
    assert_eq!(status["memory"]["wal_entries"], 2);
    assert_eq!(status["skills"]["installed"], 0);
    assert_eq!(status["channels"]["disconnected"], json!(["telegram"]));
}

#[test]
fn figures_survive_a_restart() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let _ = gateway.client().post("/message", &json!({"channel": "api", "message": "hello"})).expect(200);
    gateway.kill();
    let gateway = setup.start();
    let status = gateway.client().get("/status").expect(200);
    assert_eq!(status["reasoning"]["total_requests"], 1);
    assert_eq!(status["memory"]["wal_entries"], 2);
}
