# attempt: take shared memory by mapping /dev/zero
# expect: contained or ended:memory or error
import mmap
import os

from attempt import MEMORY, answer, outlive

held, taken = [], 0
try:
    zero = os.open("/dev/zero", os.O_RDONLY)
    while taken < MEMORY * 3:
        part = mmap.mmap(zero, 8 << 20, mmap.MAP_SHARED, mmap.PROT_READ)
        for at in range(0, len(part), 4096):
            part[at]
        part.madvise(mmap.MADV_DONTNEED)
        held.append(part)
        taken += len(part)
except (OSError, MemoryError) as error:
    answer(False, f"after {taken >> 20} MiB: {error}")
outlive(True, f"{taken >> 20} MiB shared, where {MEMORY >> 20} are allowed")
