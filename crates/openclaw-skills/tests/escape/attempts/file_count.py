# attempt: make files without end, each of which costs the kernel memory
# expect: contained or ended:memory
import os

from attempt import answer

MOST = 100_000
made = 0
for folder in ("/tmp", "/work", "/dev/shm"):
    try:
        while made < MOST:
            os.close(os.open(f"{folder}/{made:0200}", os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError:
        pass
answer(made >= MOST, f"{made} files")
