# attempt: end everything that may be signalled
# expect: contained
import os
import signal
import time

from attempt import attempt, host


def everything():
    """`kill -1`, provided that this is a process namespace: elsewhere it would be taken literally."""
    if os.getpid() > 1000 or os.path.exists(f"/proc/{host['host_pid']}"):
        return "this is no process namespace of our own"
    child = os.fork()
    if child == 0:
        time.sleep(20)
    os.kill(-1, signal.SIGKILL)
    os.waitpid(child, 0)
    os.kill(1, 0)


attempt(everything)
