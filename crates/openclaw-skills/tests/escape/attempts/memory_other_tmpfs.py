# attempt: find a file system in memory that can be written to and is not one of those that are counted
# expect: contained
import os

from attempt import attempt

# Of /dev, what landlock opens is devices; its file system is 64 MiB at most.
COUNTED = ("/tmp", "/work", "/dev/shm", "/dev")


def others():
    with open("/proc/self/mounts") as table:
        # Of what is mounted upon another, the last is seen.
        mounts = {at: (kind, flags) for _, at, kind, flags, *_ in (line.split(" ") for line in table)}
    return [at for at, (kind, flags) in mounts.items() if kind in ("tmpfs", "ramfs") and "rw" in flags.split(",") and at not in COUNTED and os.path.isdir(at)]


attempt(others)
