# attempt: open sockets of every other family, each of which is code of the kernel that a skill has no use for
# expect: contained
import socket

from attempt import attempt

# Unix, IPv4, IPv6 and routes (netlink) are what programs need.
ALLOWED = {1, 2, 10, 16}


def opened(family):
    """A socket of any kind."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind, 0)
            return f"family {family} is there"
        except OSError as error:
            last = error
    raise last


attempt(*[lambda family=family: opened(family) for family in range(0, 50) if family not in ALLOWED])
