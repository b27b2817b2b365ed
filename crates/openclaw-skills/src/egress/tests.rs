//! The proxy over real sockets, with names of our own.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use openclaw_core::config::{SkillPolicy, SkillsConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
};
use tokio_util::task::TaskTracker;

use super::{Egress, Lease, Resolve, hello::tests::hello};

/// Names and the answers they get, one after another; the last is repeated.
#[derive(Debug, Default)]
struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

struct World {
    _dir: tempfile::TempDir,
    egress: Egress,
    names: Arc<Names>,
    server: SocketAddr,
    _servers: JoinSet<()>,
}

/// A server that tells what it was asked: the whole head of the request as its body, or, to what is no HTTP, the bytes themselves.
async fn server(listener: TcpListener) {
    let mut serving = JoinSet::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        serving.spawn(async move {
            let mut got = Vec::new();
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                got.extend_from_slice(&buffer[..count]);
                if got.starts_with(&[22]) || got.starts_with(b"raw") {
                    stream.write_all(&buffer[..count]).await.unwrap();
                } else if got.ends_with(b"\r\n\r\n") {
                    let text = String::from_utf8_lossy(&got);
                    let head = if text.starts_with("GET /redirect") {
                        "HTTP/1.1 302 Found\r\nlocation: http://private.test/\r\n"
                    } else {
                        "HTTP/1.1 200 OK\r\n"
                    };
                    let answer =
                        format!("{head}content-length: {}\r\nkeep-alive: x\r\n\r\n{text}", text.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    got.clear();
                }
            }
        });
    }
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut servers = JoinSet::new();
        servers.spawn(server(listener));
        let names = Arc::new(Names::default());
        let policy = SkillPolicy {
            allow_private: vec![format!("allowed.test:{}", address.port())],
            ..SkillPolicy::default()
        };
        let config = SkillsConfig { policy, ..SkillsConfig::default() };
        let (_, config) = watch::channel(Arc::new(config));
        let resolver = Arc::clone(&names) as Arc<dyn Resolve>;
        let egress = Egress::new(dir.path().join("run"), config, resolver, TaskTracker::new()).unwrap();
        let world = Self { _dir: dir, egress, names, server: address, _servers: servers };
        world.name("allowed.test", &[&["127.0.0.1"]]);
        world.name("private.test", &[&["127.0.0.1"]]);
        world
    }

    fn name(&self, name: &str, answers: &[&[&str]]) {
        let answers = answers.iter().map(|one| one.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.names.0.lock().unwrap().insert(name.to_owned(), answers);
    }

    fn lease(&self, hosts: &[&str]) -> Lease {
        let port = self.server.port();
        let hosts =
            hosts.iter().map(|host| host.replace("PORT", &port.to_string()).parse().unwrap()).collect();
        self.egress.lease("demo", hosts).unwrap()
    }

    /// Sends bytes and reads until the proxy closes or `until` was seen.
    async fn talk(&self, lease: &Lease, sent: &str, until: &str) -> String {
        let mut stream = UnixStream::connect(lease.path()).await.unwrap();
        let sent = sent.replace("PORT", &self.server.port().to_string());
        stream.write_all(sent.as_bytes()).await.unwrap();
        read_until(&mut stream, until).await
    }

    async fn get(&self, lease: &Lease, url: &str) -> String {
        let request = format!("GET {url} HTTP/1.1\r\nhost: elsewhere.test\r\nconnection: close\r\n\r\n");
        self.talk(lease, &request, "\0").await
    }
}

async fn read_until(stream: &mut UnixStream, until: &str) -> String {
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&got).contains(until) {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => got.extend_from_slice(&buffer[..count]),
        }
    }
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test]
async fn a_declared_host_is_reached_by_the_name_in_the_address() {
    let world = World::new().await;
    let lease = world.lease(&["allowed.test:PORT"]);
    lease.activate();
    let answer = world.get(&lease, "http://allowed.test:PORT/a?b=c").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("GET /a?b=c HTTP/1.1"), "{answer}");
    let host = format!("host: allowed.test:{}", world.server.port());
    assert!(answer.contains(&host) && !answer.contains("elsewhere.test"), "{answer}");
    assert!(!answer.contains("keep-alive: x"), "what is between two hops is not passed on: {answer}");
    assert_eq!(lease.attempts(), (1, 0));
}

