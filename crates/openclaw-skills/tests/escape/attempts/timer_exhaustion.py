# attempt: use up the timers and queued signals of the user
# expect: contained
import ctypes
import resource

from attempt import attempt, libc

ENOUGH = 4096


def timers():
    """Each counts as a queued signal of the user, whatever the namespace."""
    timer, count = ctypes.c_void_p(), 0
    while count < ENOUGH and libc.timer_create(1, None, ctypes.byref(timer)) == 0:
        count += 1
    return count >= ENOUGH and f"{count} timers are ours"


def limit():
    """The bound on them."""
    return resource.getrlimit(11)[1] > ENOUGH and f"RLIMIT_SIGPENDING is {resource.getrlimit(11)}"


attempt(timers, limit)
