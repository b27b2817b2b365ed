# attempt: reopen read-only descriptors for writing through /proc and /dev/fd
# expect: contained
import os

from attempt import attempt

PATHS = ["/etc/passwd", "/usr/bin/env", "/skill/main.py", "/.openclaw/program", "/usr", "/"]


def again(path, by):
    """The same file, opened anew."""
    first = os.open(path, os.O_RDONLY)
    second = os.open(by.format(first), os.O_RDWR)
    return f"{path} was reopened as {second}"


def by_path(path):
    """A descriptor that only names."""
    first = os.open(path, os.O_PATH)
    os.open(f"/proc/self/fd/{first}", os.O_RDWR)
    return f"{path} was reopened by what only names it"


attempt(
    *[lambda path=path, by=by: again(path, by) for path in PATHS for by in ("/proc/self/fd/{}", "/dev/fd/{}", "/proc/thread-self/fd/{}")],
    *[lambda path=path: by_path(path) for path in PATHS],
)
