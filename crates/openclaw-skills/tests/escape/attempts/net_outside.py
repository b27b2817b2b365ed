# attempt: find a route to anywhere
# expect: contained
import errno
import socket

from attempt import attempt


def route(family, address, kind):
    """Without a route the kernel refuses at once; with one it would wait, or be refused by somebody."""
    with socket.socket(family, kind) as talk:
        talk.settimeout(1)
        try:
            talk.connect(address)
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EHOSTUNREACH, errno.EINVAL):
                raise
            return f"{address}: {error}"
        return f"{address} has a route"


# Addresses that are nobody's (RFC 5737, RFC 3849), broadcast and multicast.
V4 = ["192.0.2.1", "198.51.100.1", "203.0.113.1", "255.255.255.255", "224.0.0.251", "10.0.0.1", "100.64.0.1"]
attempt(
    *[lambda at=at, kind=kind: route(socket.AF_INET, (at, 443), kind) for at in V4 for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
    lambda: route(socket.AF_INET6, ("2001:db8::1", 443), socket.SOCK_STREAM),
    lambda: route(socket.AF_INET6, ("ff02::1", 443), socket.SOCK_DGRAM),
)
