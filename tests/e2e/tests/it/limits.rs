//! Rate limits.

use openclaw_e2e::{Client, Setup, need_gateway};
use serde_json::json;

fn limited(client: &Client, count: usize) -> Vec<u16> {
    (0..count).map(|_| client.get("/skills").status).collect()
}

#[test]
fn over_the_limit_is_429_with_everything_a_client_needs() {
    need_gateway!();
    let gateway = Setup::new().gateway("  rate_limit:\n    requests_per_minute: 5").start();
    let client = gateway.client();
    let first = client.get("/skills");
    assert_eq!(first.header("x-ratelimit-limit"), Some("5"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("4"));
    let reset: u64 = first.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert!(reset > 1_700_000_000, "{reset} is no Unix time");
    assert_eq!(limited(&client, 4), [200; 4]);
    let refused = client.get("/skills");
    let body = refused.expect_error(429, "rate_limited");
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("Rate limit exceeded. Try again in "), "{message}");
    assert!(message.ends_with(" seconds."), "{message}");
    assert_eq!((&body["details"]["limit"], &body["details"]["remaining"]), (&json!(5), &json!(0)));
    assert!(body["details"]["reset_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{body}");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    // Monitors go on.
    assert_eq!(client.get("/health").status, 200);
}

#[test]
fn zero_turns_the_limit_off() {
    need_gateway!();
    let gateway = Setup::new().start();
    assert_eq!(limited(&gateway.client(), 200), [200; 200]);
}

#[test]
fn the_limit_changes_live() {
    need_gateway!();
    let gateway = Setup::new().gateway("  rate_limit:\n    requests_per_minute: 3").start();
    let client = gateway.client();
    let patch = json!({"gateway": {"rate_limit": {"requests_per_minute": 120}}});
    let update = client.put("/config", &patch).expect(200);
    assert_eq!(update["updated"], json!(["gateway.rate_limit.requests_per_minute"]));
    assert_eq!(update["restart_required"], false);
    assert_eq!(limited(&client, 20), [200; 20]);
}
