# attempt: hide a second request, for a host nobody declared, in the body or behind the end of the first
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, host, proxy, works

private = host["private_url"].split("//")[1].strip("/")
name = host["allowed_url"].split("//")[1].strip("/")
url = host["allowed_url"]
hidden = f"GET http://{private}/ HTTP/1.1\r\nHost: {private}\r\nConnection: close\r\n\r\n"


def second(*parts):
    """Whatever comes back with success must be the declared host's answer."""

    def one():
        heard = proxy(*parts)
        wins = [body[:200] for body in heard.split(b"HTTP/1.")[1:] if body[2:3] == b"2" and b"allowed" not in body]
        if wins:
            return wins
        raise ConnectionRefusedError(heard[:120])

    return one


begin = f"POST {url} HTTP/1.1\r\nHost: {name}\r\n"
chunk = f"{len(hidden):x}\r\n{hidden}\r\n0\r\n\r\n"
attempt(
    second(f"{begin}\r\n{hidden}"),
    second(f"GET {url} HTTP/1.1\r\nHost: {name}\r\n\r\n{hidden}"),
    second(f"GET {url} HTTP/1.1\r\nHost: {name}\r\nConnection: keep-alive\r\n\r\n", hidden),
    second(f"{begin}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
    second(f"{begin}Content-Length: {len(hidden)}\r\nContent-Length: 0\r\n\r\n{hidden}"),
    second(f"{begin}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{hidden}"),
    second(f"{begin}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
    second(f"{begin}Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{hidden}"),
    second(f"{begin}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{hidden}"),
    second(f"{begin}Content-Length: +0\r\n\r\n{hidden}"),
    second(f"{begin}Content-Length: -1\r\n\r\n{hidden}"),
    second(f"{begin}Content-Length: 0, 10\r\n\r\n{hidden}"),
    second(f"{begin}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "abc" + hidden),
    second(f"GET {url} HTTP/1.1\r\nHost: {name}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", hidden),
    second(f"GET {url} HTTP/1.1\r\nHost: {name}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n", hidden),
    second("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden),
    works,
)
