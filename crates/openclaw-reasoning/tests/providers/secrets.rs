//! A key is sent to its provider and seen nowhere else.

use openclaw_core::{Failure, Secret, config::ProviderKind};
use openclaw_reasoning::Router;
use openclaw_testkit::{Reply, ScriptedProvider};

use super::kit::{CANARY, VENDORS, ask_router, config, hello, route};

#[tokio::test]
async fn no_error_shows_a_key_that_a_vendor_repeats() {
    let kinds = VENDORS.into_iter().chain([ProviderKind::Ollama]);
    for kind in kinds {
        let told = format!("Incorrect API key provided: {CANARY}.");
        let faults = [
            Reply::error(401, &told),
            Reply::error(500, &format!("header x-api-key={CANARY} Bearer {CANARY}")),
            Reply::raw(403, "text/plain", told.clone()),
            Reply::raw(400, "application/json", format!(r#"{{"error":"{CANARY}"}}"#)),
            Reply::raw_stream(format!("data: {{\"{CANARY}\" broken\n\n")),
            Reply::raw_stream(format!("data: {CANARY}\n\n{CANARY}\n")),
            Reply::text("a").error_after(0, "authentication_error", &told),
        ];
        for fault in faults {
            let server = ScriptedProvider::start([fault.clone()]).await;
            let router = Router::new(vec![route("primary", &config(kind, &server))]);
            let error = ask_router(&router, &hello()).await.unwrap_err();
            let failure = Failure::from(&error);
            let shown = format!(
                "{error} {error:?} {failure} {failure:?} {} {router:?}",
                serde_json::to_string(&failure).unwrap()
            );
            assert!(!shown.contains("canary"), "{kind:?} {fault:?}: {shown}");
        }
    }
}

#[tokio::test]
async fn an_error_in_the_middle_shows_none_either() {
    for kind in VENDORS {
        let reply = Reply::text("a b").error_after(1, "api_error", &format!("key {CANARY}"));
        let server = ScriptedProvider::start([reply]).await;
        let router = Router::new(vec![route("primary", &config(kind, &server))]);
        let (_, answer) = ask_router(&router, &hello()).await.unwrap();
        let shown = format!("{:?}", answer.error.unwrap());
        assert!(shown.contains("REDACTED") && !shown.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn credentials_in_an_address_are_used_and_not_shown() {
    let server = ScriptedProvider::start([Reply::error(500, "who is canary-pass and canary-token?")]).await;
    let mut config = config(ProviderKind::OpenAi, &server);
    config.api_key = None;
    config.base_url = Some(server.url().replace("://", "://me:canary-pass@") + "/v1?token=canary-token");
    let router = Router::new(vec![route("primary", &config)]);
    let error = ask_router(&router, &hello()).await.unwrap_err();
    let shown = format!("{error:?} {:?} {router:?}", Failure::from(&error));
    assert!(!shown.contains("canary"), "{shown}");
    let asked = &server.requests()[0];
    assert_eq!(asked.path, "/v1/chat/completions?token=canary-token");
    assert_eq!(asked.header("authorization"), Some("Basic bWU6Y2FuYXJ5LXBhc3M="));
}

#[tokio::test]
async fn a_key_with_a_line_break_is_refused_without_being_shown() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    for kind in VENDORS {
        let mut config = config(kind, &server);
        config.api_key = Some(Secret::new("sk-canary\nx"));
        let client = openclaw_reasoning::HttpClient::new();
        let shown = match kind {
            ProviderKind::Anthropic => {
                openclaw_reasoning::AnthropicProvider::new(&config, client).unwrap_err()
            }
            _ => openclaw_reasoning::OpenAiProvider::new(&config, client).unwrap_err(),
        }
        .to_string();
        assert!(shown.contains("line break") && !shown.contains("canary"), "{shown}");
    }
}
