//! The forwarder of a sandbox, alone and in front of the proxy.

#[path = "../../src/sandbox/forward.rs"]
mod forward;

use std::{net::TcpListener, path::Path, process::Stdio};

use openclaw_skills::proxy_environment;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixListener},
    process::Command,
    task::JoinSet,
};

use crate::world::{World, read_end};

/// A forwarder to `socket`, in a thread that ends with the test's process; its port.
fn forwarder(socket: &Path) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = socket.to_owned();
    std::thread::spawn(move || forward::serve(&listener, &socket).unwrap());
    port
}

async fn client(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

#[tokio::test]
async fn bytes_go_both_ways_and_ends_are_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("s")).unwrap();
    let port = forwarder(&dir.path().join("s"));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let got = read_end(&mut stream).await;
        stream.write_all(&got).await.unwrap();
        stream.write_all(b"end").await.unwrap();
    });
    // More than all buffers on the way hold.
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut reader, mut writer) = client(port).await.into_split();
    let ((), got) = tokio::join!(
        async {
            writer.write_all(&data).await.unwrap();
            writer.shutdown().await.unwrap();
        },
        read_end(&mut reader)
    );
    assert!(got.ends_with(b"end") && got[..data.len()] == data);
}

#[tokio::test]
async fn an_answer_survives_a_proxy_that_stops_reading() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("s")).unwrap();
    let port = forwarder(&dir.path().join("s"));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"no").await.unwrap();
    });
    let (mut reader, mut writer) = client(port).await.into_split();
    // More than all buffers hold: the forwarder notices that nobody reads. Whether the client does is a matter of luck.
    let data = vec![7; 3_000_000];
    let (_, answer) = tokio::join!(writer.write_all(&data), async {
        let mut answer = [0; 2];
        reader.read_exact(&mut answer).await.unwrap();
        answer
    });
    assert_eq!(&answer, b"no");
}

#[tokio::test]
async fn resets_and_missing_proxies_cost_one_connection_only() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let port = forwarder(&socket);
    assert_eq!(read_end(&mut client(port).await).await, b"", "nobody is there");

    let listener = UnixListener::bind(&socket).unwrap();
    for round in 0..200 {
        let mut stream = client(port).await;
        stream.write_all(&[7; 1000]).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        match round % 4 {
            // Either side goes, with bytes on the way or without.
            0 => drop((peer, stream)),
            1 => drop((stream, peer)),
            2 => {
                peer.read_u8().await.unwrap();
                drop(peer);
                read_end(&mut stream).await;
            }
            _ => {
                peer.write_all(&[7; 1000]).await.unwrap();
                drop(stream);
                read_end(&mut peer).await;
            }
        }
    }
    let mut stream = client(port).await;
    stream.write_all(b"y").await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    assert_eq!(peer.read_u8().await.unwrap(), b'y');
    peer.write_all(b"z").await.unwrap();
    drop(peer);
    assert_eq!(read_end(&mut stream).await, b"z");
}

#[tokio::test]
async fn a_full_house_makes_others_wait() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("s")).unwrap();
    let port = forwarder(&dir.path().join("s"));
    let mut inside = Vec::new();
    for _ in 0..64 {
        let client = client(port).await;
        inside.push((client, listener.accept().await.unwrap().0));
    }
    let mut late = client(port).await;
    late.write_all(b"late").await.unwrap();
    // Another round trip of the loop, in which it could have been let in.
    let (client, peer) = &mut inside[0];
    client.write_all(b"x").await.unwrap();
    assert_eq!(peer.read_u8().await.unwrap(), b'x');
    peer.write_all(b"x").await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
    let accepting = listener.accept();
    tokio::pin!(accepting);
    assert!(futures_util::poll!(&mut accepting).is_pending());
    inside.pop();
    let (mut peer, _) = accepting.await.unwrap();
    let mut word = [0; 4];
    peer.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"late");
}

/// Runs curl as a skill would, with nothing but the environment that leads to the proxy.
async fn curl(port: u16, args: &[&str]) -> Option<(String, String)> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20"]).args(args).env_clear();
    command.envs(proxy_environment(port)).envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    match command.stdin(Stdio::null()).kill_on_drop(true).output().await {
        Ok(output) => {
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Some((text(output.stdout), text(output.stderr)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: there is no curl");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn curl_goes_through_both() {
    let mut world = World::new();
    let server = world.mirror().await;
    let redirect = world.server(async |mut stream| {
        crate::world::read_head(&mut stream).await;
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://inside.test/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let redirect = redirect.await;
    for name in ["api.test", "moved.test"] {
        world.names.set(name, &[&["127.0.0.1"]]);
    }
    world.names.set("inside.test", &[&["10.0.0.1"]]);
    let targets = [format!("api.test:{server}"), format!("moved.test:{redirect}")];
    world.allow(&[&targets[0], &targets[1]]);
    let lease = world.lease(&["*", &targets[0], &targets[1]]);
    let port = forwarder(lease.path());

    let plain = format!("http://{}/a?b=c", targets[0]);
    let Some((body, error)) = curl(port, &["--data", "hello", &plain]).await else { return };
    assert!(body.starts_with("POST /a?b=c HTTP/1.1\r\n") && body.ends_with("hello"), "{body}{error}");
    let tunnelled = curl(port, &["--proxytunnel", &plain]).await.unwrap().0;
    assert!(tunnelled.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{tunnelled}");
    let (body, _) = curl(port, &["--location", &format!("http://{}/", targets[1])]).await.unwrap();
    assert!(body.starts_with("egress: inside.test is a private address;"), "{body}");
    let (_, error) = curl(port, &["https://inside.test/"]).await.unwrap();
    assert!(error.contains("403"), "{error}");
    let (body, _) = curl(port, &["ftp://api.test/"]).await.unwrap();
    assert!(body.starts_with("egress: only http:// can be asked for this way"), "{body}");
    assert_eq!(lease.counts().allowed, 3);
}
