//! Every row of the endpoint table, and how each refuses.

use openclaw_core::{ErrorCode, Failure};
use openclaw_testkit::MemoryOp;
use serde_json::{Value, json};

use crate::support::{Gateway, TOKEN};

#[tokio::test]
async fn health_is_bare() {
    let gateway = Gateway::start();
    let reply = gateway.connect().await.call("GET", "/api/v1/health", &[], None).await;
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({"status": "ok", "version": "3.2.1", "uptime_seconds": 0}))
    );
    gateway.memory.unwritable(Some("disk full"));
    let reply = gateway.connect().await.call("GET", "/api/v1/health", &[], None).await;
    assert_eq!(
        (reply.status, &reply.json()["status"], &reply.json()["reason"]),
        (503, &json!("degraded"), &json!("disk full"))
    );
}

#[tokio::test]
async fn status_has_the_seeds_tree_in_its_order() {
    let gateway = Gateway::start();
    let reply = gateway.get("/api/v1/status").await;
    let body = reply.json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&body), "status version uptime_seconds gateway reasoning memory skills channels");
    assert_eq!(
        body["gateway"],
        json!({"port": gateway.addr.port(), "bind": "127.0.0.1", "auth_enabled": true})
    );
    assert_eq!(keys(&body["reasoning"]), "primary_provider primary_model total_requests avg_latency_ms");
    assert_eq!(keys(&body["memory"]), "wal_entries compacted_files total_size_mb");
    assert_eq!(keys(&body["skills"]), "installed active container_engine rootless problems");
    assert_eq!((&body["skills"]["installed"], &body["skills"]["active"]), (&json!(2), &json!(1)));
    assert_eq!(body["skills"]["problems"], json!(["podman: newuidmap is missing"]));
    assert_eq!(body["channels"], json!({"connected": ["telegram"], "disconnected": ["slack"]}));
}

