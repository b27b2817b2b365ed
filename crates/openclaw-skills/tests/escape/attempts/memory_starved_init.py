# attempt: keep the processor busy while memory is taken, so that init comes late
# expect: ended:memory or error
import os

from attempt import MEMORY, PROCESSES, outlive

try:
    os.setpriority(os.PRIO_PROCESS, 1, 19)
except OSError:
    pass
for number in range(min(PROCESSES // 2, 40)):
    if os.fork() == 0:
        if number < 6:
            taken = bytearray(MEMORY * 2 // 3)
            for at in range(0, len(taken), 4096):
                taken[at] = 1
        while True:
            pass
outlive(True, f"processes have {MEMORY * 4 >> 20} MiB, where {MEMORY >> 20} are allowed")
