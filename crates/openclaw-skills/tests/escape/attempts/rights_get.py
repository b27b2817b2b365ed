# attempt: get capabilities or another user by asking
# expect: contained
import ctypes
import os

from attempt import attempt, call


def done(how):
    """Says that it was."""
    how()
    return "it was granted"


header = (ctypes.c_uint32 * 2)(0x20080522, 0)
everything = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
PR_CAP_AMBIENT, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 47, 8, 28, 38, 24
others = [user for user in (0, 1, 65534, 1001) if user != os.getuid()]
attempt(
    lambda: done(lambda: call("capset", header, everything)),
    lambda: done(lambda: call("prctl", PR_CAP_AMBIENT, 2, 21, 0, 0)),
    lambda: done(lambda: call("prctl", PR_SET_SECUREBITS, 0x2F, 0, 0, 0)),
    lambda: done(lambda: call("prctl", PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)),
    *[lambda user=user: done(lambda: os.setuid(user)) for user in others],
    *[lambda user=user: done(lambda: os.setresuid(user, user, user)) for user in others],
    *[lambda user=user: done(lambda: os.setgid(user)) for user in others],
    lambda: done(lambda: os.setgroups([0])),
    lambda: done(lambda: os.setgroups([])),
)
