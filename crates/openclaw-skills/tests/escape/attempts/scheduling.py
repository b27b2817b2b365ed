# attempt: become more important than the rest of the machine
# expect: contained
import ctypes
import os

from attempt import attempt, call

priority = ctypes.c_int(1)
# sched_attr: size, policy (deadline), flags, nice, priority, runtime, deadline, period.
deadline = (ctypes.c_uint64 * 6)(48 | 6 << 32, 0, 0, 10**8, 10**9, 10**9)


def done(how):
    """Says that it was."""
    how()
    return "it was granted"


attempt(
    *[lambda policy=policy: done(lambda: call("sched_setscheduler", 0, policy, ctypes.byref(priority))) for policy in (1, 2)],
    lambda: done(lambda: call("sched_setattr", 0, deadline, 0)),
    lambda: done(lambda: call("sched_setparam", 0, ctypes.byref(priority))),
    lambda: done(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
    lambda: done(lambda: os.setpriority(os.PRIO_PROCESS, 1, -20)),
    lambda: done(lambda: call("ioprio_set", 1, 0, 1 << 13)),
)
