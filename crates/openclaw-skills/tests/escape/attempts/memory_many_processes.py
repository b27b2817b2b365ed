# attempt: take memory without end in many processes, each within what one may have
# expect: ended:memory or error
import os
import time

from attempt import MEMORY, outlive

for _ in range(6):
    if os.fork() == 0:
        taken = bytearray(MEMORY * 2 // 3)
        for at in range(0, len(taken), 4096):
            taken[at] = 1
        time.sleep(60)
outlive(True, f"processes have {MEMORY * 4 >> 20} MiB, where {MEMORY >> 20} are allowed")
