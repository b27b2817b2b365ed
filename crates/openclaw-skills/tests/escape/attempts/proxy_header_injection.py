# attempt: end lines within an address or a header to say a second request
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, host, proxy, works

private = host["private_url"].split("//")[1].strip("/")
url = host["allowed_url"]


def second(*parts):
    """Only the first request may be answered with success."""

    def one():
        heard = proxy(*parts)
        bodies = heard.split(b"HTTP/1.")[1:]
        wins = [body for body in bodies if body[2:3] == b"2" and b"allowed" not in body]
        if wins:
            return wins
        raise ConnectionRefusedError(heard[:120])

    return one


attempt(
    second(f"GET {url}%0d%0aHost:%20{private}%0d%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    second(f"GET {url}\rHost: {private} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    second(f"GET {url}\nHost: {private}\n\nGET http://{private}/ HTTP/1.1\r\n\r\n"),
    second(f"GET {url} HTTP/1.1\nHost: {private}\n\nGET http://{private}/ HTTP/1.1\nHost: {private}\n\n"),
    second(f"GET {url} HTTP/1.1\r\nX: a\x00\r\nHost: {private}\r\n\r\n"),
    second(f"GET {url} HTTP/1.1\r\nX: {'a' * 200_000}\r\n\r\n"),
    second("GET " + "a" * 500_000),
    second("\r\n" * 50_000 + f"GET http://{private}/ HTTP/1.1\r\n\r\n"),
    works,
)
