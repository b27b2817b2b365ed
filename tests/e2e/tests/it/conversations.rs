//! Listing and reading conversations.

use openclaw_e2e::{Client, Provider, Setup, need_gateway};
use serde_json::{Value, json};

fn say(client: &Client, conversation: &str, channel: &str, text: &str) -> Value {
    let body = json!({"channel": channel, "message": text, "conversation_id": conversation});
    client.post("/message", &body).expect(200)
}

fn ids(page: &Value) -> Vec<&str> {
    page["conversations"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn lists_newest_activity_first_with_pages_and_filters() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    for (conversation, channel) in [("a", "api"), ("b", "telegram"), ("c", "api"), ("a", "api")] {
        let _ = say(&client, conversation, channel, "hello");
    }
    let all = client.get("/conversations").expect(200);
    assert_eq!(ids(&all), ["a", "c", "b"]);
    assert_eq!((&all["total"], &all["limit"], &all["offset"]), (&json!(3), &json!(20), &json!(0)));
    let item = &all["conversations"][0];
    assert_eq!(item["channel"], "api");
    assert_eq!(item["message_count"], 4);
    assert!(item["summary"].is_string());
    let created = item["created_at"].as_str().unwrap();
    let last = item["last_message_at"].as_str().unwrap();
    assert!(created.ends_with('Z') && created < last, "{item}");

    assert_eq!(ids(&client.get("/conversations?limit=1&offset=1").expect(200)), ["c"]);
    let telegram = client.get("/conversations?channel=telegram").expect(200);
    assert_eq!((ids(&telegram), &telegram["total"]), (vec!["b"], &json!(1)));
    assert_eq!(ids(&client.get(&format!("/conversations?since={last}")).expect(200)), ["a"], "inclusive");
    let b_last = all["conversations"][2]["last_message_at"].as_str().unwrap();
    assert_eq!(ids(&client.get(&format!("/conversations?until={b_last}")).expect(200)), ["b"], "inclusive");
    assert_eq!(client.get("/conversations?until=2001-01-01").expect(200)["total"], 0);
    for wrong in ["limit=0", "limit=101", "limit=x", "offset=-1", "since=yesterday"] {
        let error = client.get(&format!("/conversations?{wrong}")).expect_error(400, "bad_request");
        assert_eq!(error["details"]["field"], wrong.split('=').next().unwrap());
    }
}

#[test]
fn reads_every_message_oldest_first() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    for number in 0..3 {
        provider.answers(&["answer ", &number.to_string()]);
        let _ = say(&client, "c1", "api", &format!("question {number}"));
    }
    let view = client.get("/conversations/c1").expect(200);
    assert_eq!((&view["id"], &view["message_count"]), (&json!("c1"), &json!(6)));
    let messages = view["messages"].as_array().unwrap();
    let told: Vec<_> = messages
        .iter()
        .map(|message| (message["role"].as_str().unwrap(), message["content"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("user", "question 0"),
            ("assistant", "answer 0"),
            ("user", "question 1"),
            ("assistant", "answer 1"),
            ("user", "question 2"),
            ("assistant", "answer 2")
        ]
    );
    let times: Vec<_> = messages.iter().map(|message| message["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let window = client.get("/conversations/c1?limit=2").expect(200);
    assert_eq!(window["messages"], json!(messages[4..]));
    let before = messages[2]["id"].as_str().unwrap();
    let earlier = client.get(&format!("/conversations/c1?before={before}")).expect(200);
    assert_eq!(earlier["messages"], json!(messages[..2]));
    let _ = client.get("/conversations/unknown").expect_error(404, "not_found");
    // The same words after a crash.
    gateway.kill();
    assert_eq!(setup.start().client().get("/conversations/c1").expect(200), view);
}
