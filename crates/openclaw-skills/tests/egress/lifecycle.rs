//! Leases: held, served, ended.

use std::{os::unix::net::UnixListener, path::PathBuf, time::Duration};

use openclaw_skills::{Egress, EgressError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::Instant,
};

use crate::world::{World, get, read_end, read_response, tunnel};

/// Less than any time-out of the proxy.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn connections_are_held_until_the_lease_is_active() {
    let begin = Instant::now();
    let mut world = World::new();
    let port = world.mirror().await;
    drop(world.lease_to("api.test", port));
    let lease = world.egress.lease("weather", vec![format!("api.test:{port}").parse().unwrap()]).unwrap();
    let mut early = UnixStream::connect(lease.path()).await.unwrap();
    let request = format!("GET http://api.test:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n");
    early.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(world.names.asked().is_empty());
    assert!(early.try_read(&mut [0]).is_err(), "there is no answer yet");
    lease.activate();
    lease.activate();
    assert!(read_response(&mut early).await.0.starts_with("HTTP/1.1 200 "));

    lease.deactivate();
    assert_eq!(read_end(&mut early).await, b"", "what was served is closed");
    let mut late = UnixStream::connect(lease.path()).await.unwrap();
    late.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.names.asked().len(), 1);
    lease.activate();
    assert!(read_response(&mut late).await.0.starts_with("HTTP/1.1 200 "));
    assert!(begin.elapsed() < SOON, "no time-out has helped");
}

#[tokio::test(start_paused = true)]
async fn tunnels_end_with_their_lease() {
    let begin = Instant::now();
    let mut world = World::new();
    let port = world.echo().await;
    let lease = world.lease_to("api.test", port);
    let target = format!("api.test:{port}");

    let mut stream = tunnel(&lease, &target).await;
    lease.deactivate();
    assert_eq!(read_end(&mut stream).await, b"");
    lease.activate();
    let mut stream = tunnel(&lease, &target).await;
    let other = world.lease(&[&target]);
    let mut others = tunnel(&other, &target).await;
    let path = lease.path().to_owned();
    drop(lease);
    assert_eq!(read_end(&mut stream).await, b"");
    assert!(!path.exists());
    others.write_all(b"x").await.unwrap();
    assert_eq!(others.read_u8().await.unwrap(), b'x', "the other lease goes on");

    world.egress.close().await;
    assert_eq!(read_end(&mut others).await, b"");
    assert!(begin.elapsed() < SOON, "no time-out has helped");
    assert!(matches!(world.egress.lease("weather", Vec::new()), Err(EgressError::Closed)));
}

#[tokio::test]
async fn one_lease_is_nothing_to_another() {
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    let other = world.lease(&["else.test"]);
    assert_ne!(lease.path(), other.path());
    assert!(get(&other, &format!("http://api.test:{port}/")).await.0.starts_with("HTTP/1.1 403 "));
    assert_eq!(lease.counts().refused, 0);
}

#[tokio::test]
async fn sockets_of_a_killed_gateway_are_swept() {
    let world = World::new();
    let dir = world.dir.path().join("egress");
    std::fs::create_dir(&dir).unwrap();
    let left = dir.join("left.sock");
    drop(UnixListener::bind(&left).unwrap());
    let (_config_tx, config) = tokio::sync::watch::channel(Default::default());
    let egress = Egress::new(dir.clone(), config, world.names);
    assert!(!left.exists());
    let lease = egress.lease("weather", Vec::new()).unwrap();
    assert_eq!(lease.path().parent(), Some(&*dir));
}

#[tokio::test]
async fn a_path_that_is_too_long_says_so() {
    let (_config_tx, config) = tokio::sync::watch::channel(Default::default());
    let dir = PathBuf::from(format!("/tmp/{}", "long".repeat(30)));
    let egress = Egress::new(dir, config, World::new().names);
    let error = egress.lease("weather", Vec::new()).err().unwrap();
    assert!(error.to_string().contains("use a shorter runtime directory"), "{error}");
}
