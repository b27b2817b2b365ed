//! `/memory/…`.

use openclaw_e2e::{Client, Provider, Setup, files_containing, need_gateway};
use serde_json::{Value, json};

fn say(client: &Client, conversation: &str, text: &str) {
    let body = json!({"channel": "api", "message": text, "conversation_id": conversation});
    let _ = client.post("/message", &body).expect(200);
}

fn search(client: &Client, query: &str) -> Value {
    client.post("/memory/search", &json!({"query": query, "limit": 10, "type": "all"})).expect(200)
}

#[test]
fn stats_have_the_contracts_form() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let empty = client.get("/memory/stats").expect(200);
    assert_eq!((&empty["wal"]["entries"], &empty["wal"]["oldest_entry"]), (&json!(0), &Value::Null));
    say(&client, "c", "hello");
    let stats = client.get("/memory/stats").expect(200);
    assert_eq!(stats["wal"]["entries"], 2);
    assert!(stats["wal"]["size_mb"].is_number());
    assert!(stats["wal"]["oldest_entry"].as_str().is_some_and(|time| time.ends_with('Z')), "{stats}");
    assert_eq!(
        (&stats["compacted"]["files"], &stats["compacted"]["last_compaction"]),
        (&json!(0), &Value::Null)
    );
    assert!(stats["compacted"]["size_mb"].is_number() && stats["total_size_mb"].is_number(), "{stats}");
}

#[test]
fn finds_words_in_many_scripts_at_once() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    for (conversation, text) in [
        ("zh", "我最喜歡吃牛肉麵"),
        ("ko", "저는 김치찌개를 좋아합니다"),
        ("ja", "寿司が大好きです"),
        ("en", "I prefer sourdough bread"),
        ("mixed", "明天서울的天氣如何?"),
    ] {
        provider.answers(&["noted"]);
        say(&client, conversation, text);
    }
    let check = |client: &Client| {
        for (query, conversation) in [
            ("牛肉麵", "zh"),
            ("김치찌개", "ko"),
            ("寿司", "ja"),
            ("SOURDOUGH", "en"),
            ("서울 天氣", "mixed"),
        ] {
            let found = search(client, query);
            assert!(found["took_ms"].is_number() && found["query"] == query, "{found}");
            let best = &found["results"][0];
            assert_eq!(best["conversation_id"], conversation, "{query}: {found}");
            assert_eq!(
                (&best["type"], &best["role"], &best["channel"]),
                (&json!("wal"), &json!("user"), &json!("api"))
            );
            for key in ["id", "content", "timestamp"] {
                assert!(best[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {best}");
            }
            assert!(best["score"].is_number() && best["source"].is_null(), "{best}");
        }
        assert_eq!(search(client, "xylophone")["total"], 0);
    };
    check(&client);
    gateway.kill();
    check(&setup.start().client());
}

#[test]
fn search_checks_its_input() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    for (body, field) in [
        (json!({}), "query"),
        (json!({"query": ""}), "query"),
        (json!({"query": "x", "limit": 0}), "limit"),
        (json!({"query": "x", "limit": 101}), "limit"),
        (json!({"query": "x", "type": "dreams"}), "type"),
        (json!({"query": "x", "since": "later"}), "since"),
    ] {
        let error = client.post("/memory/search", &body).expect_error(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{body}");
    }
    for kind in ["all", "wal", "compacted"] {
        let found = client.post("/memory/search", &json!({"query": "x", "type": kind})).expect(200);
        assert_eq!(found["results"], json!([]));
    }
}

#[test]
fn pruning_counts_first_and_removes_when_confirmed() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let canary = "quagga-55120";
    say(&client, "old", canary);
    let request =
        |body: &Value| client.send(&openclaw_e2e::Request::new("DELETE", "/api/v1/memory/prune").json(body));
    let past = json!({"before": "2025-01-01T00:00:00Z", "type": "wal", "confirm": true});
    assert_eq!(request(&past).expect(200)["pruned"]["wal_entries"], 0);
    let all = json!({"before": "2999-01-01T00:00:00Z", "type": "wal"});
    let error = request(&all).expect_error(400, "bad_request");
    assert_eq!(error["details"]["would_prune"]["wal_entries"], 2, "{error}");
    assert_eq!(search(&client, canary)["results"][0]["conversation_id"], "old");
    let mut confirmed = all;
    confirmed["confirm"] = json!(true);
    let pruned = request(&confirmed).expect(200);
    assert_eq!(pruned["pruned"]["wal_entries"], 2);
    assert_eq!(pruned["pruned"]["compacted_files"], 0);
    assert!(pruned["pruned"]["bytes"].as_u64().unwrap() >= canary.len() as u64);
    assert_eq!((&pruned["before"], &pruned["type"]), (&json!("2999-01-01T00:00:00Z"), &json!("wal")));
    assert_eq!(search(&client, canary)["total"], 0);
    assert_eq!(files_containing(gateway.home().path(), canary), Vec::<std::path::PathBuf>::new());
    let error = request(&json!({"confirm": true})).expect_error(400, "bad_request");
    assert_eq!(error["details"]["field"], "before");
}
