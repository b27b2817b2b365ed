# attempt: ask for another host's name inside of a tunnel to a declared one
# grants: network:${ALLOWED_HOST}
# expect: contained
import ssl

from attempt import attempt, connect, host, proxy, works

private = host["private_url"].split("//")[1].strip("/")
name, _, port = host["allowed_url"].split("//")[1].strip("/").partition(":")
port = port or "80"


def hello(server):
    """The first message of TLS with a server's name in it."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(into, out, server_hostname=server).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def tunnel(inside):
    """What came through the tunnel, if it is not the declared host's."""
    heard = proxy(connect(f"{name}:{port}"), inside).split(b"\r\n\r\n", 1)[-1]
    if heard[:1] == b"\x16" or (b" 200 " in heard[:20] and b"allowed" not in heard):
        return heard[:200]
    raise ConnectionRefusedError(heard[:100])


attempt(
    lambda: tunnel(hello("other.example")),
    lambda: tunnel(f"GET / HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    lambda: tunnel(f"GET http://{private}/ HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    lambda: tunnel(f"CONNECT {private} HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    works,
)
