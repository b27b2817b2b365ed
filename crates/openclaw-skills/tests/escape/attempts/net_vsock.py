# attempt: reach the hypervisor by vsock
# expect: contained
import socket

from attempt import attempt


def host_by_vsock(cid):
    """A connection to the machine that this one runs in."""
    with socket.socket(40, socket.SOCK_STREAM) as talk:
        talk.settimeout(1)
        talk.connect((cid, 1024))
        return f"{cid} is reached"


attempt(
    lambda: socket.socket(40, socket.SOCK_STREAM) and "there is vsock",
    *[lambda cid=cid: host_by_vsock(cid) for cid in (0, 1, 2)],
    lambda: open("/dev/vsock"),
)
