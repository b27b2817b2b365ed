# attempt: signal a process of the host that belongs to the same user
# expect: contained
import ctypes
import os
import signal

from attempt import attempt, call, host

pid = host["host_pid"]


def sent(how):
    """Says that it was."""
    how()
    return f"{pid} got a signal"


information = ctypes.create_string_buffer(128)
ctypes.c_int.from_buffer(information, 8).value = -1  # SI_QUEUE
# Signals that do no harm, should they arrive.
attempt(
    lambda: sent(lambda: os.kill(pid, 0)),
    lambda: sent(lambda: os.kill(pid, signal.SIGCONT)),
    lambda: sent(lambda: os.killpg(pid, 0)),
    lambda: sent(lambda: call("pidfd_send_signal", call("pidfd_open", pid, 0), 0, 0, 0)),
    lambda: sent(lambda: call("rt_sigqueueinfo", pid, signal.SIGCONT, information)),
)
