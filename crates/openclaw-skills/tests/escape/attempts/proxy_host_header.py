# attempt: name a declared host in the request's address and a private one in its headers
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, get, host, proxy, status, works

private = host["private_url"].split("//")[1].strip("/")
url = host["allowed_url"]


def lands(*parts):
    """What is answered must come from the declared host, which begins its answers with `allowed`."""

    def one():
        heard = proxy(*parts)
        body = heard.split(b"\r\n\r\n", 1)[-1]
        if 200 <= status(heard) < 300 and b"allowed" not in body:
            return heard[:300]
        raise ConnectionRefusedError(heard[:120])

    return one


attempt(
    lands(get(url, at=private)),
    lands(get(url, X_Forwarded_Host=private, Forwarded=f"host={private}")),
    lands(f"GET {url} HTTP/1.1\r\nHost: {private}\r\nHost: {private}\r\n\r\n"),
    lands(f"GET / HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    lands(f"GET {url} HTTP/1.1\r\n Host: {private}\r\nHost: x\r\n\r\n"),
    lands(f"GET {url} HTTP/1.0\r\nHost: {private}\r\n\r\n"),
    works,
)
