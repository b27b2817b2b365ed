//! Private addresses: however they are written or reached, only those that the user lists.

use tokio::io::AsyncWriteExt as _;

use crate::world::{World, connect, get, header};

#[tokio::test]
async fn names_that_lead_to_private_addresses_are_refused() {
    let world = World::new();
    let lease = world.lease(&["*"]);
    for (address, words) in [
        ("127.0.0.1", "is a loopback address"),
        ("10.0.0.1", "is a private address"),
        ("192.168.0.1", "is a private address"),
        ("100.64.0.1", "is an address of a carrier's network"),
        ("169.254.7.7", "is a link-local address"),
        ("fe80::1", "is a link-local address"),
        ("fd00::1", "is a private address"),
        ("::ffff:127.0.0.1", "is a loopback address"),
        ("64:ff9b::a00:1", "is a private address"),
        ("169.254.169.254", "leads to a metadata address of a cloud"),
        ("fd00:ec2::254", "leads to a metadata address of a cloud"),
        ("0.0.0.0", "leads to an unspecified address"),
    ] {
        world.names.set("inside.test", &[&[address]]);
        for (head, body) in [get(&lease, "http://inside.test/").await, {
            let (_, head, body) = connect(&lease, "inside.test:443").await;
            (head, body)
        }] {
            assert_eq!(head.get(9..12), Some("403"), "{address}: {head}");
            assert!(body.starts_with(&format!("egress: inside.test {words}")), "{address}: {body}");
            assert!(!body.contains(address), "where a name leads is nothing a skill learns: {body}");
        }
    }
    world.names.set("inside.test", &[&["10.0.0.1"]]);
    let (_, body) = get(&lease, "http://inside.test/").await;
    assert!(body.contains("lists `inside.test:80` in skills.policy.allow_private"), "{body}");
}

#[tokio::test]
async fn addresses_must_be_declared_as_such_and_listed() {
    let mut world = World::new();
    let port = world.mirror().await;
    let (plain, mapped) = (format!("127.0.0.1:{port}"), format!("[::ffff:127.0.0.1]:{port}"));
    let everything = world.lease(&["*", "*.0.0.1", &format!("localhost:{port}")]);
    let declared = world.lease(&[&plain, &mapped]);
    for (listed, lease, target, status) in [
        (&[&*plain][..], &everything, &plain, "403"),
        (&[], &declared, &plain, "403"),
        (&[&plain], &declared, &plain, "200"),
        (&[], &declared, &mapped, "403"),
        (&[&plain], &declared, &mapped, "200"),
        (&["127.0.0.1:1"], &declared, &plain, "403"),
    ] {
        world.allow(listed);
        let (head, body) = get(lease, &format!("http://{target}/")).await;
        assert_eq!(head.get(9..12), Some(status), "{listed:?} {target}: {body}");
    }
    assert!(world.names.asked().is_empty());
}

/// The second answer is another one: what was checked before counts for nothing.
#[tokio::test]
async fn a_name_that_moves_is_checked_again() {
    let mut world = World::new();
    let port = world.mirror().await;
    world.names.set("moving.test", &[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1", "127.0.0.2"]]);
    world.allow(&[&format!("127.0.0.1:{port}")]);
    let lease = world.lease(&[&format!("moving.test:{port}")]);
    for status in ["200", "403", "200"] {
        let (head, _) = get(&lease, &format!("http://moving.test:{port}/")).await;
        assert_eq!(head.get(9..12), Some(status));
    }
    assert_eq!(
        world.names.asked().len(),
        3,
        "once for each attempt: what is checked is what is connected to"
    );
}

#[tokio::test]
async fn a_redirect_to_a_private_host_leads_nowhere() {
    let mut world = World::new();
    let port = world.server(async |mut stream| {
        crate::world::read_head(&mut stream).await;
        let answer = "HTTP/1.1 302 Found\r\nLocation: http://inside.test/admin\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let port = port.await;
    let lease = world.lease_to("api.test", port);
    drop(lease);
    let lease = world.lease(&["*", &format!("api.test:{port}")]);
    world.names.set("inside.test", &[&["192.168.1.1"]]);
    let (head, _) = get(&lease, &format!("http://api.test:{port}/")).await;
    let location = header(&head, "location").unwrap();
    let (head, body) = get(&lease, location).await;
    assert!(head.starts_with("HTTP/1.1 403 ") && body.contains("is a private address"), "{body}");
}

#[tokio::test]
async fn what_the_user_takes_back_is_gone_at_once() {
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    let address = format!("http://api.test:{port}/");
    assert!(get(&lease, &address).await.0.starts_with("HTTP/1.1 200 "));
    world.allow(&[]);
    assert!(get(&lease, &address).await.0.starts_with("HTTP/1.1 403 "));
}
