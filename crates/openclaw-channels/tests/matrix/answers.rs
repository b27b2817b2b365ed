//! What is answered by something that is not quite a homeserver. Needs none.

use std::sync::Arc;

use openclaw_channels::probe;
use openclaw_core::{Secret, config::ChannelConfig};
use openclaw_platforms::{Answer, Handler, Reply, Request, Server};
use serde_json::{Value, json};

/// A web server that says where the homeserver is, or the homeserver, or neither.
struct Front(Value);

impl Handler for Front {
    async fn handle(&self, request: Request) -> Answer {
        let is_home = self.0 == "home";
        let answer = match request.path.as_str() {
            "/_matrix/client/versions" if is_home => json!({"versions": ["v1.11"]}),
            "/.well-known/matrix/client" => self.0.clone(),
            "/_matrix/client/v3/account/whoami" if is_home => match request.header("authorization") {
                "Bearer good" => json!({"user_id": "@claw:example.org"}),
                _ => {
                    let refused =
                        json!({"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown", "soft_logout": true});
                    return Reply::json(401, &refused).into();
                }
            },
            _ => return Reply { status: 404, headers: Vec::new(), body: "<html>".into() }.into(),
        };
        Reply::json(200, &answer).into()
    }
}

fn config(url: String, token: &str) -> ChannelConfig {
    ChannelConfig { base_url: Some(url), token: Some(Secret::new(token)), ..ChannelConfig::default() }
}

#[tokio::test]
async fn the_homeserver_may_be_elsewhere() {
    let home = Server::start(0, Arc::new(Front(json!("home")))).await.unwrap();
    let said = json!({"m.homeserver": {"base_url": format!("{}/", home.url())}});
    let front = Server::start(0, Arc::new(Front(said))).await.unwrap();
    assert_eq!(probe("matrix", &config(front.url(), "good")).await.unwrap(), "@claw:example.org");
    assert_eq!(probe("matrix", &config(home.url(), "good")).await.unwrap(), "@claw:example.org");
    let refused = probe("matrix", &config(home.url(), "dead")).await.unwrap_err();
    assert!(refused.contains("put it into `channels.matrix.token`"), "{refused}");
}

#[tokio::test]
async fn a_web_server_is_no_homeserver() {
    for said in [json!({}), json!([]), json!({"m.homeserver": {"base_url": "javascript:0"}})] {
        let front = Server::start(0, Arc::new(Front(said))).await.unwrap();
        let refused = probe("matrix", &config(front.url(), "good")).await.unwrap_err();
        assert_eq!(refused, "there is no Matrix homeserver at `channels.matrix.base_url` (status 404)");
    }
    let refused = probe("matrix", &config("matrix.org".to_owned(), "good")).await.unwrap_err();
    assert!(refused.contains("looks like https://matrix.org"), "{refused}");
}
