# attempt: use up the inotify instances of the user, who is the gateway's where that is not root
# expect: contained
from attempt import attempt, libc

ENOUGH = 64


def instances():
    """The kernel counts them per user, all namespaces together; 128 is its default."""
    count = 0
    while count < ENOUGH and libc.inotify_init1(0) >= 0:
        count += 1
    return count >= ENOUGH and f"{count} instances are ours"


attempt(instances)
