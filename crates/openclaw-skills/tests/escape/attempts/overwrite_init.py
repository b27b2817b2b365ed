# attempt: overwrite the program that is init, which on the host is the gateway itself
# expect: contained
import os

from attempt import attempt, write

PROGRAM = "/.openclaw/program"


def in_place():
    """Through a descriptor that was opened for reading."""
    descriptor = os.open(PROGRAM, os.O_RDONLY)
    return write(f"/proc/self/fd/{descriptor}", os.O_RDWR)


def swap():
    """Another file in its place."""
    with open("/work/program", "w") as file:
        file.write("#!/bin/sh\n")
    os.rename("/work/program", PROGRAM)
    return "it was replaced"


attempt(
    lambda: write(PROGRAM),
    lambda: write("/proc/1/exe"),
    lambda: write("/proc/self/exe"),
    in_place,
    swap,
    lambda: os.truncate(PROGRAM, 0) or "it was truncated",
    lambda: os.unlink(PROGRAM) or "it was removed",
)
