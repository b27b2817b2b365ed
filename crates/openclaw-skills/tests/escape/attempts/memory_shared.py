# attempt: take shared memory without a name, which no limit of a process counts; pages let go of still exist
# expect: contained or ended:memory or error
import mmap

from attempt import MEMORY, answer, outlive

held, taken = [], 0
try:
    while taken < MEMORY * 3:
        part = mmap.mmap(-1, 8 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        for at in range(0, len(part), 4096):
            part[at] = 1
        part.madvise(mmap.MADV_DONTNEED)
        held.append(part)
        taken += len(part)
except (OSError, MemoryError) as error:
    answer(False, f"after {taken >> 20} MiB: {error}")
outlive(True, f"{taken >> 20} MiB shared, where {MEMORY >> 20} are allowed")
