# attempt: leave a daemon behind that outlives the call
# expect: contained
import os
import time

from attempt import answer, libc

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        # By this name the harness looks for it.
        libc.prctl(15, b"escape-daemon", 0, 0, 0)
        for descriptor in range(3):
            os.close(descriptor)
        time.sleep(120)
    os._exit(0)
time.sleep(0.2)
answer(False, "whether it lives is seen from outside")
