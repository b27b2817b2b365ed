# attempt: make system calls that this battery has no name for: those that kernels of the future will have
# expect: contained
import ctypes
import errno

from attempt import attempt, libc


def later(number):
    """Every number of tomorrow must be refused today."""
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
    if result >= 0 or ctypes.get_errno() != errno.ENOSYS:
        return f"call {number} gave {result}, {errno.errorcode.get(ctypes.get_errno())}"
    raise OSError(errno.ENOSYS, "not implemented")


attempt(*[lambda number=number: later(number) for number in range(470, 700)], *[lambda number=number: later(number) for number in (-1, 1 << 31, 0xFFFFFFFF)])
