# attempt: connect to abstract Unix sockets of the host: a harness's, and those of well-known services
# expect: contained
import socket

from attempt import attempt, host, read, reach

NAMES = [host["abstract"], "/tmp/.X11-unix/X0", "/tmp/.ICE-unix/1", "/run/systemd/notify", "/org/kernel/linux/storage/multipathd", "ISCSIADM_ABSTRACT_NAMESPACE"]


def listed():
    """Those that exist in this network."""
    return [line for line in read("/proc/self/net/unix").splitlines() if "@" in line]


attempt(
    *[lambda name=name, kind=kind: reach("\0" + name, socket.AF_UNIX, kind) for name in NAMES for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
    listed,
)
