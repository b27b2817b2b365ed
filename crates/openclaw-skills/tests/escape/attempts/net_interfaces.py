# attempt: find network interfaces beside the loopback one
# expect: contained
import socket

from attempt import attempt, read


def interfaces():
    """Names of all."""
    return [name for _, name in socket.if_nameindex() if name != "lo"]


def routes():
    """The table of routes has a line of headings."""
    return read("/proc/self/net/route").split("\n", 1)[1].strip()


def neighbours():
    """The same for neighbours."""
    return read("/proc/self/net/arp").split("\n", 1)[1].strip()


attempt(interfaces, routes, neighbours)
