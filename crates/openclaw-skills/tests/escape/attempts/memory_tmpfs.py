# attempt: fill the file systems that are kept in memory
# expect: contained or ended:memory or error
import os

from attempt import MEMORY, outlive

taken, number = 0, 0
block = b"x" * (1 << 20)
for folder in ("/tmp", "/work", "/dev/shm"):
    try:
        while taken < MEMORY * 3:
            number += 1
            with open(os.path.join(folder, str(number)), "wb", buffering=0) as file:
                for _ in range(16):
                    taken += file.write(block)
    except OSError:
        pass
outlive(taken > MEMORY, f"files of {taken >> 20} MiB, where {MEMORY >> 20} are allowed")
