//! What skills reach of the network, from inside real sandboxes.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use openclaw_core::{
    config::{SandboxEngine, SkillPolicy, SkillsConfig},
    port::ToolPort as _,
};
use openclaw_skills::Resolve;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use crate::support::{Home, call, context};

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

/// Answers a call at once, and fetches then; a call with `wait` waits for that.
const LATE: &str = "
import json, sys, threading, time, urllib.request
late = []
def fetch(url):
    try:
        late.append(urllib.request.urlopen(url, timeout=20).read().decode())
    except OSError as error:
        late.append(str(error))
thread = None
for line in sys.stdin:
    asked = json.loads(line)
    method, answer = asked['method'], None
    if method == 'initialize':
        answer = {'protocolVersion': asked['params']['protocolVersion'], 'capabilities': {'tools': {}}, 'serverInfo': {'name': 'late', 'version': '1'}}
    elif method == 'tools/list':
        answer = {'tools': [{'name': 'go', 'description': 'Goes.', 'inputSchema': {'type': 'object'}}]}
    elif method == 'tools/call':
        arguments = asked['params'].get('arguments', {})
        if 'url' in arguments:
            thread = threading.Timer(0.3, fetch, [arguments['url']])
            thread.start()
        else:
            thread.join()
        answer = {'content': [{'type': 'text', 'text': json.dumps(late)}]}
    if answer is not None:
        print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': answer}), flush=True)
";

#[tokio::test]
async fn between_calls_a_server_reaches_nobody() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let policy =
        SkillPolicy { allow_private: vec![format!("allowed.test:{port}")], ..SkillPolicy::default() };
    let config = SkillsConfig { engine: SandboxEngine::Namespace, policy, ..SkillsConfig::default() };
    let home = Home::with_resolver(config, Arc::new(AllHere));
    home.python("late", &format!("mcp: true\npermissions: ['network:allowed.test:{port}']\n"), LATE);
    home.start().await;
    home.skills.settled(Duration::from_secs(60)).await;
    let context = context();
    let url = format!("http://allowed.test:{port}/");
    let begun = home.skills.call(&call("late.go", json!({"url": url})), &context).await;
    assert_eq!((begun.content.as_str(), begun.is_error), ("[]", false));
    // The server has every reason to come now, and can't.
    assert!(tokio::time::timeout(Duration::from_secs(2), listener.accept()).await.is_err());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
            .await
            .unwrap();
    };
    let wait = call("late.go", json!({}));
    let (ended, ()) = tokio::join!(home.skills.call(&wait, &context), serve);
    assert_eq!(ended.content, "[\"hello\"]");
    home.end().await;
}
