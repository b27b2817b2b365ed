//! `DELETE /conversations/:id` leaves no byte behind.

use openclaw_e2e::{Provider, Setup, files_containing, need_gateway};
use serde_json::json;

const CANARY: &str = "zanzibar-otter-93417";

#[test]
fn an_erased_conversation_is_in_no_file_and_in_no_search() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    let client = gateway.client();
    provider.answers(&["I shall remember ", CANARY, " well"]);
    let attachment = json!({"name": format!("{CANARY}.txt"), "mime_type": "text/plain", "data": "aGk="});
    let secret = json!({"channel": "api", "conversation_id": "secret", "message": format!("The word is {CANARY}"),
        "metadata": {"user_name": format!("Mr {CANARY}"), "attachments": [attachment]}});
    let _ = client.post("/message", &secret).expect(200);
    let other = json!({"channel": "api", "conversation_id": "other", "message": "harmless pelican"});
    let _ = client.post("/message", &other).expect(200);
    assert!(
        !files_containing(gateway.home().path(), CANARY).is_empty(),
        "else this test would prove nothing"
    );

    let erased = client.delete("/conversations/secret").expect(200);
    assert_eq!((&erased["deleted"], &erased["id"]), (&json!(true), &json!("secret")));
    assert_eq!(erased["messages_deleted"], 2);
    assert!(erased["memories_deleted"].is_u64());
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());

    let gone = |client: &openclaw_e2e::Client| {
        let _ = client.get("/conversations/secret").expect_error(404, "not_found");
        let found = client.post("/memory/search", &json!({"query": CANARY})).expect(200);
        assert_eq!((&found["total"], &found["results"]), (&json!(0), &json!([])));
        let kept = client.post("/memory/search", &json!({"query": "pelican"})).expect(200);
        assert!(kept["total"].as_u64().unwrap() >= 1, "{kept}");
    };
    gone(&client);
    let _ = client.delete("/conversations/secret").expect_error(404, "not_found");
    gateway.kill();
    let gateway = setup.start();
    gone(&gateway.client());
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());
}

#[test]
fn erasing_stops_a_run_that_is_under_way() {
    need_gateway!();
    let provider = Provider::openai();
    provider.stalls(&["still talking about ", CANARY]);
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let message = json!({"channel": "api", "conversation_id": "busy", "message": CANARY});
    let mut events = client.stream_message(&message);
    assert_eq!(events.next().unwrap().kind(), "start");
    assert_eq!(events.next().unwrap().kind(), "token");
    assert_eq!(client.delete("/conversations/busy").expect(200)["deleted"], true);
    assert!(events.rest().iter().all(|event| event.kind() != "end"));
    assert_eq!(files_containing(gateway.home().path(), CANARY), Vec::<std::path::PathBuf>::new());
    // The name is free again, and knows nothing.
    let again = json!({"channel": "api", "conversation_id": "busy", "message": "who are you?"});
    let _ = client.post("/message", &again).expect(200);
    assert_eq!(client.get("/conversations/busy").expect(200)["message_count"], 2);
}

#[test]
fn what_a_provider_repeats_in_its_errors_is_erased_too() {
    need_gateway!();
    for provider in [Provider::openai(), Provider::anthropic()] {
        let setup = Setup::new()
            .providers(&format!("providers:\n  primary:\n{}    max_retries: 1\n", provider.yaml("    ")))
            .gateway("  rate_limit:\n    requests_per_minute: 0\n  logging:\n    level: trace");
        let gateway = setup.start();
        let client = gateway.client();
        let secret = format!("Tell me of {CANARY}");
        let message = json!({"channel": "api", "conversation_id": "secret", "message": secret});
        let repeated = format!("this can't be answered: {secret}");
        // Refused at once; failing twice; breaking off in the middle.
        for status in [400, 403] {
            provider.fails_saying(status, &[], &repeated);
            let error = client.post("/message", &message).expect_error(503, "service_unavailable");
            assert!(error.to_string().contains(CANARY), "else this test would prove nothing: {error}");
        }
        provider.fails_saying(500, &[], &repeated);
        provider.fails_saying(529, &[], &repeated);
        let _ = client.post("/message", &message).expect_error(503, "service_unavailable");
        provider.breaks_saying(&["half an ", "answer"], &repeated);
        let kinds: Vec<_> = client.stream_message(&message).map(|event| event.kind().to_owned()).collect();
        assert_eq!(kinds, ["start", "token", "token", "error"]);
        assert_eq!(provider.requests().len(), 5);

        assert_eq!(client.delete("/conversations/secret").expect(200)["deleted"], true);
        let left = || files_containing(setup.data().path(), CANARY);
        // Reading the log writes out what is still on its way there.
        assert!(client.get("/logs?lines=1000&level=trace").expect(200)["total"].as_u64() > Some(0));
        assert_eq!(left(), Vec::<std::path::PathBuf>::new());
        gateway.terminate();
        assert!(gateway.wait().0.success());
        assert_eq!(left(), Vec::<std::path::PathBuf>::new());
    }
}
