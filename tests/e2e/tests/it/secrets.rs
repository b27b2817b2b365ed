//! Secrets stay where they were put: in `gateway.yaml`, or in the environment.

use openclaw_e2e::{Provider, Setup, TOKEN, need_gateway, read_tree};
use serde_json::json;

#[test]
fn no_secret_reaches_a_log_an_output_or_an_error() {
    need_gateway!();
    let provider = Provider::openai();
    // The worst a provider can do: tell the key in its error.
    provider.fails_saying(401, &[], &format!("Incorrect API key {}", Provider::KEY));
    let setup = Setup::with(&provider)
        .gateway("  rate_limit:\n    requests_per_minute: 0\n  logging:\n    level: trace")
        .extra("channels:\n  telegram:\n    token: \"channel-canary-7719\"");
    let gateway = setup.start();
    let client = gateway.client();
    let mut said = String::new();
    let message = json!({"channel": "api", "message": "x"});
    said += &client.post("/message", &message).text();
    said += &client.post("/message", &message).text();
    said += &client.token(Some("wrong-but-secret-4410")).get("/status").text();
    said += &client.get(&format!("/conversations?token={TOKEN}")).text();
    said += &client.get("/config").text();
    said += &client.get("/logs?lines=1000&level=debug").text();
    said += &client.put("/config", &json!({"gateway": {"auth": {"token": 5}}})).text();
    said += &client.get("/channels").text();
    gateway.terminate();
    said += &gateway.wait().1;
    let canaries = [Provider::KEY, TOKEN, "channel-canary-7719", "wrong-but-secret-4410"];
    for canary in canaries {
        assert!(!said.contains(canary), "{canary} was told:\n{said}");
    }
    for (path, bytes) in read_tree(setup.data().path()) {
        if path != setup.data().config() {
            let text = String::from_utf8_lossy(&bytes);
            for canary in canaries {
                assert!(!text.contains(canary), "{canary} is in {}", path.display());
            }
        }
    }
}
