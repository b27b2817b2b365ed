# attempt: take memory without end
# expect: contained or ended:memory or error
import time

from attempt import MEMORY, answer

taken = []
try:
    while len(taken) << 20 < MEMORY * 3:
        taken.append(b"x" * (1 << 20))
except MemoryError:
    answer(False, f"after {len(taken)} MiB")
time.sleep(1.5)
answer(True, f"{len(taken)} MiB, where {MEMORY >> 20} are allowed")
