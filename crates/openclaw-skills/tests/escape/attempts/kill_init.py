# attempt: end or stop process 1, and with it what watches the bounds
# expect: contained
import os
import signal
import time

from attempt import attempt, call


def send(number):
    """A signal that init has no handler for is not delivered to it."""
    os.kill(1, number)


def by_descriptor():
    """The same by a handle."""
    call("pidfd_send_signal", call("pidfd_open", 1, 0), signal.SIGKILL, 0, 0)


def is_running():
    """Stopped or gone is what must not be."""
    time.sleep(0.3)
    with open("/proc/1/status") as lines:
        state = next(line for line in lines if line.startswith("State:"))
    return None if state.split()[1] in "SRD" else state


attempt(*[lambda number=number: send(number) for number in range(1, 65) if number not in (32, 33)], by_descriptor, is_running)
