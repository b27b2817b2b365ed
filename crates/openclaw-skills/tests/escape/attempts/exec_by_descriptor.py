# attempt: start a program by a descriptor instead of a path
# expect: contained
import os

from attempt import attempt, call, in_child

AT_EMPTY_PATH = 0x1000


def by_execveat(flags, path):
    """What is started would print its version."""
    descriptor = os.open(path, flags)
    os.set_inheritable(descriptor, True)

    def start():
        import ctypes

        arguments = (ctypes.c_char_p * 3)(b"env", b"--version", None)
        call("execveat", descriptor, b"", arguments, 0, AT_EMPTY_PATH)

    return lost(start)


def by_proc(path):
    """The descriptor's path."""
    descriptor = os.open(path, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    return lost(lambda: os.execv(f"/proc/self/fd/{descriptor}", ["env", "--version"]))


def lost(start):
    """A child that becomes another program says nothing; one that can't says why."""
    try:
        return in_child(start)
    except ChildProcessError:
        return "the child became another program"


attempt(
    lambda: by_execveat(os.O_RDONLY, "/usr/bin/env"),
    lambda: by_execveat(os.O_PATH, "/usr/bin/env"),
    lambda: by_proc("/usr/bin/env"),
)
