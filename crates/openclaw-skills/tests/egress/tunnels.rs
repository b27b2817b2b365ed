//! CONNECT.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, connect, read_end, tunnel};

#[tokio::test]
async fn bytes_go_both_ways_until_both_have_ended() {
    let mut world = World::new();
    let port = world.echo().await;
    let lease = world.lease_to("api.test", port);
    let mut stream = tunnel(&lease, &format!("api.test:{port}")).await;
    stream.write_all(b"ping").await.unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"ping");
    stream.write_all(b"pong").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_end(&mut stream).await, b"pong");
    let counts = lease.counts();
    assert_eq!((counts.allowed, counts.sent, counts.received), (1, 8, 8));
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let mut world = World::new();
    let port = world.server(async |mut stream| stream.write_all(b"220 hello\r\n").await.unwrap()).await;
    let lease = world.lease_to("mail.test", port);
    let mut stream = tunnel(&lease, &format!("mail.test:{port}")).await;
    let mut greeting = [0; 11];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 hello\r\n");
}

#[tokio::test]
async fn undeclared_hosts_and_ports_are_refused() {
    let world = World::new();
    let lease = world.lease(&["api.test", "mail.test:587"]);
    for target in
        ["api.test:22", "api.test:8443", "mail.test:443", "other.test:443", "127.0.0.1:443", "[::1]:443"]
    {
        let (mut stream, head, body) = connect(&lease, target).await;
        assert!(head.starts_with("HTTP/1.1 403 egress: "), "{target}: {head}");
        assert!(body.contains("(network:api.test, network:mail.test:587)"), "{body}");
        assert_eq!(read_end(&mut stream).await, b"", "the connection is over");
    }
    assert!(world.names.asked().is_empty());
}

/// A client hello for `host`.
fn client_hello(host: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let mut client =
        rustls::ClientConnection::new(Arc::new(config), host.to_owned().try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn tls_must_name_a_declared_host() {
    let mut world = World::new();
    let got: Arc<Mutex<Vec<u8>>> = Arc::default();
    let port = world.server({
        let got = got.clone();
        move |mut stream| {
            let got = got.clone();
            async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    got.lock().unwrap().extend_from_slice(&buffer[..read]);
                    stream.write_all(b"x").await.unwrap();
                }
            }
        }
    });
    let port = port.await;
    drop(world.lease_to("api.test", port));
    let target = format!("api.test:{port}");
    let lease = world.lease(&[&target, &format!("*.cdn.test:{port}"), "other.test"]);

    let broken = b"\x16\x03\x01\x00\x01\x02".to_vec();
    let alert_first = [b"\x15\x03\x01\x00\x02\x01\x00".to_vec(), client_hello("api.test")].concat();
    // Declared, but not with this port.
    for bytes in [client_hello("inside.test"), client_hello("other.test"), broken, alert_first] {
        let mut stream = tunnel(&lease, &target).await;
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(read_end(&mut stream).await, b"\x15\x03\x03\x00\x02\x02\x70");
    }
    assert!(got.lock().unwrap().is_empty(), "nothing of a refused hello gets out");
    assert_eq!((lease.counts().refused, lease.counts().sent), (4, 0));

    for bytes in [
        client_hello("api.test"),
        client_hello("API.test"),
        client_hello("a.cdn.test"),
        client_hello("127.0.0.1"),
        b"plain".to_vec(),
    ] {
        got.lock().unwrap().clear();
        let mut stream = tunnel(&lease, &target).await;
        // In two parts: the first one is held until the second has come.
        let (first, rest) = bytes.split_at(bytes.len() / 2);
        stream.write_all(first).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(rest).await.unwrap();
        stream.read_u8().await.unwrap();
        stream.shutdown().await.unwrap();
        read_end(&mut stream).await;
        assert_eq!(*got.lock().unwrap(), bytes);
    }
}

/// What comes right behind CONNECT, before its answer, is the tunnel's as well. Python speaks HTTP/1.0 here.
#[tokio::test]
async fn a_hasty_client_loses_nothing() {
    let mut world = World::new();
    let port = world.echo().await;
    let lease = world.lease_to("api.test", port);
    for version in ["1.0", "1.1"] {
        let mut stream = tokio::net::UnixStream::connect(lease.path()).await.unwrap();
        let request = format!("CONNECT api.test:{port} HTTP/{version}\r\n\r\nhasty");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (head, _) = crate::world::read_response(&mut stream).await;
        assert_eq!(head.get(9..12), Some("200"), "{head}");
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"hasty");
    }
}
