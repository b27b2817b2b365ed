# attempt: open stream and datagram sockets of protocols that nobody here needs, each of which loads a module of the kernel
# expect: contained
import socket

from attempt import attempt


def opened(kind, protocol):
    """A socket of internet protocol `protocol`."""
    socket.socket(socket.AF_INET, kind, protocol)
    return f"protocol {protocol} is there"


# SCTP, DCCP, UDP-Lite, L2TP, MPTCP, SMC.
attempt(
    *[
        lambda kind=kind, protocol=protocol: opened(kind, protocol)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, 6)
        for protocol in (132, 33, 136, 115, 262, 256)
    ]
)
