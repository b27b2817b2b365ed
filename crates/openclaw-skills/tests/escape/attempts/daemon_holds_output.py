# attempt: end, but leave a child behind that holds standard output open, so that the call never ends
# expect: contained
import os
import signal
import time

from attempt import answer, libc

if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    libc.prctl(15, b"escape-daemon", 0, 0, 0)
    time.sleep(120)
    os._exit(0)
answer(False, "the call ends with its main process")
