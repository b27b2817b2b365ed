# attempt: open raw and packet sockets
# expect: contained
import socket

from attempt import attempt


def opened(family, kind, protocol):
    """A socket."""
    socket.socket(family, kind, protocol)
    return f"socket({family}, {kind}, {protocol}) was made"


attempt(
    lambda: opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    lambda: opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    lambda: opened(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    lambda: opened(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
    lambda: opened(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
    lambda: opened(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
    lambda: opened(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)),
    lambda: opened(socket.AF_INET, 10, 0),  # SOCK_PACKET, as of Linux 2.0.
)
