//! What goes wrong on the way, with every vendor that streams by SSE.

use std::time::Duration;

use futures_util::future::join_all;
use openclaw_core::{Failure, config::ProviderKind};
use openclaw_reasoning::{FailCause, ProviderError, RouteError, Router};
use openclaw_testkit::{Reply, ScriptedProvider};

use super::kit::{VENDORS, ask, ask_router, config, hello, provider, route};

async fn two(
    kind: ProviderKind,
    first: Reply,
    timeout_ms: u64,
) -> (ScriptedProvider, ScriptedProvider, Router) {
    let one = ScriptedProvider::start([first]).await;
    let two = ScriptedProvider::start([Reply::text("from the backup")]).await;
    let mut near = config(kind, &one);
    near.timeout_ms = Some(timeout_ms);
    let router = Router::new(vec![route("primary", &near), route("backup", &config(kind, &two))]);
    (one, two, router)
}

#[tokio::test]
async fn whatever_fails_before_the_first_word_is_answered_by_the_next() {
    for kind in VENDORS {
        let faults = [
            ("429", Reply::error(429, "slow down").header("retry-after", "60")),
            ("500", Reply::error(500, "oops")),
            ("529", Reply::error(529, "Overloaded")),
            ("401", Reply::error(401, "invalid key")),
            ("404", Reply::error(404, "no such model")),
            ("hang before headers", Reply::hang()),
            ("hang after headers", Reply::text("a b").hang_after(0)),
            ("hang before the first word", Reply::text("a b").hang_after(1)),
            ("cut after headers", Reply::text("a b").cut_after(0)),
            ("cut before the first word", Reply::text("a b").cut_after(1)),
            ("empty", Reply::raw_stream("")),
            ("malformed", Reply::raw_stream("data: {\"type\":\n\n")),
            ("not an object", Reply::raw_stream("data: 7\n\n")),
            ("garbage", Reply::raw_stream([0xff, 0xfe, 0x00, b'\n', b'\n'])),
            ("HTML", Reply::raw(502, "text/html", "<html>Bad Gateway</html>")),
            ("an error in the stream", Reply::text("a b").error_after(0, "overloaded_error", "busy")),
        ];
        join_all(faults.map(|(what, fault)| async move {
            // A hang is waited for; everything else must not be mistaken for one on a busy machine.
            let timeout_ms = if what.starts_with("hang") { 400 } else { 20_000 };
            let (one, two, router) = two(kind, fault, timeout_ms).await;
            let (provider, answer) = ask_router(&router, &hello()).await.unwrap();
            let told = (provider.as_str(), answer.text.as_str());
            assert_eq!(told, ("backup", "from the backup"), "{kind:?}: {what}");
            assert_eq!((one.requests().len(), two.requests().len()), (1, 1), "{kind:?}: {what}");
        }))
        .await;
    }
}

#[tokio::test]
async fn whatever_fails_after_the_first_word_is_an_error_and_no_second_answer() {
    for kind in VENDORS {
        // Anthropic writes three pieces before the first word, OpenAI one.
        let words = if kind == ProviderKind::Anthropic { 4 } else { 2 };
        let faults = [
            ("cut", Reply::text("a b c").cut_after(words)),
            ("hang", Reply::text("a b c").hang_after(words)),
            ("error", Reply::text("a b c").error_after(1, "overloaded_error", "busy")),
            ("end", Reply::text("a b c").stop_reason("").without_end_mark()),
        ];
        for (what, fault) in faults {
            let (_one, two, router) = two(kind, fault, if what == "hang" { 1000 } else { 20_000 }).await;
            let (provider, answer) = ask_router(&router, &hello()).await.unwrap();
            assert_eq!(provider, "primary", "{kind:?}: {what}");
            if what == "end" && kind == ProviderKind::Anthropic {
                // An empty stop reason is an end all the same.
                continue;
            }
            assert!(answer.text.starts_with("a "), "{kind:?}: {what}: {answer:?}");
            assert!(matches!(answer.error, Some(ProviderError::Cut { .. })), "{kind:?}: {what}: {answer:?}");
            assert_eq!((answer.stop, two.requests().len()), (None, 0), "{kind:?}: {what}");
        }
    }
}

#[tokio::test]
async fn retries_stay_at_one_provider_and_honour_its_wait() {
    for kind in VENDORS {
        let server = ScriptedProvider::start([
            Reply::error(429, "slow down").header("retry-after", "0"),
            Reply::error(529, "busy"),
            Reply::text("third time"),
        ])
        .await;
        let mut config = config(kind, &server);
        config.max_retries = Some(2);
        let (_, answer) = ask_router(&Router::new(vec![route("primary", &config)]), &hello()).await.unwrap();
        assert_eq!((answer.text.as_str(), server.requests().len()), ("third time", 3));
    }
}

#[tokio::test]
async fn a_slow_answer_is_no_fault_while_bytes_keep_coming() {
    for kind in VENDORS {
        let server =
            ScriptedProvider::start([Reply::text("a b c d e").drip(Duration::from_millis(50))]).await;
        let mut config = config(kind, &server);
        config.timeout_ms = Some(2000);
        let answer = ask(&provider(&config), &hello()).await.unwrap();
        assert_eq!((answer.text.as_str(), answer.error.is_none()), ("a b c d e", true));
    }
}

#[tokio::test]
async fn time_outs_name_their_bound() {
    for kind in VENDORS {
        let server = ScriptedProvider::start([Reply::hang()]).await;
        let mut config = config(kind, &server);
        config.timeout_ms = Some(120);
        let error = ask(&provider(&config), &hello()).await.unwrap_err();
        assert_eq!(error.to_string(), "no answer within 120 ms");
    }
}

#[tokio::test]
async fn the_only_providers_limit_is_told_with_its_wait() {
    let server =
        ScriptedProvider::start([Reply::error(429, "Rate limited").header("retry-after", "61")]).await;
    let router = Router::new(vec![route("primary", &config(ProviderKind::Anthropic, &server))]);
    let error = ask_router(&router, &hello()).await.unwrap_err();
    let failure = Failure::from(&error);
    assert_eq!(failure.details["retry_after"], 61);
    assert_eq!(failure.details["providers"][0]["error"], "HTTP 429: Rate limited");
}

#[tokio::test]
async fn nobody_listening_is_told_by_address() {
    let server = ScriptedProvider::start([Reply::text("gone")]).await;
    let url = server.url();
    let router = Router::new(vec![route("primary", &config(ProviderKind::OpenAi, &server))]);
    drop(server);
    // The port closes when the server's task has gone; until then the connection may be taken and dropped.
    let RouteError::AllFailed { said } = ask_router(&router, &hello()).await.unwrap_err() else {
        unreachable!("there is a provider")
    };
    assert!(
        matches!(&said[0].cause, FailCause::Provider(ProviderError::Unreachable { url: told, .. }) if *told == url),
        "{said:?}"
    );
}

#[tokio::test]
async fn dropping_the_stream_stops_the_request() {
    let server = ScriptedProvider::start([Reply::text("a b c").hang_after(5), Reply::text("next")]).await;
    let provider = provider(&config(ProviderKind::Anthropic, &server));
    let stream = provider.stream(&hello()).await.unwrap();
    drop(stream);
    assert_eq!(ask(&provider, &hello()).await.unwrap().text, "next");
    assert_eq!(server.connections(), 2, "the abandoned connection is not used again");
}
