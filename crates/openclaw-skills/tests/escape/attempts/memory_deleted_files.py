# attempt: fill memory with files that are deleted but open
# expect: contained or ended:memory or error
import tempfile

from attempt import MEMORY, outlive

taken, held = 0, []
block = b"x" * (1 << 20)
for folder in ("/tmp", "/work", "/dev/shm"):
    try:
        while taken < MEMORY * 3:
            held.append(tempfile.TemporaryFile(dir=folder, buffering=0))
            for _ in range(16):
                taken += held[-1].write(block)
    except OSError:
        pass
outlive(taken > MEMORY, f"deleted files of {taken >> 20} MiB, where {MEMORY >> 20} are allowed")
