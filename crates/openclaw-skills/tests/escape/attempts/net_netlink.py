# attempt: talk to the kernel by netlink: audit, netfilter, uevents, generic families, crypto
# expect: contained
import socket

from attempt import attempt


def opened(protocol):
    """A socket of a protocol other than routes."""
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    return f"netlink {protocol} is there"


attempt(*[lambda protocol=protocol: opened(protocol) for protocol in range(1, 32)])
