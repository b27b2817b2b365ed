# attempt: take memory in processes whose first thread has ended, of which /proc shows none
# expect: ended:memory or error
import os
import threading
import time

from attempt import MEMORY, libc, outlive

out, into = os.pipe()
children = 4


def fill():
    """What one process may have, in the thread that is left."""
    time.sleep(0.2)
    taken = bytearray(b"x") * (MEMORY // 2)
    os.write(into, b"%12d" % len(taken))
    time.sleep(60)


EXIT = 60 if os.uname().machine == "x86_64" else 93
for _ in range(children):
    if os.fork() == 0:
        threading.Thread(target=fill).start()
        libc.syscall(EXIT, 0)
taken = sum(int(os.read(out, 12)) for _ in range(children))
outlive(taken > MEMORY, f"{taken >> 20} MiB are taken, where {MEMORY >> 20} are allowed")
