//! Plain HTTP through the proxy.

use tokio::{io::AsyncWriteExt as _, net::UnixStream};

use crate::world::{World, ask, get, header, read_response};

#[tokio::test]
async fn a_request_is_passed_on_without_what_is_the_proxys() {
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    let request = format!(
        "POST http://API.test.:{port}/v1/a%20b?key=value HTTP/1.1\r\nHost: elsewhere.test\r\nAccept: x/y\r\n\
         Connection: keep-alive, X-Hop, content-length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\n\
         Proxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"
    );
    let (head, echoed) = ask(lease.path(), &request).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(header(&head, "x-kept"), Some("1"));
    for gone in ["x-listed", "keep-alive", "proxy-authenticate"] {
        assert_eq!(header(&head, gone), None, "{gone}");
    }
    assert!(echoed.starts_with("POST /v1/a%20b?key=value HTTP/1.1\r\n"), "{echoed}");
    assert!(echoed.ends_with("\r\n\r\nhello"), "{echoed}");
    assert_eq!(header(&echoed, "host"), Some(&*format!("api.test:{port}")));
    assert_eq!((header(&echoed, "accept"), header(&echoed, "connection")), (Some("x/y"), Some("close")));
    assert_eq!(echoed.matches("elsewhere").count(), 0);
    for gone in ["x-hop", "keep-alive", "te", "upgrade", "proxy-authorization", "proxy-connection"] {
        assert_eq!(header(&echoed, gone), None, "{gone}");
    }
    let counts = lease.counts();
    assert_eq!((counts.allowed, counts.refused, counts.failed), (1, 0, 0));
    assert!(counts.sent > 5 && counts.received > echoed.len() as u64, "{counts:?}");
}

#[tokio::test]
async fn every_request_of_a_connection_is_checked() {
    let mut world = World::new();
    let port = world.mirror().await;
    let lease = world.lease_to("api.test", port);
    world.names.set("other.test", &[&["127.0.0.1"]]);
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    for (host, status) in [("api.test", "200"), ("other.test", "403"), ("api.test", "200")] {
        // The header that servers go by says what is declared: it must not count.
        let request = format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: api.test:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (head, _) = read_response(&mut stream).await;
        assert_eq!(head.get(9..12), Some(status), "{host}");
    }
    assert_eq!(world.names.asked(), ["api.test", "api.test"]);
}

#[tokio::test]
async fn a_refusal_names_the_declared_hosts() {
    let world = World::new();
    let lease = world.lease(&["api.open-meteo.com"]);
    let (head, body) = get(&lease, "http://example.org/?secret=1").await;
    let reason =
        "egress: example.org is not among the declared hosts of skill weather (network:api.open-meteo.com)";
    assert!(head.starts_with(&format!("HTTP/1.1 403 {reason}\r\n")), "{head}");
    assert_eq!(header(&head, "content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(body, format!("{reason}\n"));

    let (_, body) = get(&lease, "http://api.open-meteo.com:8080/").await;
    assert!(body.starts_with("egress: api.open-meteo.com:8080 is not among"), "{body}");
    let (_, body) = get(&world.lease(&[]), "http://example.org/").await;
    assert!(body.ends_with("of skill weather (it declares none)\n"), "{body}");
    assert_eq!((lease.counts().refused, lease.counts().allowed), (2, 0));
    assert!(world.names.asked().is_empty(), "what isn't declared isn't even resolved");
}

#[tokio::test]
async fn what_is_no_request_to_a_proxy_is_refused() {
    let world = World::new();
    let lease = world.lease(&["*"]);
    for (line, status) in [
        ("GET / HTTP/1.1", "400"),
        ("OPTIONS * HTTP/1.1", "400"),
        ("GET https://example.org/ HTTP/1.1", "400"),
        ("GET ftp://example.org/ HTTP/1.1", "400"),
        ("GET http://user:secret@example.org/ HTTP/1.1", "400"),
        ("GET http://2130706433/ HTTP/1.1", "400"),
        ("GET http://0x7f.1/ HTTP/1.1", "400"),
        ("GET http://127.1/ HTTP/1.1", "400"),
        ("GET http://localhost%00.example.org/ HTTP/1.1", "400"),
        ("GET http://ex%61mple.org/ HTTP/1.1", "400"),
        ("GET http://[::1%25lo]/ HTTP/1.1", "400"),
        ("GET http://example.org:0/ HTTP/1.1", "400"),
        ("GET http://example.org:99999/ HTTP/1.1", "400"),
        ("CONNECT example.org HTTP/1.1", "400"),
        ("CONNECT http://example.org:443/ HTTP/1.1", "400"),
        ("CONNECT user@example.org:443 HTTP/1.1", "400"),
        ("PRI * HTTP/2.0", "400"),
        ("nonsense", "400"),
    ] {
        let (head, _) = ask(lease.path(), &format!("{line}\r\nHost: example.org\r\n\r\n")).await;
        assert_eq!(head.get(9..12), Some(status), "{line}: {head}");
    }
    let huge = format!("GET http://example.org/ HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(40 << 10));
    let (head, _) = ask(lease.path(), &huge).await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(world.names.asked().is_empty());
}

/// With two lengths, one in front and one behind the proxy could disagree about where a request ends. It is written anew.
#[tokio::test]
async fn nothing_is_smuggled_between_two_lengths() {
    let mut world = World::new();
    let port = world.server(async |mut stream| {
        let head = crate::world::read_head(&mut stream).await;
        assert_eq!(header(&head, "content-length"), None, "{head}");
        assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    });
    let port = port.await;
    let lease = world.lease_to("api.test", port);
    let smuggled = format!("GET http://other.test:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n");
    let request = format!(
        "POST http://api.test:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\n{smuggled}",
        smuggled.len() + 5
    );
    let mut stream = UnixStream::connect(lease.path()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (head, _) = read_response(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 204 ") || head.starts_with("HTTP/1.1 400 "), "{head}");
    if head.starts_with("HTTP/1.1 204 ") {
        // Either it was the next request, checked like any other, or the connection is over.
        let rest = String::from_utf8(crate::world::read_end(&mut stream).await).unwrap();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 403 "), "{rest}");
    }
}

#[tokio::test]
async fn failures_are_told_apart_from_refusals() {
    let mut world = World::new();
    let garbage = world.server(async |mut stream| {
        stream.write_all(b"SSH-2.0-server\r\n").await.unwrap();
    });
    let garbage = garbage.await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, name, status, words) in [
        (garbage, "api.test", "502", "could not be read"),
        (closed, "api.test", "502", "could not connect to api.test:"),
        (closed, "missing.test", "502", "missing.test could not be resolved"),
    ] {
        let lease = world.lease_to("api.test", port);
        let lease = if name == "api.test" { lease } else { world.lease(&[&format!("{name}:{port}")]) };
        let (head, body) = get(&lease, &format!("http://{name}:{port}/")).await;
        assert_eq!(head.get(9..12), Some(status), "{head}");
        assert!(body.contains(words), "{body}");
        assert_eq!(lease.counts().refused, 0);
    }
}
