# attempt: watch what happens to files of the host
# expect: contained
import os

from attempt import attempt, host, libc


def watch(path):
    """One watch."""
    descriptor = libc.inotify_init1(0)
    if descriptor < 0:
        raise OSError("there is no inotify")
    if libc.inotify_add_watch(descriptor, os.fsencode(path), 0xFFF) < 0:
        raise FileNotFoundError(path)
    return f"{path} is watched"


attempt(*[lambda path=path: watch(path) for path in (host["home"], host["token_file"], os.path.dirname(host["unix_socket"]), "/proc/1/root")])
