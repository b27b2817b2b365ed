//! What skills reach of the network, from inside real sandboxes.

use std::{io, net::IpAddr, sync::Arc};

use openclaw_core::config::{SandboxEngine, SkillPolicy, SkillsConfig};
use openclaw_skills::Resolve;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use crate::support::Home;

/// Every name is this machine.
#[derive(Debug)]
pub(crate) struct AllHere;

#[async_trait::async_trait]
impl Resolve for AllHere {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }
}

/// A skill that gets a page and says what came of it.
pub(crate) const FETCH: &str = "
import json, sys, urllib.request, urllib.error
url = json.load(sys.stdin)['url']
try:
    with urllib.request.urlopen(url, timeout=5) as answer:
        print(json.dumps({'status': answer.status, 'text': answer.read().decode()}))
except urllib.error.HTTPError as error:
    print(json.dumps({'status': error.code, 'text': error.read().decode()}))
except Exception as error:
    print(json.dumps({'status': 0, 'text': str(error)}))
";

/// A server that says hello, and how its address is.
pub(crate) async fn hello(servers: &mut JoinSet<()>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    servers.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
                .await;
        }
    });
    port
}

#[tokio::test]
async fn a_declared_host_is_reached_and_no_other() {
    let mut servers = JoinSet::new();
    let port = hello(&mut servers).await;
    let policy =
        SkillPolicy { allow_private: vec![format!("allowed.test:{port}")], ..SkillPolicy::default() };
    let config = SkillsConfig { engine: SandboxEngine::Namespace, policy, ..SkillsConfig::default() };
    let home = Home::with_resolver(config, Arc::new(AllHere));
    let head = format!("permissions: ['network:allowed.test:{port}', 'network:private.test:{port}']\n");
    home.python("fetch", &head, FETCH);
    home.python("cut-off", "", FETCH);
    home.start().await;
    let get = async |skill: &str, url: String| {
        let result = home.call(skill, json!({"url": url})).await;
        assert!(!result.is_error, "{}", result.content);
        serde_json::from_str::<Value>(&result.content).unwrap()
    };
    for _ in 0..2 {
        let good = get("fetch", format!("http://allowed.test:{port}/")).await;
        assert_eq!(good, json!({"status": 200, "text": "hello"}));
    }
    let private = get("fetch", format!("http://private.test:{port}/")).await;
    assert_eq!(private["status"], 403, "{private}");
    assert!(private["text"].as_str().unwrap().contains("allow_private"), "{private}");
    let undeclared = get("fetch", format!("http://other.test:{port}/")).await;
    assert_eq!(undeclared["status"], 403, "{undeclared}");
    // Without the permission there is not even a proxy.
    let none = get("cut-off", format!("http://127.0.0.1:{port}/")).await;
    assert_eq!(none["status"], 0, "{none}");
}
