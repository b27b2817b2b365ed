//! The log: every attempt, no secret, and no flood.

use crate::logged::Logged;
use crate::world::{World, ask, get};
use openclaw_skills::EgressLimits;

#[tokio::test]
async fn every_attempt_is_logged_without_what_was_said() {
    let lines = Logged::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    for host in ["api.test", "other.test"] {
        let request = format!(
            "POST http://{host}:{port}/s3cret/path?key=s3cret HTTP/1.1\r\nHost: x\r\nX-Key: s3cret\r\n\
             Content-Length: 6\r\n\r\ns3cret"
        );
        ask(lease.path(), &request).await;
    }
    ask(lease.path(), "GET http://user:s3cret@api.test/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    drop(lease);
    world.egress.close().await;
    let lines = lines.all().join("\n");
    assert!(!lines.contains("s3cret"), "{lines}");
    let about = |host: &str| format!("skill=\"weather\" host={host} port={port} ");
    for (level, words) in [
        ("INFO", format!("{}outcome=\"allowed\"", about("api.test"))),
        ("INFO", format!("{}outcome=\"ended\" sent=", about("api.test"))),
        ("WARN", format!("{}outcome=\"refused\"", about("\"other.test\""))),
        ("WARN", "host=\"?\" port=0 outcome=\"refused\"".to_owned()),
    ] {
        let is_there = lines.lines().any(|line| line.starts_with(level) && line.contains(&words));
        assert!(is_there, "{level} {words}\n{lines}");
    }
}

#[tokio::test]
async fn a_flood_is_summed_up() {
    let lines = Logged::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut world = World::with_limits(EgressLimits { lines: 3, ..EgressLimits::default() });
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    for _ in 0..10 {
        get(&lease, "http://other.test/").await;
    }
    get(&lease, &format!("http://api.test:{port}/")).await;
    drop(lease);
    world.egress.close().await;
    let lines = lines.all();
    let count = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!((count("refused\" "), count("outcome=\"allowed\""), count("outcome=\"ended\"")), (3, 1, 1));
    assert_eq!(count("host=\"other.test\" outcome=\"summary\" allowed=0 refused=7"), 1, "{lines:?}");
}

#[tokio::test]
async fn a_flood_hides_no_host() {
    let lines = Logged::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let mut world = World::with_limits(EgressLimits { lines: 2, hosts: 3, ..EgressLimits::default() });
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    for host in ["a.test", "a.test", "a.test", "b.test", "b.test", "c.test", "d.test", "d.test"] {
        get(&lease, &format!("http://{host}/")).await;
    }
    // What is no request at all is an attempt, too.
    ask(lease.path(), "\u{16}\u{3}\u{1}\r\n\r\n").await;
    lease.deactivate();
    lease.activate();
    get(&lease, "http://d.test/").await;
    drop(lease);
    world.egress.close().await;
    let lines = lines.all();
    let count = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    let refused = |host: &str| count(&format!("host=\"{host}\" port=80 outcome=\"refused\""));
    // The two lines, the first at each host that is told apart, and, anew with the next activation, one more.
    assert_eq!((refused("a.test"), refused("b.test"), refused("c.test"), refused("d.test")), (2, 1, 1, 1));
    for (host, sum) in [("a.test", 1), ("b.test", 1), ("(others)", 3)] {
        let words = format!("host=\"{host}\" outcome=\"summary\" allowed=0 refused={sum}");
        assert_eq!(count(&words), 1, "{words} is not in {lines:#?}");
    }
}
