//! What is remembered on purpose, the memory's care, the exchange, and what prompts were made of.

use openclaw_core::{
    ForeignMessage, Role, RunId, Timestamp, limits,
    port::{ContextCut, ContextMemory, ContextNote, MemoryPort as _},
};
use openclaw_http::exchange::{Line, read_line, write_line};
use serde_json::{Value, json};

use crate::support::{Gateway, Reply, TOKEN};

const ENTRIES: &str = "/api/v1/memory/entries";

async fn remember(gateway: &Gateway, body: Value) -> Value {
    let reply = gateway.call("POST", ENTRIES, Some(body)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

/// Sends a body that is not one JSON value.
async fn send(gateway: &Gateway, path: &str, kind: &str, body: &str) -> Reply {
    let mut client = gateway.connect().await;
    let headers = [format!("Authorization: Bearer {TOKEN}"), format!("Content-Type: {kind}")];
    client.send("POST", path, &[&headers[0], &headers[1]], Some(body.as_bytes())).await;
    client.reply("POST").await
}

async fn import(gateway: &Gateway, body: &str) -> Reply {
    send(gateway, "/api/v1/memory/import", "application/x-ndjson", body).await
}

#[tokio::test]
async fn entries_are_remembered_listed_completed_and_forgotten() {
    let gateway = Gateway::start();
    let fact = json!({"kind": "fact", "content": "對花生過敏", "tags": ["health"], "importance": 0.9});
    let reply = gateway.call("POST", ENTRIES, Some(fact.clone())).await;
    let entry = reply.json();
    let keys: Vec<_> = entry.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys.join(" "),
        "id kind content importance tags created_at expires_at completed_at conversation_id sources superseded_by"
    );
    let path = format!("{ENTRIES}/{}", entry["id"].as_str().unwrap());
    assert_eq!((reply.status, reply.header("location")), (201, Some(path.as_str())));
    assert_eq!(gateway.get(&path).await.json(), entry);
    let newer =
        remember(&gateway, json!({"kind": "task", "content": "water the plants", "conversation_id": "c"}))
            .await;

    let page = gateway.get(&format!("{ENTRIES}?limit=1&offset=1")).await.json();
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(page["entries"], json!([entry]));
    for (filter, found) in [("kind=task", &newer), ("tag=health", &entry), ("conversation_id=c", &newer)] {
        let page = gateway.get(&format!("{ENTRIES}?{filter}")).await.json();
        assert_eq!(page["entries"], json!([found]), "{filter}");
    }

    let complete = |entry: &Value| format!("{ENTRIES}/{}/complete", entry["id"].as_str().unwrap());
    let done = gateway.call("POST", &complete(&newer), None).await.json();
    assert!(done["completed_at"].is_string(), "{done}");
    let details = gateway.call("POST", &complete(&entry), None).await.error(409, "conflict");
    assert_eq!(details["kind"], "fact");

    let successor = json!({"kind": "fact", "content": "no longer allergic", "supersedes": entry["id"]});
    let successor = remember(&gateway, successor).await;
    assert_eq!(gateway.get(&path).await.json()["superseded_by"], successor["id"]);
    assert_eq!(gateway.get(ENTRIES).await.json()["total"], 2);
    assert_eq!(gateway.get(&format!("{ENTRIES}?all=true")).await.json()["total"], 3);

    let gone = gateway.call("DELETE", &path, None).await.json();
    assert_eq!(gone, json!({"deleted": true, "id": entry["id"]}));
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/complete")),
        ("GET", format!("{ENTRIES}/fact-7")),
    ] {
        gateway.call(method, &path, None).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn what_is_known_is_not_remembered_twice() {
    let gateway = Gateway::start();
    let body = json!({"kind": "fact", "content": "born in 1984"});
    let first = remember(&gateway, body.clone()).await;
    // Ids are stamped to the millisecond: the next one must be another.
    while openclaw_core::Timestamp::now().to_string().as_str() <= first["created_at"].as_str().unwrap() {
        tokio::task::yield_now().await;
    }
    let again = gateway.call("POST", ENTRIES, Some(body)).await;
    assert_eq!((again.status, again.json()), (200, first));
}

#[tokio::test]
async fn every_field_of_an_entry_is_checked() {
    let gateway = Gateway::start();
    for (body, field) in [
        (json!({"content": "a"}), "kind"),
        (json!({"kind": "wish", "content": "a"}), "kind"),
        (json!({"kind": "fact"}), "content"),
        (json!({"kind": "fact", "content": " \n"}), "content"),
        (json!({"kind": "fact", "content": "x".repeat(16 * 1024 + 1)}), "content"),
        (json!({"kind": "fact", "content": "a", "importance": 1.5}), "importance"),
        (json!({"kind": "fact", "content": "a", "importance": "high"}), "importance"),
        (json!({"kind": "fact", "content": "a", "tags": vec!["t"; 17]}), "tags"),
        (json!({"kind": "fact", "content": "a", "tags": ["ok", ""]}), "tags[1]"),
        (json!({"kind": "fact", "content": "a", "expires_at": "2020-01-01"}), "expires_at"),
        (json!({"kind": "fact", "content": "a", "conversation_id": "a b"}), "conversation_id"),
        (json!({"kind": "fact", "content": "a", "sources": vec!["m"; 33]}), "sources"),
        (json!({"kind": "fact", "content": "a", "supersedes": "mem_x"}), "supersedes"),
        (
            json!({"kind": "fact", "content": "a", "supersedes": "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
            "supersedes",
        ),
    ] {
        gateway.call("POST", ENTRIES, Some(body)).await.bad_field(field);
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("kind=wish", "kind"),
        ("tag=", "tag"),
        ("conversation_id=a%20b", "conversation_id"),
        ("all=maybe", "all"),
    ] {
        gateway.get(&format!("{ENTRIES}?{query}")).await.bad_field(field);
    }
}

#[tokio::test]
async fn search_looks_into_one_channel_and_one_conversation() {
    let gateway = Gateway::start();
    for (conversation, channel) in [("a", "api"), ("b", "telegram")] {
        let body = json!({"channel": channel, "message": "kimchi", "conversation_id": conversation});
        assert_eq!(gateway.call("POST", "/api/v1/message", Some(body)).await.status, 200);
    }
    let search = |body: Value| gateway.call("POST", "/api/v1/memory/search", Some(body));
    for (filter, conversation) in [
        (json!({"query": "kimchi", "channel": "telegram"}), "b"),
        (json!({"query": "kimchi", "conversation_id": "a"}), "a"),
    ] {
        let found = search(filter).await.json();
        let hits = found["results"].as_array().unwrap();
        assert!(!hits.is_empty() && hits.iter().all(|hit| hit["conversation_id"] == conversation), "{found}");
    }
    search(json!({"query": "kimchi", "channel": "no such"})).await.bad_field("channel");
    search(json!({"query": "kimchi", "conversation_id": "no such"})).await.bad_field("conversation_id");
}

#[tokio::test]
async fn a_compaction_is_begun_watched_and_waited_for() {
    let gateway = Gateway::start();
    let compact = |body: Option<Value>| gateway.call("POST", "/api/v1/memory/compact", body);
    gateway.curation.hold_compactions(true);
    let begun = compact(None).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_eq!(begun.header("location"), Some("/api/v1/memory/history"));
    assert_eq!(begun.json(), json!({"status": "running", "poll_url": "/api/v1/memory/history"}));
    let history = || async { gateway.get("/api/v1/memory/history").await.json() };
    while history().await["running"].is_null() {
        tokio::task::yield_now().await;
    }
    assert_eq!(history().await, json!({"running": {"segments_done": 0, "segments": 1}, "compactions": []}));
    for body in [json!({}), json!({"wait": true})] {
        let details = compact(Some(body)).await.error(409, "conflict");
        assert_eq!(details["reason"], "under_way");
    }
    gateway.curation.hold_compactions(false);
    while !history().await["running"].is_null() {
        tokio::task::yield_now().await;
    }

    let waited = compact(Some(json!({"wait": true, "offline": true}))).await;
    assert_eq!((waited.status, &waited.json()["method"]), (200, &json!("extractive")));
    let dry = compact(Some(json!({"dry_run": true}))).await;
    assert_eq!((dry.status, &dry.json()["dry_run"]), (200, &json!(true)));
    let past = history().await;
    assert_eq!(past["compactions"].as_array().unwrap().len(), 2, "{past}");
    assert_eq!(past["compactions"][0], waited.json());
    let one = gateway.get("/api/v1/memory/history?limit=1").await.json();
    assert_eq!(one["compactions"].as_array().unwrap().len(), 1);
    gateway.get("/api/v1/memory/history?limit=0").await.bad_field("limit");
    compact(Some(json!({"wait": "yes"}))).await.bad_field("wait");
}

#[tokio::test]
async fn a_shutdown_tells_who_waits_for_a_compaction() {
    let gateway = Gateway::start();
    gateway.curation.hold_compactions(true);
    let mut client = gateway.connect().await;
    let auth = format!("Authorization: Bearer {TOKEN}");
    let json = "Content-Type: application/json";
    client.send("POST", "/api/v1/memory/compact", &[&auth, json], Some(br#"{"wait":true}"#)).await;
    while gateway.get("/api/v1/memory/history").await.json()["running"].is_null() {
        tokio::task::yield_now().await;
    }
    gateway.shutdown.cancel();
    let details = client.reply("POST").await.error(503, "service_unavailable");
    assert_eq!(details["poll_url"], "/api/v1/memory/history");
    gateway.stop().await;
}

#[tokio::test]
async fn garbage_and_integrity() {
    let gateway = Gateway::start();
    let gone = gateway.call("POST", "/api/v1/memory/gc", None).await.json();
    assert_eq!(gone, json!({"expired_entries": 0, "expired_conversations": 0, "bytes": 0}));
    let found = gateway.call("POST", "/api/v1/memory/verify", None).await.json();
    assert_eq!(found, json!({"sound": true, "records": 0, "bytes": 0, "problems": [], "took_ms": 0}));
    gateway.curation.finds(&["memory/wal/1.wal is damaged at byte 7: run gateway memory repair"]);
    let found = gateway.call("POST", "/api/v1/memory/verify", None).await.json();
    assert_eq!((&found["sound"], found["problems"].as_array().unwrap().len()), (&json!(false), 1));
    // An export says what is missing in it.
    import(&gateway, TWO).await;
    let [first, rest] = ["limit=1", "limit=1000"].map(|query| format!("/api/v1/memory/export?{query}"));
    assert_eq!(gateway.get(&first).await.header("x-unreadable-records"), None);
    let whole = gateway.get(&rest).await;
    assert_eq!((whole.header("x-unreadable-records"), whole.body.as_str()), (Some("1"), TWO));
}

const TWO: &str = concat!(
    r#"{"conversation_id":"old","channel":"chatgpt","role":"user","content":"안녕","timestamp":"2024-01-02T03:04:05Z","id":"m1"}"#,
    "\n",
    r#"{"conversation_id":"old","channel":"chatgpt","role":"assistant","content":"hello","timestamp":"2024-01-02T03:04:06.007Z","id":"m2"}"#,
    "\n"
);

#[tokio::test]
async fn what_is_imported_is_exported_byte_by_byte() {
    let gateway = Gateway::start();
    assert_eq!(import(&gateway, TWO).await.json(), json!({"imported": 2, "skipped": 0}));
    assert_eq!(import(&gateway, &format!("\r\n{TWO}\n")).await.json(), json!({"imported": 0, "skipped": 2}));
    let all = gateway.get("/api/v1/memory/export").await;
    assert_eq!((all.status, all.body.as_str(), all.header("x-next-cursor")), (200, TWO, None));
    assert_eq!(all.header("content-type"), Some("application/x-ndjson"));
    let first = gateway.get("/api/v1/memory/export?limit=1").await;
    let cursor = first.header("x-next-cursor").unwrap();
    let rest = gateway.get(&format!("/api/v1/memory/export?limit=1&after={cursor}")).await;
    assert_eq!((first.body + &rest.body).as_str(), TWO);
    let view = gateway.get("/api/v1/conversations/old").await.json();
    assert_eq!((&view["channel"], &view["messages"][0]["id"]), (&json!("chatgpt"), &json!("m1")));
    gateway.get("/api/v1/memory/export?after=x").await.bad_field("after");
    gateway.get("/api/v1/memory/export?limit=1001").await.bad_field("limit");
}

#[tokio::test]
async fn what_is_remembered_is_exported_and_comes_back_under_its_ids() {
    let gateway = Gateway::start();
    import(&gateway, TWO).await;
    let old = remember(&gateway, json!({"kind": "fact", "content": "茶"})).await;
    let new = json!({"kind": "fact", "content": "커피", "tags": ["drink"], "importance": 0.9, "supersedes": old["id"]});
    let new = remember(&gateway, new).await;
    let all = gateway.get("/api/v1/memory/export").await.body;
    let lines: Vec<Value> = all.lines().skip(2).map(|line| serde_json::from_str(line).unwrap()).collect();
    let created = |entry: &Value| entry["created_at"].clone();
    assert_eq!(
        lines,
        [
            json!({"kind": "fact", "content": "茶", "importance": 0.5, "created_at": created(&old),
                "superseded_by": new["id"], "id": old["id"]}),
            json!({"kind": "fact", "content": "커피", "importance": 0.9, "tags": ["drink"],
                "created_at": created(&new), "supersedes": old["id"], "id": new["id"]}),
        ]
    );
    let elsewhere = Gateway::start();
    assert_eq!(import(&elsewhere, &all).await.json(), json!({"imported": 4, "skipped": 0}));
    assert_eq!(import(&elsewhere, &all).await.json(), json!({"imported": 0, "skipped": 4}));
    assert_eq!(elsewhere.get("/api/v1/memory/export").await.body, all);
    // A line without an id is new, and may not be over already; one with an id may.
    let over = r#"{"kind":"fact","content":"x","expires_at":"2020-01-01"}"#;
    assert_eq!(import(&elsewhere, over).await.error(400, "bad_request")["field"], "expires_at");
    let known = over.replace('}', r#","id":"mem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#);
    assert_eq!(import(&elsewhere, &known).await.json()["imported"], 1);
    let unknown = over.replace('}', r#","id":"7"}"#);
    assert_eq!(import(&elsewhere, &unknown).await.error(400, "bad_request")["field"], "id");
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_of_its_batch_is_taken_in() {
    let gateway = Gateway::start();
    let bad = TWO.replace("assistant", "robot");
    let details = import(&gateway, &format!("\n{bad}")).await.error(400, "bad_request");
    assert_eq!((&details["line"], &details["field"]), (&json!(3), &json!("role")), "{details}");
    let mixed = format!("{TWO}{}\n", json!({"kind": "fact", "content": "x", "supersedes": "mem_x"}));
    assert_eq!(import(&gateway, &mixed).await.error(400, "bad_request")["line"], 3);
    let many = "{\"kind\":\"fact\",\"content\":\"x\"}\n".repeat(1001);
    import(&gateway, &many).await.bad_field("body");
    assert_eq!(gateway.get("/api/v1/memory/export").await.body, "");
    assert_eq!(gateway.get(ENTRIES).await.json()["total"], 0);
    send(&gateway, "/api/v1/memory/import", "application/zip", TWO)
        .await
        .error(415, "unsupported_media_type");
    send(&gateway, ENTRIES, "application/x-ndjson", "{}").await.error(415, "unsupported_media_type");
    // What is too long for a request of many lines says that it may come alone.
    let long = TWO.replace("안녕", &"長".repeat(limits::BODY_BYTES / 3));
    let told = import(&gateway, &long).await.error(413, "payload_too_large");
    assert_eq!(told["max_bytes"], limits::BODY_BYTES);
    assert_eq!(gateway.get("/api/v1/memory/export").await.body, "");
}

#[tokio::test]
async fn a_long_line_comes_alone_and_goes_out_as_it_came() {
    let gateway = Gateway::start();
    let of = |content: &str| {
        let content = json!(content);
        format!(
            "{{\"conversation_id\":\"c\",\"channel\":\"api\",\"role\":\"tool\",\"content\":{content},\"timestamp\":\"1969-07-20T20:17:40Z\",\"id\":\"m1\"}}\n"
        )
    };
    // As long as one can be, with what takes one byte, two and six.
    let most = limits::STORED_MESSAGE_BYTES;
    let long = of(&format!("{}\n\u{1}長", "x".repeat(most - 5)));
    assert_eq!(import(&gateway, &format!("\r\n{long}")).await.json(), json!({"imported": 1, "skipped": 0}));
    assert!(gateway.get("/api/v1/memory/export").await.body == long);
    let longer = import(&gateway, &of(&"x".repeat(most + 1))).await.error(400, "bad_request");
    assert_eq!((&longer["line"], &longer["field"]), (&json!(1), &json!("content")));
}

#[test]
fn the_longest_message_is_a_line_that_may_come_whatever_it_says() {
    let message = ForeignMessage {
        conversation: "c".repeat(64).parse().unwrap(),
        channel: "c".repeat(64),
        role: Role::Assistant,
        content: "\u{1}".repeat(limits::STORED_MESSAGE_BYTES),
        timestamp: Timestamp::from_unix_millis(-1),
        id: Some("\"".repeat(128).parse().unwrap()),
    };
    let line = write_line(&message);
    assert!(line.len() < limits::IMPORT_LINE_BYTES, "{}", line.len());
    assert!(read_line(line.as_bytes()).unwrap() == Line::Message(message));
}

#[tokio::test]
async fn memories_come_in_with_messages() {
    let gateway = Gateway::start();
    let lines =
        format!("{TWO}{}\n", json!({"kind": "preference", "content": "tea, not coffee", "tags": ["drinks"]}));
    assert_eq!(import(&gateway, &lines).await.json(), json!({"imported": 3, "skipped": 0}));
    let page = gateway.get(&format!("{ENTRIES}?kind=preference")).await.json();
    assert_eq!(page["entries"][0]["tags"], json!(["drinks"]));
}

#[tokio::test]
async fn a_prompt_is_explained() {
    let gateway = Gateway::start();
    let say = |text: &str| {
        gateway.call(
            "POST",
            "/api/v1/message",
            Some(json!({"channel": "api", "message": text, "conversation_id": "c"})),
        )
    };
    let earlier = say("I am allergic to peanuts").await.json();
    let reply = say("What may I eat?").await.json();
    let id = reply["id"].as_str().unwrap();
    let fact = remember(&gateway, json!({"kind": "fact", "content": "lives in 서울"})).await;
    let asked = RunId::parse_any(earlier["id"].as_str().unwrap()).unwrap().user_message_id();
    let memory = |id: &str| ContextMemory { id: id.to_owned(), score: 0.75, factors: [1.0, 0.5, 0.5, 0.0] };
    let note = ContextNote {
        window: 8192,
        tokens: [100, 40, 20, 0],
        recent: 2,
        memories: vec![
            memory(fact["id"].as_str().unwrap()),
            memory(asked.as_str()),
            memory(earlier["id"].as_str().unwrap()),
            memory("facts.md#3"),
        ],
        cuts: vec![ContextCut { id: "soul.md".into(), reason: "over its share".into(), tokens: 900 }],
    };
    gateway.memory.note_context(RunId::parse_any(id).unwrap(), note).await.unwrap();

    let plain = gateway.get("/api/v1/conversations/c").await.json();
    assert!(plain["messages"][3].get("context").is_none(), "{plain}");
    let explained = gateway.get("/api/v1/conversations/c?explain=true").await.json();
    assert!(explained["messages"][1].get("context").is_none(), "nothing was noted of the first");
    let context = &explained["messages"][3]["context"];
    assert_eq!(context["tokens"], json!({"instructions": 100, "recent": 40, "memories": 20, "tools": 0}));
    assert_eq!(
        context["memories"][0],
        json!({"id": fact["id"], "score": 0.75,
            "factors": {"relevance": 1.0, "importance": 0.5, "recency": 0.5, "frequency": 0.0}})
    );
    assert_eq!(context["cuts"], json!([{"id": "soul.md", "reason": "over its share", "tokens": 900}]));
    assert_eq!((&context["window"], &context["recent_messages"]), (&json!(8192), &json!(2)));

    let run = RunId::parse_any(id).unwrap();
    for id in [id.to_owned(), run.to_string(), run.user_message_id().to_string()] {
        let why = gateway.get(&format!("/api/v1/message/{id}/context")).await.json();
        assert_eq!((&why["conversation_id"], &why["reply_id"]), (&json!("c"), &reply["id"]));
        let told: Vec<_> =
            why["context"]["memories"].as_array().unwrap().iter().map(|it| &it["content"]).collect();
        assert_eq!(told[0], "lives in 서울");
        assert_eq!(told[1], "I am allergic to peanuts");
        assert_eq!(told[2], &earlier["content"]);
        assert!(told[3].is_null());
    }
    let nothing =
        gateway.get(&format!("/api/v1/message/{}/context", earlier["id"].as_str().unwrap())).await.json();
    assert!(nothing["context"].is_null(), "{nothing}");
    for id in ["m1", "msg_resp_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        gateway.get(&format!("/api/v1/message/{id}/context")).await.error(404, "not_found");
    }
    gateway.get("/api/v1/conversations/c?explain=2").await.bad_field("explain");
}
