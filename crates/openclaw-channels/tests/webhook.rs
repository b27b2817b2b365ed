//! Webhooks against a receiver that fails for a while.
#![cfg(test)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_channels::{Channels, Parts, platform};
use openclaw_core::{
    Timestamp,
    config::ChannelConfig,
    port::{ChannelPort as _, ChannelStatus, WebhookAnswer, WebhookRequest},
};
use openclaw_platforms::{Answer, Handler, Reply, Request, Server};
use openclaw_testkit::{FakeAgent, FakeCuration, FakeMemory};
use ring::hmac;
use serde_json::json;
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const SECRET: &str = "a secret of enough characters";

/// Answers 503 until it is mended.
#[derive(Default)]
struct Receiver {
    is_mended: std::sync::atomic::AtomicBool,
    pings: AtomicU32,
    texts: Mutex<Vec<String>>,
}

impl Handler for Receiver {
    async fn handle(&self, request: Request) -> Answer {
        let post = request.json();
        if post["type"] == "ping" {
            self.pings.fetch_add(1, Ordering::Relaxed);
        }
        if !self.is_mended.load(Ordering::Relaxed) {
            return Answer::Reply(Reply::json(503, &json!({})));
        }
        if let Some(text) = post["text"].as_str() {
            self.texts.lock().unwrap().push(text.to_owned());
        }
        Answer::Reply(Reply::json(200, &json!({})))
    }
}

fn signed(body: &str) -> WebhookRequest {
    let (id, now) = ("m1", (Timestamp::now().unix_millis() / 1000).to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{id}.{now}.{body}").as_bytes());
    let headers =
        [("id", id.to_owned()), ("timestamp", now), ("signature", format!("v1,{}", STANDARD.encode(tag)))];
    let headers = headers.into_iter().map(|(name, value)| (format!("webhook-{name}"), value)).collect();
    WebhookRequest { headers, body: body.to_owned().into() }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("{what} never came"));
}

#[tokio::test]
async fn a_receiver_that_fails_is_shown_until_it_answers_again() {
    let receiver = Arc::<Receiver>::default();
    let server = Server::start(0, Arc::clone(&receiver)).await.unwrap();
    let config = ChannelConfig {
        base_url: Some(server.url()),
        secrets: [("secret".to_owned(), SECRET.into())].into(),
        allowed_users: vec!["ann".to_owned()],
        ..ChannelConfig::default()
    };
    let (memory, directory) = (Arc::new(FakeMemory::new()), tempfile::tempdir().unwrap());
    let (_config_tx, config) = watch::channel(Arc::new(BTreeMap::from([("webhook".to_owned(), config)])));
    let parts = Parts {
        agent: Arc::new(FakeAgent::new(Arc::clone(&memory))),
        curation: Arc::new(FakeCuration::new(memory)),
        journal: directory.path().join("state.redb"),
        clock: Arc::new(Timestamp::now),
        in_place: false,
        find: Box::new(platform),
    };
    let channels = Arc::new(Channels::new(config, parts));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn({
        let (channels, stop) = (Arc::clone(&channels), stop.clone());
        async move { channels.keep(stop.clone(), stop).await }
    });
    let is_connected =
        async || matches!(channels.list().await.remove(0).status, ChannelStatus::Connected { .. });
    until("the connection", &is_connected).await;
    let message = signed(r#"{"id": "1", "chat": "c", "user": {"id": "ann"}, "text": "hello"}"#);
    let answer = channels.webhook("webhook", message).await.unwrap();
    assert_eq!(answer, WebhookAnswer::Taken(json!({"accepted": true})));

    until("a second ping", async || receiver.pings.load(Ordering::Relaxed) >= 2).await;
    let ChannelStatus::Disconnected { last_error } = channels.list().await.remove(0).status else {
        panic!("it is shown as connected")
    };
    assert!(last_error.contains("503"), "{last_error}");
    receiver.is_mended.store(true, Ordering::Relaxed);
    until("the connection", &is_connected).await;
    until("the answer", async || !receiver.texts.lock().unwrap().is_empty()).await;
    assert_eq!(*receiver.texts.lock().unwrap(), ["You said: hello"]);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
