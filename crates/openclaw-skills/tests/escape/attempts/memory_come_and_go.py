# attempt: hide what is not shared behind children that come and go, so that each look at it finds another state
# expect: ended:memory or error
import os
import signal

from attempt import MEMORY, outlive

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(4):
    if os.fork() == 0:
        taken = bytearray(b"x") * (MEMORY // 2)
        while True:
            for _ in range(4):
                if os.fork() == 0:
                    os._exit(0)
outlive(True, f"processes have {MEMORY * 2 >> 20} MiB, where {MEMORY >> 20} are allowed")
