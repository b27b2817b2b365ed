# attempt: keep the host from using files of the system, by leases
# expect: contained
import fcntl
import os

from attempt import attempt


def lease(path):
    """F_SETLEASE: who opens the file for writing has to wait."""
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    return f"there is a lease on {path}"


attempt(*[lambda path=path: lease(path) for path in ("/usr/bin/env", "/etc/ld.so.cache", "/.openclaw/program")])
