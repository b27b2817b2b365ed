# attempt: signal the process group, which init and a process of the host may belong to
# expect: contained
import os
import signal
import time

from attempt import attempt


def shared_group():
    """A group of zero is one of another process namespace."""
    return os.getpgid(0) == 0 and "our process group began outside"


def stop():
    """Had the group a member outside, it would stop, and nobody would hear how we end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(0, signal.SIGTERM)
    os.kill(0, signal.SIGCONT)
    time.sleep(0.2)


attempt(shared_group, stop)
