# attempt: take away init's open files first, so that it can't look, and then take memory in many processes
# expect: ended:memory or error
import os
import resource
import time

from attempt import MEMORY, outlive

for name in ("RLIMIT_NOFILE", "RLIMIT_DATA"):
    try:
        resource.prlimit(1, getattr(resource, name), (0, 0))
    except OSError:
        pass
for _ in range(6):
    if os.fork() == 0:
        taken = bytearray(MEMORY * 2 // 3)
        for at in range(0, len(taken), 4096):
            taken[at] = 1
        time.sleep(60)
outlive(True, f"processes have {MEMORY * 4 >> 20} MiB, where {MEMORY >> 20} are allowed")
