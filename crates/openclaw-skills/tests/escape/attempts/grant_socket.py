# attempt: talk to a service by its socket in a folder that was granted for reading
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os
import socket

from attempt import attempt, granted, reach

folder = granted("read")
sockets = [os.path.join(at, name) for at, _, files in os.walk(folder) for name in files if os.stat(os.path.join(at, name), follow_symlinks=False).st_mode >> 12 == 0o14]
attempt(
    *[lambda path=path, kind=kind: reach(path, socket.AF_UNIX, kind) for path in sockets for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
    lambda: "no socket was prepared" if not sockets else None,
)
