# attempt: talk to a service by its socket in a granted folder, with half of a pair in place of a socket of one's own
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os
import socket

from attempt import attempt, granted

path = os.path.join(granted("read"), "datagrams.sock")


def send(kind):
    half, other = socket.socketpair(socket.AF_UNIX, kind)
    half.sendto(b"hello", path)
    other.setblocking(False)
    try:
        # Some kinds ignore the path.
        return other.recv(8) and None
    except BlockingIOError:
        return f"sent to {path}"


def connect(kind):
    half, _other = socket.socketpair(socket.AF_UNIX, kind)
    half.connect(path)
    return f"connected to {path}"


KINDS = (socket.SOCK_DGRAM, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_RAW)
attempt(
    *[lambda way=way, kind=kind: way(kind) for way in (send, connect) for kind in KINDS],
    lambda: None if os.path.exists(path) else "no socket was prepared",
)
