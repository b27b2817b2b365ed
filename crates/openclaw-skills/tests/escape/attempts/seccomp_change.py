# attempt: take the system call filter off, replace it, or become its supervisor
# expect: contained
import ctypes

from attempt import attempt, call, refuses

allow = (ctypes.c_uint16 * 4)(6, 0, 0, 0x7FFF)  # BPF_RET | BPF_K, SECCOMP_RET_ALLOW.
program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(allow))


def still(number):
    """Whatever was said yes to: what is forbidden stays so."""
    return refuses("unshare", number)()


attempt(
    refuses("seccomp", 0, 0, 0),
    refuses("seccomp", 1, 0, program),
    refuses("seccomp", 1, 8, program),
    refuses("prctl", 22, 0, 0, 0, 0),
    refuses("prctl", 22, 2, program, 0, 0),
    refuses("prctl", 59, 1, 0, 0, 0),
    lambda: still(0x10000000),
    lambda: call("prctl", 21, 0, 0, 0, 0) != 2 and "there is no filter",
)