#[tokio::test]
async fn conversations_are_listed_read_and_erased() {
    let gateway = Gateway::start();
    for id in ["conv_a", "conv_b"] {
        let body = json!({"channel": "api", "message": "你好", "conversation_id": id, "metadata": {"user_id": "u1", "tag": 7}});
        assert_eq!(gateway.call("POST", "/api/v1/message", Some(body)).await.status, 200);
    }
    let page = gateway.get("/api/v1/conversations?limit=1&offset=1&channel=api&unknown=x").await.json();
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(page["conversations"][0]["id"], "conv_a");

    let view = gateway.get("/api/v1/conversations/conv_a").await.json();
    assert_eq!((&view["id"], &view["message_count"]), (&json!("conv_a"), &json!(2)));
    let messages = view["messages"].as_array().unwrap();
    assert_eq!((&messages[0]["role"], &messages[0]["content"]), (&json!("user"), &json!("你好")));
    assert_eq!(messages[0]["metadata"], json!({"user_id": "u1", "tag": 7}));
    assert_eq!(
        (&messages[1]["role"], &messages[1]["content"]),
        (&json!("assistant"), &json!("You said: 你好"))
    );
    let before = messages[1]["id"].as_str().unwrap();
    let window = gateway.get(&format!("/api/v1/conversations/conv_a?limit=5&before={before}")).await.json();
    assert_eq!(window["messages"].as_array().unwrap().len(), 1);

    let gone = gateway.call("DELETE", "/api/v1/conversations/conv_a", None).await.json();
    assert_eq!(gone, json!({"deleted": true, "id": "conv_a", "messages_deleted": 2, "memories_deleted": 0}));
    for (method, path) in [
        ("GET", "/api/v1/conversations/conv_a"),
        ("DELETE", "/api/v1/conversations/conv_a"),
        ("GET", "/api/v1/conversations/no%20id%2F.."),
    ] {
        gateway.call(method, path, None).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn query_parameters_are_checked() {
    let gateway = Gateway::start();
    for (path, field) in [
        ("conversations?limit=0", "limit"),
        ("conversations?limit=101", "limit"),
        ("conversations?limit=ten", "limit"),
        ("conversations?offset=-1", "offset"),
        ("conversations?channel=f%20x", "channel"),
        ("conversations?since=yesterday", "since"),
        ("conversations?until=%ff", "until"),
        ("conversations/c?limit=0", "limit"),
        ("conversations/c?before=a%20b", "before"),
        ("logs?lines=0", "lines"),
        ("logs?lines=1001", "lines"),
        ("logs?level=loud", "level"),
        ("logs?component=kitchen", "component"),
        ("logs?since=1", "since"),
    ] {
        gateway.get(&format!("/api/v1/{path}")).await.bad_field(field);
    }
}

#[tokio::test]
async fn memory_is_measured_searched_and_pruned() {
    let gateway = Gateway::start();
    gateway.call("POST", "/api/v1/message", Some(json!({"channel": "api", "message": "kimchi stew"}))).await;
    let stats = gateway.get("/api/v1/memory/stats").await.json();
    assert_eq!(stats["wal"]["entries"], 2);
    assert!(stats["compacted"]["last_compaction"].is_null() && stats["total_size_mb"].is_f64(), "{stats}");

    let found = gateway
        .call("POST", "/api/v1/memory/search", Some(json!({"query": "kimchi", "limit": 1, "type": "all"})))
        .await;
    let found = found.json();
    assert_eq!((found["results"].as_array().unwrap().len(), &found["query"]), (1, &json!("kimchi")));
    let keys: Vec<_> = found["results"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.join(" "), "id type content score timestamp conversation_id channel role source");
    for (body, field) in [
        (json!({}), "query"),
        (json!({"query": " "}), "query"),
        (json!({"query": 3}), "query"),
        (json!({"query": "a", "limit": 0}), "limit"),
        (json!({"query": "a", "limit": 101}), "limit"),
        (json!({"query": "a", "limit": -1}), "limit"),
        (json!({"query": "a", "type": "disk"}), "type"),
        (json!({"query": "a", "since": "x"}), "since"),
        (json!({"query": "x".repeat(16 * 1024 + 1)}), "query"),
    ] {
        gateway.call("POST", "/api/v1/memory/search", Some(body)).await.bad_field(field);
    }

    let prune = |body: Option<Value>| gateway.call("DELETE", "/api/v1/memory/prune", body);
    prune(None).await.bad_field("before");
    prune(Some(json!({"before": "soon"}))).await.bad_field("before");
    let asked = prune(Some(json!({"before": "2999-01-01", "type": "wal"}))).await;
    asked.bad_field("confirm");
    let would = asked.json()["details"]["would_prune"].clone();
    assert_eq!(would["wal_entries"], 2);
    let done = prune(Some(json!({"before": "2999-01-01", "type": "wal", "confirm": true}))).await.json();
    assert_eq!(done, json!({"pruned": would, "before": "2999-01-01T00:00:00Z", "type": "wal"}));
}

#[tokio::test]
async fn skills_are_listed_installed_and_removed() {
    let gateway = Gateway::start();
    let list = gateway.get("/api/v1/skills").await.json();
    assert_eq!((&list["total"], &list["skills"][0]["name"]), (&json!(2), &json!("web-search")));
    let (active, disabled) = (&list["skills"][0], &list["skills"][1]);
    assert!(active["last_used"].is_null() && active.get("reason").is_none());
    assert_eq!(
        (&disabled["status"], &disabled["reason"], &disabled["description"]),
        (&json!("disabled"), &json!("a file was changed; install it again"), &json!("Packs files."))
    );
    let install = |body| gateway.call("POST", "/api/v1/skills/install", Some(body));
    let new = install(json!({"name": "weather", "version": "1.2.0"})).await;
    assert_eq!((new.status, &new.json()["version"]), (201, &json!("1.2.0")));
    assert_eq!(install(json!({"name": "weather"})).await.status, 200);
    install(json!({"name": "nothing"})).await.error(404, "not_found");
    let refused = install(json!({"name": "bank"})).await.error(403, "forbidden");
    assert_eq!(refused, json!({"name": "bank", "permissions": ["network:bank.example.com", "env:PIN"]}));
    install(json!({})).await.bad_field("name");
    install(json!({"name": ""})).await.bad_field("name");
    install(json!({"name": "a", "version": 1})).await.bad_field("version");
    let gone = gateway.call("DELETE", "/api/v1/skills/weather", None).await.json();
    assert_eq!(gone, json!({"removed": true, "name": "weather", "version": "1.2.0"}));
    gateway.call("DELETE", "/api/v1/skills/weather", None).await.error(404, "not_found");
}

#[tokio::test]
async fn channels_tell_how_they_are() {
    let gateway = Gateway::start();
    assert_eq!(
        gateway.get("/api/v1/channels").await.json(),
        json!({"channels": [
            {"type": "telegram", "status": "connected", "connected_since": "2026-03-20T08:00:00Z", "messages_today": 42},
            {"type": "slack", "status": "disconnected", "last_error": "Token expired"},
        ]})
    );
    assert_eq!(gateway.get("/api/v1/channels/slack/status").await.json()["last_error"], "Token expired");
    for kind in ["discord", "fax"] {
        gateway.get(&format!("/api/v1/channels/{kind}/status")).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn people_are_let_in_and_out() {
    let gateway = Gateway::start();
    let details = gateway.get("/api/v1/channels/telegram/status").await.json();
    assert_eq!((&details["status"], &details["outbox"]["waiting"]), (&json!("connected"), &json!(0)));
    let code = gateway.call("POST", "/api/v1/channels/telegram/pair", None).await;
    assert_eq!((code.status, &code.json()["code"]), (201, &json!("ABCD2345")));
    let paired = "/api/v1/channels/telegram/paired";
    assert_eq!(gateway.get(paired).await.json(), json!({"users": ["@ann:example.org"]}));
    gateway.call("DELETE", paired, None).await.bad_field("user");
    let path = format!("{paired}?user=%40ann%3Aexample.org");
    assert_eq!(gateway.call("DELETE", &path, None).await.json()["removed"], true);
    gateway.call("DELETE", &path, None).await.error(404, "not_found");
    gateway.call("POST", "/api/v1/channels/fax/pair", None).await.error(404, "not_found");
}

#[tokio::test]
async fn config_is_read_and_patched() {
    let gateway = Gateway::start();
    let config = gateway.get("/api/v1/config").await;
    assert_eq!(config.json()["gateway"]["auth"]["token"], "***REDACTED***");
    assert!(!config.body.contains("canary") && !config.body.contains(TOKEN));
    let put = |body| gateway.call("PUT", "/api/v1/config", Some(body));
    let live = put(json!({"gateway": {"rate_limit": {"requests_per_minute": 120}}})).await.json();
    assert_eq!(live["updated"], json!(["gateway.rate_limit.requests_per_minute"]));
    assert_eq!((&live["restart_required"], &live["restart_required_for"]), (&json!(false), &json!([])));
    let later = put(json!({"gateway": {"port": 1}})).await.json();
    assert_eq!(
        (&later["restart_required"], &later["restart_required_for"]),
        (&json!(true), &json!(["gateway.port"]))
    );
    put(json!([1])).await.bad_field("body");
    put(json!("x")).await.bad_field("body");
    gateway.settings.refuse_next(Failure::bad_field("gateway.port", "must be a number"));
    put(json!({"gateway": {"port": "x"}})).await.bad_field("gateway.port");
}

#[tokio::test]
async fn logs_are_filtered() {
    let gateway = Gateway::start();
    let messages = |body: Value| -> Vec<String> {
        body["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = gateway.get("/api/v1/logs").await.json();
    assert_eq!(
        (messages(all.clone()), &all["total"]),
        (vec!["two".to_owned(), "three".to_owned()], &json!(2))
    );
    let some =
        gateway.get("/api/v1/logs?lines=1&level=debug&component=gateway&since=2026-01-01").await.json();
    assert_eq!((messages(some.clone()), &some["total"]), (vec!["three".to_owned()], &json!(2)));
}

#[tokio::test]
async fn unknown_paths_and_methods() {
    let gateway = Gateway::start();
    for path in ["/", "/api/v1", "/api/v1/nothing", "/health", "/api/v2/health"] {
        gateway.get(path).await.error(404, "not_found");
    }
    for (method, path, allow) in [
        ("POST", "/api/v1/health", "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/message", "POST, OPTIONS"),
        ("DELETE", "/api/v1/config", "GET, HEAD, PUT, OPTIONS"),
        ("PATCH", "/api/v1/config", "GET, HEAD, PUT, OPTIONS"),
        ("TRACE", "/api/v1/status", "GET, HEAD, OPTIONS"),
    ] {
        let reply = gateway.call(method, path, None).await;
        assert_eq!(reply.error(405, "method_not_allowed")["allow"], allow);
        assert_eq!(reply.header("allow"), Some(allow));
    }
    assert_eq!(gateway.get("/api/v1/status/").await.status, 200);
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let gateway = Gateway::start();
    let get = gateway.get("/api/v1/channels").await;
    let head = gateway.call("HEAD", "/api/v1/channels", None).await;
    assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")));
    let mut client = gateway.connect().await;
    assert_eq!(client.call("HEAD", "/api/v1/health", &[], None).await.status, 200);
    assert_eq!(client.call("GET", "/api/v1/health", &[], None).await.status, 200);
}

#[tokio::test]
async fn a_fault_is_bland_outside() {
    let gateway = Gateway::start();
    gateway.memory.fail(MemoryOp::Run, true);
    let auth = format!("Authorization: Bearer {TOKEN}");
    let path = format!("/api/v1/message/{}/status", openclaw_core::RunId::generate());
    let reply = gateway.connect().await.call("GET", &path, &[&auth, "X-Request-Id: find.me"], None).await;
    assert_eq!(reply.error(500, "internal_error")["request_id"], "find.me");
    assert_eq!(reply.header("x-request-id"), Some("find.me"));
    assert!(!reply.body.contains("fake") && !reply.body.contains('/'), "{reply:?}");
}

#[tokio::test]
async fn an_unwritable_log_is_a_503() {
    let gateway = Gateway::start();
    gateway.memory.unwritable(Some("disk full"));
    let reply =
        gateway.call("POST", "/api/v1/message", Some(json!({"channel": "api", "message": "a"}))).await;
    reply.error(503, ErrorCode::ServiceUnavailable.as_str());
    assert!(reply.body.contains("disk full"));
}
