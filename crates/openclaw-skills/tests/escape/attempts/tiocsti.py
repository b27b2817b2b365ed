# attempt: type into the operator's terminal
# expect: contained
import fcntl
import os

from attempt import attempt

TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCCONS = 0x5412, 0x541C, 0x540E, 0x541D


def push(descriptor, command):
    """One character, or one command."""
    fcntl.ioctl(descriptor, command, b"\n")
    return f"ioctl {command:#x} on {descriptor} was taken"


def terminal(path):
    """A terminal by its name."""
    return push(os.open(path, os.O_RDWR | os.O_NOCTTY), TIOCSTI)


def is_one(descriptor):
    """None of our descriptors is a terminal."""
    return os.isatty(descriptor) and f"{descriptor} is a terminal"


attempt(
    *[lambda descriptor=descriptor: is_one(descriptor) for descriptor in range(3)],
    *[lambda descriptor=descriptor, command=command: push(descriptor, command) for descriptor in range(3) for command in (TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCCONS)],
    # The upper half of the command is ignored by the kernel, and must be by the filter.
    *[lambda path=path: terminal(path) for path in ("/dev/tty", "/dev/tty0", "/dev/console", "/dev/pts/0", "/dev/ptmx")],
)
