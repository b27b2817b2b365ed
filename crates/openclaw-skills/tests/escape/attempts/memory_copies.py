# attempt: fork with much memory, which is shared and so counted once, and then write to it in each process
# expect: ended:memory or error
import os
import time

from attempt import MEMORY, outlive

taken = bytearray(b"x") * (MEMORY // 2)
for _ in range(6):
    if os.fork() == 0:
        time.sleep(0.5)
        for at in range(0, len(taken), 4096):
            taken[at] = 1
        time.sleep(60)
outlive(True, f"processes have {MEMORY * 3 >> 20} MiB, where {MEMORY >> 20} are allowed")
