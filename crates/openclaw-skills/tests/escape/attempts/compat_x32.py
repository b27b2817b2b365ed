# attempt: make system calls by the x32 table, whose numbers a filter may not know
# expect: contained
import ctypes
import errno
import platform

from attempt import attempt, in_child, libc

X32 = 0x40000000


def x32(number, *arguments):
    """With the bit that marks that table."""
    if platform.machine() != "x86_64":
        raise OSError("no such table here")
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(X32 | number), *[ctypes.c_long(one) for one in arguments])
    if result >= 0 or ctypes.get_errno() not in (errno.ENOSYS, errno.EPERM):
        return f"x32 call {number} gave {result}, {errno.errorcode.get(ctypes.get_errno())}"
    raise OSError(ctypes.get_errno(), "x32")


# getpid, unshare, mount, ptrace as x32 has it, setns, bpf; and numbers with bits above 32.
attempt(
    *[lambda one=one: in_child(lambda: x32(*one)) for one in ((39,), (272, 0x10000000), (165,), (521,), (308,), (321,))],
    lambda: in_child(lambda: x32(39 | 1 << 40)),
)
