# attempt: replace processes so quickly that none is seen for long
# expect: contained or ended:processes or ended:memory or ended:time
import os
import time

from attempt import PROCESSES, answer

# Each child starts two more and ends, so that every look at the list finds others.
first, end, generation = os.getpid(), time.monotonic() + 3, 0
while time.monotonic() < end:
    try:
        if os.fork() and os.fork():
            os._exit(0) if generation else time.sleep(0.001)
    except OSError:
        if generation:
            os._exit(0)
        time.sleep(0.001)
    generation += os.getppid() != 1
    if generation > 50:
        os._exit(0)
if os.getpid() != first:
    os._exit(0)
answer(False, f"bounded by {PROCESSES}")
