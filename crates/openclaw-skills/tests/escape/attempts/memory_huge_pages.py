# attempt: take huge pages and give back all but a small piece of each, for the rest of them is nobody's in the counts
# expect: contained or error
import mmap

from attempt import attempt

HUGE = 2 << 20


def huge():
    taken = mmap.mmap(-1, 8 * HUGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    taken.madvise(14)
    for at in range(0, len(taken), 4096):
        taken[at] = 1
    try:
        taken.madvise(25)
    except OSError:
        pass
    with open("/proc/self/smaps_rollup") as lines:
        kib = int(next(line for line in lines if line.startswith("AnonHugePages")).split()[1])
    return kib and f"{kib} KiB of huge pages"


attempt(huge)
