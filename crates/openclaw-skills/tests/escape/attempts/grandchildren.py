# attempt: hide processes in sessions and groups of their own, some of them stopped
# expect: contained
import os
import signal
import time

from attempt import answer, libc

try:
    for number in range(10):
        if os.fork() == 0:
            os.setsid()
            libc.prctl(15, b"escape-daemon", 0, 0, 0)
            if os.fork() == 0:
                libc.prctl(15, b"escape-daemon", 0, 0, 0)
                os.setpgid(0, 0)
                if number % 2:
                    os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(120)
except OSError:
    pass
time.sleep(0.2)
answer(False, "whether they live is seen from outside")
