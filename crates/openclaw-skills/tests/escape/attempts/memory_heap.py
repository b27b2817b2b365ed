# attempt: take memory without end
# expect: contained or ended:memory or error

from attempt import MEMORY, answer, outlive

taken = []
try:
    while len(taken) << 20 < MEMORY * 3:
        taken.append(b"x" * (1 << 20))
except MemoryError:
    answer(False, f"after {len(taken)} MiB")
outlive(True, f"{len(taken)} MiB, where {MEMORY >> 20} are allowed")
