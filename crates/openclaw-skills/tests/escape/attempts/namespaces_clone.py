# attempt: make every kind of namespace by clone and clone3
# expect: contained
import ctypes
import os

from attempt import CALLS, attempt, call

KINDS = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]


def clone(flags):
    """A child that must not come to be."""
    child = call("clone", flags | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return f"clone({flags:#x}) made {child}"


def clone3(flags):
    """The same with a structure, which a filter can't look into: it must not be there at all."""
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, 17)
    child = call("clone3", arguments, 88)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return f"clone3({flags:#x}) made {child}"


assert "clone3" in CALLS
attempt(
    *[lambda flags=flags: clone(flags) for flags in KINDS],
    *[lambda flags=flags: clone(flags | 1 << 40) for flags in KINDS],
    *[lambda flags=flags: clone3(flags) for flags in [0, 0x80, 0x200000000, *KINDS]],
)
