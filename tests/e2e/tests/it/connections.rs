//! As many connections as there is room for, and one more.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use openclaw_e2e::{Client, Provider, Request, Response, Setup, Socket, allow_open_files, need_gateway};
use serde_json::json;

/// So many connections the gateway keeps at once.
const MOST: usize = 1024;

fn health(connection: &mut BufReader<TcpStream>) -> Response {
    connection.get_mut().write_all(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    Response::read(connection).unwrap()
}

/// Opens one more connection, which must be told that there is no room and then be closed.
fn refused(client: &Client) {
    let mut connection = BufReader::new(client.connect());
    let answer = health(&mut connection);
    let _ = answer.expect_error(503, "service_unavailable");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(answer.header("retry-after").is_some());
    assert_eq!(connection.read(&mut [0]).unwrap(), 0, "it stays open");
}

#[test]
fn one_too_many_is_told_and_disturbs_nobody() {
    need_gateway!();
    // Each end of each connection is a file, in a process of its own.
    allow_open_files(2 * MOST as u64);
    let provider = Provider::openai();
    provider.stalls(&["and so on"]);
    // What most systems give a process; the gateway raises it as far as it may.
    let usual = ["sh", "-c", "ulimit -Sn 1024; exec \"$@\"", "sh"];
    let gateway = Setup::with(&provider).wrapper(&usual).start();
    let client = gateway.client();
    // None of these is idle, so none has to make room: readers of an answer that does not end, and WebSockets.
    let mut first = client.stream_message(&json!({"channel": "api", "message": "x"}));
    let start = first.next().unwrap();
    let path = format!("/api/v1/message/{}/stream", start.data["id"].as_str().unwrap());
    let mut readers = vec![first];
    while readers.len() < MOST / 2 {
        let mut reader = client.stream(&Request::new("GET", &path));
        assert_eq!(reader.next().as_ref(), Some(&start));
        readers.push(reader);
    }
    let mut sockets: Vec<_> = (0..MOST / 2 - 1).map(|_| Socket::authenticated(gateway.address())).collect();
    let mut kept = BufReader::new(client.connect());

    for _ in 0..3 {
        assert_eq!(health(&mut kept).status, 200);
        refused(&client);
    }
    assert_eq!(health(&mut kept).status, 200);
    for reader in &mut readers {
        assert_eq!(reader.next().unwrap().data["content"], "and so on");
    }
    for socket in &mut sockets {
        socket.send(&json!({"type": "ping"}));
        assert_eq!(socket.receive()["type"], "pong");
    }

    // One leaves, and its place can be had as soon as that is noticed.
    drop(sockets.pop());
    let started = Instant::now();
    let get = Request::new("GET", "/api/v1/status");
    while !client.try_send(&get).is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < Duration::from_secs(30), "the place stays taken");
    }
}
