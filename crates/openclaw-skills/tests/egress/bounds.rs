//! What one skill may take.

use std::time::Duration;

use openclaw_skills::EgressLimits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::Instant,
};

use crate::world::{World, get, read_end, read_response, tunnel};

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_cut_off() {
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    let begin = Instant::now();
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    let request = format!("GET http://api.test:{port}/ HTTP/1.1\r\n");
    for byte in request.bytes().cycle() {
        if stream.write_u8(byte).await.is_err() {
            break;
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(begin.elapsed() <= Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!(lease.counts().allowed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_hello_is_cut_off() {
    let mut world = World::new();
    let port = world.echo().await;
    let lease = world.lease_to("api.test", port);
    let mut stream = tunnel(&lease, &format!("api.test:{port}")).await;
    let begin = Instant::now();
    stream.write_all(b"\x16\x03\x01").await.unwrap();
    assert_eq!(read_end(&mut stream).await, b"\x15\x03\x03\x00\x02\x02\x70");
    assert!(begin.elapsed() <= Duration::from_secs(11), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_idle_tunnel_is_closed() {
    let mut world = World::new();
    let port = world.echo().await;
    let lease = world.lease_to("api.test", port);
    let mut stream = tunnel(&lease, &format!("api.test:{port}")).await;
    let begin = Instant::now();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(50)).await;
        stream.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x', "one that moves is not idle");
    }
    assert_eq!(read_end(&mut stream).await, b"");
    let elapsed = begin.elapsed();
    assert!((Duration::from_secs(205)..=Duration::from_secs(215)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let mut world = World::new();
    let port = world.server(async |mut stream| drop(read_end(&mut stream).await)).await;
    let lease = world.lease_to("api.test", port);
    let (head, body) = get(&lease, &format!("http://api.test:{port}/")).await;
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
    assert!(body.contains("took too long to answer"), "{body}");
}

#[tokio::test]
async fn further_connections_wait() {
    for limits in [
        EgressLimits { connections_per_lease: 2, ..EgressLimits::default() },
        EgressLimits { connections: 2, ..EgressLimits::default() },
    ] {
        let mut world = World::with_limits(limits);
        let port = world.echo().await;
        let lease = world.lease_to("api.test", port);
        let target = format!("api.test:{port}");
        let first = tunnel(&lease, &target).await;
        let _second = tunnel(&lease, &target).await;
        let mut third = UnixStream::connect(lease.path()).await.unwrap();
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        third.write_all(request.as_bytes()).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lease.counts().allowed, 2);
        drop(first);
        assert!(read_response(&mut third).await.0.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn bytes_are_counted_and_bounded() {
    let mut world = World::with_limits(EgressLimits { bytes: 1 << 20, ..EgressLimits::default() });
    let port = world.echo().await;
    let mirror = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    let target = format!("api.test:{port}");
    let (mut reader, mut writer) = tunnel(&lease, &target).await.into_split();
    let (sent, received) = tokio::join!(
        async {
            let mut sent = 0;
            while let Ok(written) = writer.write(&[7; 4096]).await {
                sent += written;
            }
            sent
        },
        read_end(&mut reader)
    );
    assert!(sent > 400 << 10 && received.len() <= 1 << 20, "{sent} {}", received.len());
    let counts = lease.counts();
    assert!(counts.sent + counts.received <= 1 << 20, "{counts:?}");
    let (head, body) = get(&lease, &format!("http://{target}/")).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(body.contains("has sent and received the 1 MiB that a call may"), "{body}");

    // The next call begins anew; a body that is too long is cut in the middle.
    lease.deactivate();
    lease.activate();
    let lease = world.lease_to("api.test", mirror);
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    let length = 2 << 20;
    let head =
        format!("POST http://api.test:{mirror}/ HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(&vec![b'x'; length]).await;
    let answer = String::from_utf8(read_end(&mut stream).await).unwrap();
    assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(lease.counts().sent <= 1 << 20);
}
