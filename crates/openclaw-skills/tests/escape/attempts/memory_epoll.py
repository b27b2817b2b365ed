# attempt: take the kernel's memory, and its user's watches, with epoll: each instance watches each file
# expect: contained or ended:memory or error
import os
import resource
import select
import time

from attempt import outlive

MOST = 200_000
out, into = os.pipe()
children = 12
files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 32


def fill():
    """As many watches as the open files allow."""
    count = 0
    try:
        watchers = [select.epoll() for _ in range(files * 2 // 5)]
        watched = [os.eventfd(0) for _ in range(files // 2)]
        for watcher in watchers:
            for one in watched:
                watcher.register(one, select.EPOLLIN)
                count += 1
    except OSError:
        pass
    os.write(into, b"%12d" % count)
    time.sleep(60)


for _ in range(children):
    if os.fork() == 0:
        fill()
count = sum(int(os.read(out, 12)) for _ in range(children))
outlive(count > MOST, f"{count} watches, where {MOST} are too many")
