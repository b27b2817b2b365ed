//! `/memory/entries`, `/memory/import` and `/memory/export` of the gateway as a program.

use openclaw_e2e::{Client, Provider, Request, Response, Setup, files_containing, need_gateway};
use serde_json::json;

const CANARY: &str = "quokka-77013";

fn import(client: &Client, body: &str) -> Response {
    let request = Request::new("POST", "/api/v1/memory/import");
    client.send(&request.header("Content-Type", "application/x-ndjson").body(body))
}

#[test]
fn what_is_remembered_survives_a_kill_and_what_is_forgotten_leaves_no_byte() {
    need_gateway!();
    let setup = Setup::new();
    let gateway = setup.start();
    let client = gateway.client();
    let fact = json!({"kind": "fact", "content": format!("the word is {CANARY}"), "tags": [format!("{CANARY}-tag")]});
    let entry = client.post("/memory/entries", &fact).expect(201);
    let task =
        client.post("/memory/entries", &json!({"kind": "task", "content": "water the plants"})).expect(201);
    gateway.kill();

    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(client.post("/memory/entries", &fact).expect(200), entry, "it is known");
    let path = format!("/memory/entries/{}", entry["id"].as_str().unwrap());
    let task_path = format!("/memory/entries/{}", task["id"].as_str().unwrap());
    let done = client.post(&format!("{task_path}/complete"), &json!({})).expect(200);
    assert!(done["completed_at"].is_string(), "{done}");
    assert!(
        !files_containing(gateway.home().path(), CANARY).is_empty(),
        "else this test would prove nothing"
    );
    assert_eq!(client.delete(&path).expect(200), json!({"deleted": true, "id": entry["id"]}));
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());
    let _ = client.get(&path).expect_error(404, "not_found");
    gateway.kill();

    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());
    let left = client.get("/memory/entries").expect(200);
    assert_eq!((&left["total"], &left["entries"][0]), (&json!(1), &done));
}

#[test]
fn what_is_imported_is_a_conversation_like_any_other() {
    need_gateway!();
    let setup = Setup::new();
    let gateway = setup.start();
    let client = gateway.client();
    let line = |id: usize| {
        let content = format!("{CANARY} number {id}");
        json!({"conversation_id": "old", "channel": "chatgpt", "role": "user", "content": content,
            "timestamp": "2020-01-01T00:00:00Z", "id": format!("m{id}")})
        .to_string()
            + "\n"
    };
    let batch: String = (0..5).map(line).collect();
    assert_eq!(import(&client, &batch).expect(200), json!({"imported": 5, "skipped": 0}));
    let bad = import(&client, &format!("{}{{}}\n", line(5))).expect_error(400, "bad_request");
    assert_eq!(bad["details"]["line"], 2, "{bad}");
    assert_eq!(import(&client, &batch).expect(200), json!({"imported": 0, "skipped": 5}));
    assert_eq!(client.get("/conversations/old").expect(200)["message_count"], 5);
    let found = client.post("/memory/search", &json!({"query": CANARY, "channel": "chatgpt"})).expect(200);
    assert!(found["results"][0]["id"].as_str().unwrap().starts_with('m'), "{found}");

    let (mut told, mut after) = (String::new(), String::new());
    loop {
        let page = client.get(&format!("/memory/export?limit=2{after}"));
        assert_eq!((page.status, page.header("content-type")), (200, Some("application/x-ndjson")));
        told += &page.text();
        let Some(next) = page.header("x-next-cursor") else { break };
        after = format!("&after={next}");
    }
    assert_eq!(told, batch);

    assert_eq!(client.delete("/conversations/old").expect(200)["messages_deleted"], 5);
    assert_eq!(client.get("/memory/export").text(), "");
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_answer_can_be_explained() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    let earlier = "My sister Ana keeps bees in Oslo";
    let message = json!({"channel": "api", "conversation_id": "earlier", "message": earlier});
    provider.answers(&["noted"]);
    let _ = client.post("/message", &message).expect(200);
    let said = client.get("/conversations/earlier").expect(200)["messages"][0]["id"].clone();
    let message =
        json!({"channel": "api", "conversation_id": "c", "message": "Where does my sister Ana keep bees?"});
    let reply = client.post("/message", &message).expect(200);
    let id = reply["id"].as_str().unwrap();
    let why = client.get(&format!("/message/{id}/context")).expect(200);
    assert_eq!((&why["reply_id"], &why["conversation_id"]), (&reply["id"], &json!("c")));
    let context = &why["context"];
    assert!(context["window"].as_u64() > Some(0), "{why}");
    let memories = context["memories"].as_array().unwrap();
    let memory = memories.iter().find(|memory| memory["id"] == said).unwrap_or_else(|| panic!("{why}"));
    assert_eq!(memory["content"], earlier, "{why}");
    assert!(memory["score"].as_f64() > Some(0.0) && memory["factors"]["importance"].is_f64(), "{why}");
    assert!(context["cuts"].is_array(), "{why}");
    let view = client.get("/conversations/c?explain=true").expect(200);
    assert_eq!(view["messages"][1]["context"]["tokens"], context["tokens"], "{view}");
    assert!(view["messages"][0].get("context").is_none());
    let (status, told, _) = setup.run(&["memory", "why", id]);
    assert!(status.success() && told.contains("Window") && told.contains(earlier), "{told}");
    // What an explanation was made of goes with the conversation.
    let _ = client.delete("/conversations/c").expect(200);
    let _ = client.get(&format!("/message/{id}/context")).expect_error(404, "not_found");
}
