# attempt: keep the host from opening files of a granted folder, by leases
# grants: filesystem:read:${READ_DIR}, filesystem:write:${WRITE_DIR}
# expect: contained
import fcntl
import os

from attempt import attempt, granted


def lease(path, flags, kind):
    """While it is held, who opens the file has to wait, by default 45 seconds."""
    fcntl.fcntl(os.open(path, flags, 0o644), fcntl.F_SETLEASE, kind)
    return f"there is a lease on {path}"


attempt(
    lambda: lease(os.path.join(granted("read"), "note.txt"), os.O_RDONLY, fcntl.F_RDLCK),
    lambda: lease(os.path.join(granted("write"), "leased"), os.O_RDWR | os.O_CREAT, fcntl.F_WRLCK),
)
