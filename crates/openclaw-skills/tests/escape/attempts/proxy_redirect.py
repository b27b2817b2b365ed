# attempt: follow a declared host's redirect to a private one
# grants: network:${ALLOWED_HOST}
# expect: contained
import urllib.request

from attempt import attempt, get, host, passes, proxy, works


def by_library():
    """A client that follows redirects by itself, each through the proxy."""
    with urllib.request.urlopen(host["redirect_url"], timeout=5) as answer:
        return answer.read(200)


def by_the_proxy():
    """The proxy must not follow by itself: the redirect has to come back as one."""
    heard = proxy(get(host["redirect_url"]))
    return heard.startswith(b"HTTP/1.1 200") and heard


def by_hand():
    """What the redirect names, asked for."""
    heard = proxy(get(host["redirect_url"])).decode("latin-1")
    to = next(line.split(":", 1)[1].strip() for line in heard.split("\r\n") if line.lower().startswith("location:"))
    return passes(get(to))()


attempt(by_library, by_the_proxy, by_hand, works)