#[tokio::test]
async fn everything_else_is_refused_with_a_reason() {
    let world = World::new().await;
    world.name("public-then-private.test", &[&["127.0.0.1"]]);
    world.name("rebound.test", &[&["169.254.169.254", "10.0.0.1"]]);
    let lease =
        world.lease(&["allowed.test:PORT", "private.test:PORT", "rebound.test", "127.0.0.1:PORT", "*"]);
    lease.activate();
    for (url, words) in [
        ("http://other.test:PORT/", "not among the hosts"),
        ("http://allowed.test:1/", "not among the hosts"),
        ("http://private.test:PORT/", "skills.policy.allow_private"),
        ("http://127.0.0.1:PORT/", "skills.policy.allow_private"),
        ("http://rebound.test/", "not on the public internet"),
        ("http://unknown.test/", "can't be resolved"),
        ("http://0x7f000001/", "neither a name nor a plain address"),
        ("http://2130706433/", "neither a name nor a plain address"),
        ("http://127.1/", "neither a name nor a plain address"),
        ("http://[::ffff:127.0.0.1]/", "not among the hosts"),
        ("http://me:secret@allowed.test:PORT/", "user or a password"),
        ("https://allowed.test:PORT/", "this is a proxy"),
        ("/just/a/path", "this is a proxy"),
    ] {
        let answer = world.get(&lease, url).await;
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 502"), "{url}: {answer}");
        assert!(answer.contains(words), "{url}: {answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
}

#[tokio::test]
async fn each_request_of_a_connection_is_judged() {
    let world = World::new().await;
    let lease = world.lease(&["allowed.test:PORT"]);
    lease.activate();
    let two = "GET http://allowed.test:PORT/1 HTTP/1.1\r\nhost: x\r\n\r\nGET http://private.test:PORT/2 HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = world.talk(&lease, two, "not among the hosts").await;
    assert!(answer.contains("GET /1 ") && answer.contains("HTTP/1.1 403"), "{answer}");
    assert!(!answer.contains("GET /2 "), "{answer}");
    // Two lengths for one body: whoever believes the other one sees another request.
    let smuggled = "POST http://allowed.test:PORT/ HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
                    GET http://private.test:PORT/3 HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = world.talk(&lease, smuggled, "not among the hosts").await;
    assert!(!answer.contains("GET /3 "), "{answer}");
}

#[tokio::test]
async fn a_redirect_is_for_the_client_to_follow_and_is_judged_again() {
    let world = World::new().await;
    let lease = world.lease(&["allowed.test:PORT"]);
    lease.activate();
    let answer = world.get(&lease, "http://allowed.test:PORT/redirect").await;
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    let followed = world.get(&lease, "http://private.test/").await;
    assert!(followed.starts_with("HTTP/1.1 403"), "{followed}");
}

#[tokio::test]
async fn a_tunnel_carries_bytes_to_a_declared_host_and_to_no_other() {
    let world = World::new().await;
    let lease = world.lease(&["allowed.test:PORT"]);
    lease.activate();
    let answer = world.talk(&lease, "CONNECT other.test:PORT HTTP/1.1\r\n\r\n", "\0").await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = world.talk(&lease, "CONNECT allowed.test HTTP/1.1\r\n\r\n", "\0").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");

    for (name, passes) in [(Some("allowed.test"), true), (None, true), (Some("private.test"), false)] {
        let mut stream = UnixStream::connect(lease.path()).await.unwrap();
        let request = format!("CONNECT allowed.test:{} HTTP/1.1\r\n\r\n", world.server.port());
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        let sent = hello(name, 30);
        stream.write_all(&sent).await.unwrap();
        let mut got = vec![0; sent.len()];
        let read = stream.read_exact(&mut got).await;
        assert_eq!(read.is_ok() && got == sent, passes, "{name:?}");
    }
    assert_eq!(lease.attempts().1, 2, "one was refused at once, one for the name inside");
}

#[tokio::test]
async fn nothing_passes_before_the_call_begins_nor_after_the_lease_ends() {
    let world = World::new().await;
    let lease = world.lease(&["allowed.test:PORT"]);
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    let request = format!("CONNECT allowed.test:{} HTTP/1.1\r\n\r\n", world.server.port());
    stream.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lease.attempts(), (0, 0));
    assert_eq!(stream.try_read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    lease.activate();
    assert!(read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    stream.write_all(b"raw").await.unwrap();
    stream.read_exact(&mut [0; 3]).await.unwrap();

    let path = lease.path().to_owned();
    drop(lease);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(!path.exists());
    assert!(UnixStream::connect(&path).await.is_err());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_that_address_is_used() {
    let world = World::new().await;
    // The second answer would be this machine; it is never asked for.
    world.name("allowed.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let lease = world.lease(&["allowed.test:PORT"]);
    lease.activate();
    assert!(world.get(&lease, "http://allowed.test:PORT/").await.starts_with("HTTP/1.1 200"));
    let asked = world.names.0.lock().unwrap()["allowed.test"].len();
    assert_eq!(asked, 1, "one answer was taken");
    assert!(TcpStream::connect(world.server).await.is_ok());
}

#[tokio::test]
async fn what_a_killed_gateway_left_is_removed_and_foreign_folders_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("run");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("0123.sock"), "").unwrap();
    let config = || watch::channel(Arc::new(SkillsConfig::default())).1;
    let names = || Arc::new(Names::default()) as Arc<dyn Resolve>;
    Egress::new(folder.clone(), config(), names(), TaskTracker::new()).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::os::unix::fs::symlink(&folder, dir.path().join("link")).unwrap();
    let error = Egress::new(dir.path().join("link"), config(), names(), TaskTracker::new()).unwrap_err();
    assert!(error.to_string().contains("another user"), "{error}");
    let long = dir.path().join("x".repeat(120));
    let egress = Egress::new(long, config(), names(), TaskTracker::new()).unwrap();
    assert!(egress.lease("demo", Vec::new()).unwrap_err().to_string().contains("too long"));
}
