//! The homeserver, its humans, and the proxy before it.
#![cfg(test)]

use std::time::Duration;

use openclaw_platforms::{Fault, Proxy, Synapse};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn people_talk_on_a_real_homeserver() {
    let Some(synapse) = Synapse::start().await else { return };
    let (anna, bo) = (synapse.register("anna", "pw").await, synapse.register("bo", "pw").await);
    assert_eq!(anna.id, "@anna:localhost");
    let room = anna.direct(&bo.id).await;
    bo.join(&room).await;
    let hello = anna.say(&room, "hello").await;
    let reply = bo.reply(&room, &hello, "hi").await;
    anna.edit(&room, &hello, "hello there").await;
    let gone = bo.say(&room, "oh no").await;
    bo.redact(&room, &gone).await;
    bo.say_in_thread(&room, &hello, "aside").await;
    let said = anna.until(&room, |said| said.len() == 4).await;
    let texts: Vec<_> = said.iter().map(|said| said.text.as_str()).collect();
    assert_eq!(texts, ["hello there", "hi", "", "aside"]);
    assert_eq!((said[0].edits, said[1].id.as_str()), (1, reply.as_str()));
    assert_eq!(said[3].thread.as_deref(), Some(hello.as_str()));
    let picture = anna.upload("a.png", "image/png", "not really").await;
    assert_eq!(bo.download(&picture).await, "not really");

    let again = synapse.log_in("bo", "pw").await;
    assert_ne!(again.token, bo.token);
    again.log_out().await;
    let (status, answer) = again.call("GET", "account/whoami", None).await.unwrap();
    assert_eq!((status, answer["errcode"].as_str()), (401, Some("M_UNKNOWN_TOKEN")));

    synapse.kill().await;
    assert!(anna.call("GET", "account/whoami", None).await.is_err());
    synapse.run().await;
    assert_eq!(anna.timeline(&room).await, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_passes_what_it_is_not_told_to_spoil() {
    let Some(synapse) = Synapse::start().await else { return };
    let proxy = Proxy::start(&synapse).await;
    let anna = synapse.register("anna", "pw").await;
    let client = over_tcp();
    let ask = |path: &str| client(format!("{}{path}", proxy.url()), anna.token.clone());
    assert!(ask("/_matrix/client/v3/account/whoami").await.unwrap().contains("@anna:localhost"));
    proxy.faults().add("/whoami", 1, Fault::Answer(429, json!({"errcode": "M_LIMIT_EXCEEDED"}).to_string()));
    assert!(ask("/_matrix/client/v3/account/whoami").await.unwrap().contains("M_LIMIT_EXCEEDED"));
    proxy.faults().add("/whoami", 1, Fault::CutAfter);
    assert_eq!(ask("/_matrix/client/v3/account/whoami").await, None);
    proxy.faults().add("/whoami", 1, Fault::Hang);
    let hung = tokio::time::timeout(Duration::from_millis(300), ask("/_matrix/client/v3/account/whoami"));
    assert!(hung.await.is_err());

    let first = ask("/_matrix/client/v3/sync?timeout=0").await.unwrap();
    let since = |answer: &str| {
        let answer: serde_json::Value = serde_json::from_str(answer).unwrap();
        answer["next_batch"].as_str().unwrap().to_owned()
    };
    let room = anna.group("g", &[]).await;
    let before = since(&first);
    let second = ask(&format!("/_matrix/client/v3/sync?timeout=0&since={before}")).await.unwrap();
    assert!(second.contains(&room));
    let after = since(&second);
    assert!(!ask(&format!("/_matrix/client/v3/sync?timeout=0&since={after}")).await.unwrap().contains(&room));
    proxy.replay(2);
    assert!(ask(&format!("/_matrix/client/v3/sync?timeout=0&since={after}")).await.unwrap().contains(&room));
    assert!(proxy.passed().len() >= 5);
}

/// Asks over TCP, as an adapter does; `None` when there is no answer.
fn over_tcp() -> impl Fn(String, String) -> std::pin::Pin<Box<dyn Future<Output = Option<String>>>> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    |url, token| {
        Box::pin(async move {
            let rest = url.strip_prefix("http://")?;
            let (host, path) = rest.split_once('/')?;
            let mut stream = tokio::net::TcpStream::connect(host).await.ok()?;
            let request = format!(
                "GET /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
        })
    }
}
