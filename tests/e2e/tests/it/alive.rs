//! Signs of life while there is nothing to say. The one test takes half a minute, which is the period of a WebSocket's pings;
//! it stands here so that it begins early, beside the others.

use std::time::{Duration, Instant};

use openclaw_e2e::{Provider, Setup, Socket, need_gateway};
use serde_json::json;

/// How late a ping may be on a busy machine.
const LATE: Duration = Duration::from_secs(20);

#[test]
fn pings_fill_a_silence() {
    need_gateway!();
    let provider = Provider::openai();
    provider.hangs();
    let gateway = Setup::with(&provider).start();
    let opened = Instant::now();
    let mut socket = Socket::authenticated(gateway.address());
    let asked = Instant::now();
    let mut events = gateway.client().stream_message(&json!({"channel": "api", "message": "hello?"}));
    assert_eq!(events.next().unwrap().kind(), "start");
    assert_eq!(events.comment().as_deref(), Some(": ping\n\n"));
    let pause = asked.elapsed();
    assert!((Duration::from_secs(15)..Duration::from_secs(15) + LATE).contains(&pause), "{pause:?}");

    assert!(socket.is_pinged());
    let pause = opened.elapsed();
    assert!((Duration::from_secs(30)..Duration::from_secs(30) + LATE).contains(&pause), "{pause:?}");
    socket.send(&json!({"type": "ping"}));
    assert_eq!(socket.receive(), json!({"type": "pong"}));
    // The stream is as it was: a second ping is waiting, and then the end.
    assert_eq!(events.comment().as_deref(), Some(": ping\n\n"));
    gateway.kill();
    assert_eq!(events.rest(), []);
}
