//! A channel from end to end: signed messages in, signed answers out, through the real gateway and over its death.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_e2e::{Client, Gateway, Provider, Request, Setup, need_gateway};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const SECRET: &str = "a secret of enough characters";

/// HMAC-SHA-256 (RFC 2104), so that the test owes nothing to the gateway's own.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new_with_prefix(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new_with_prefix(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    format!("v1,{}", STANDARD.encode(hmac(secret.as_bytes(), &content)))
}

/// Takes what the gateway posts, and checks its signature.
struct Receiver {
    url: String,
    posts: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/answers", listener.local_addr().unwrap());
        let posts: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let taken = Arc::clone(&posts);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let taken = Arc::clone(&taken);
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream.unwrap());
                    while let Some((headers, body)) = request(&mut reader) {
                        let header = |name: &str| {
                            let found = headers.iter().find(|(key, _)| key == name);
                            found.map(|(_, value)| value.clone()).unwrap_or_default()
                        };
                        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
                        assert_eq!(header("webhook-signature"), signature(SECRET, &id, &timestamp, &body));
                        let post: Value = serde_json::from_slice(&body).unwrap();
                        let mut taken = taken.lock().unwrap();
                        // Repetitions are known by their id.
                        if post["type"] == "message" && taken.iter().all(|(known, _)| *known != id) {
                            taken.push((id, post));
                        }
                        drop(taken);
                        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                        reader.get_mut().write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        Self { url, posts }
    }

    fn texts(&self) -> Vec<String> {
        let posts = self.posts.lock().unwrap();
        posts.iter().map(|(_, post)| post["text"].as_str().unwrap().to_owned()).collect()
    }

    fn until(&self, count: usize) -> Vec<String> {
        await_so("answers", || self.texts().len() >= count);
        self.texts()
    }
}

type Headers = Vec<(String, String)>;

fn request(reader: &mut BufReader<std::net::TcpStream>) -> Option<(Headers, Vec<u8>)> {
    let mut headers = Headers::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(": ") {
            headers.push((name.to_lowercase(), value.to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some((headers, body))
}

fn await_so(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what} never came");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Posts a message as Anna, signed; the status.
fn post(client: &Client, secret: &str, id: &str, text: &str) -> u16 {
    let body =
        json!({"id": id, "chat": "c1", "user": {"id": "u1", "name": "Anna"}, "text": text}).to_string();
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let request = Request::new("POST", "/api/v1/channels/webhook/webhook")
        .header("webhook-id", id)
        .header("webhook-timestamp", &timestamp)
        .header("webhook-signature", &signature(secret, id, &timestamp, body.as_bytes()))
        .body(body);
    client.token(None).send(&request).status
}

fn status(gateway: &Gateway) -> Value {
    gateway.client().get("/channels/webhook/status").expect(200)
}

#[test]
fn a_channel_is_added_used_killed_and_changed_while_it_runs() {
    need_gateway!();
    let (provider, receiver) = (Provider::openai(), Receiver::start());
    let setup = Setup::with(&provider);
    let gateway = setup.start();
    // From here on the file is the gateway's.
    let setup = setup.keep_config();
    let client = gateway.client();
    assert_eq!(post(&client, SECRET, "m0", "hello"), 404);
    let channel = json!({
        "base_url": receiver.url, "secrets": {"secret": SECRET}, "allowed_users": ["u1"],
    });
    let _ = client.put("/config", &json!({"channels": {"webhook": channel}})).expect(200);
    await_so("the connection", || status(&gateway)["status"] == "connected");

    provider.answers(&["Hello ", "Anna."]);
    assert_eq!(post(&client, SECRET, "m1", "hello"), 200);
    assert_eq!(receiver.until(1), ["Hello Anna."]);
    // The same again is taken, and not answered again.
    assert_eq!(post(&client, SECRET, "m1", "hello"), 200);
    assert_eq!(post(&client, "another secret of enough characters", "m2", "let me in"), 401);
    let told = status(&gateway);
    assert_eq!((&told["messages_today"], &told["outbox"]["waiting"]), (&json!(1), &json!(0)));
    let list = client.get("/conversations?channel=webhook").expect(200);
    assert_eq!((&list["total"], &list["conversations"][0]["message_count"]), (&json!(1), &json!(2)));

    // Killed between taking a message and answering it.
    provider.hangs();
    assert_eq!(post(&client, SECRET, "m3", "are you there?"), 200);
    provider.await_requests(2);
    gateway.kill();
    provider.answers(&["I am."]);
    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(receiver.until(2)[1], "I am.");
    assert_eq!(post(&client, SECRET, "m3", "are you there?"), 200);

    // A stranger is not answered by a model; a code lets them in.
    let (exit, code, _) = setup.run(&["channel", "pair", "webhook"]);
    assert!(exit.success() && code.trim().len() == 8, "{code}");
    let (exit, listed, _) = setup.run(&["channel", "list"]);
    assert!(exit.success() && listed.contains("connected"), "{listed}");
    let (exit, tested, errors) = setup.run(&["channel", "test", "webhook"]);
    assert!(exit.success(), "{tested}{errors}");

    // Another secret is in force at once.
    let other = "a new secret of enough characters";
    let patch = json!({"channels": {"webhook": {"secrets": {"secret": other}}}});
    let _ = client.put("/config", &patch).expect(200);
    await_so("the new secret", || post(&client, other, "m1", "hello") == 200);
    assert_eq!(post(&client, SECRET, "m4", "hello"), 401);
    let _ = client.put("/config", &json!({"channels": {"webhook": {"enabled": false}}})).expect(200);
    await_so("the end", || status(&gateway)["last_error"] == "disabled in the configuration");
    // Whoever has no token is not told why.
    assert_eq!(post(&client, other, "m5", "hello"), 404);
    let (exit, removed, _) = setup.run(&["channel", "remove", "webhook", "--yes"]);
    assert!(exit.success() && removed.contains("is removed"), "{removed}");
    await_so("the removal", || client.get("/channels").expect(200)["channels"] == json!([]));
    assert_eq!(receiver.texts().len(), 2);
}
