# attempt: use descriptors that came along: directories, sockets, the proxy's, the gateway's
# expect: contained
import os
import stat

from attempt import attempt


def strangers():
    """There are three pipes, or /dev/null."""
    found = []
    for descriptor in range(1024):
        try:
            status = os.fstat(descriptor)
        except OSError:
            continue
        if descriptor > 2 or not (stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)):
            found.append(f"{descriptor}: {oct(status.st_mode)} {os.readlink(f'/proc/self/fd/{descriptor}')}")
    return found


attempt(strangers)
