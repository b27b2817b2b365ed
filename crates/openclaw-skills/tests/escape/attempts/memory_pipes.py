# attempt: take memory as bytes that wait in pipes
# expect: contained or ended:memory or error
import fcntl
import os
import time

from attempt import MEMORY, outlive

out, into = os.pipe()
children = 6


def fill():
    """Pipes as large as they may be."""
    taken = 0
    try:
        while taken < MEMORY:
            _, end = os.pipe()
            try:
                fcntl.fcntl(end, 1031, 1 << 20)  # F_SETPIPE_SZ
            except OSError:
                pass
            os.set_blocking(end, False)
            try:
                while True:
                    taken += os.write(end, b"x" * 4096)
            except BlockingIOError:
                pass
    except OSError:
        pass
    os.write(into, b"%12d" % taken)
    time.sleep(60)


for _ in range(children):
    if os.fork() == 0:
        fill()
taken = sum(int(os.read(out, 12)) for _ in range(children))
outlive(taken > MEMORY, f"{taken >> 20} MiB wait in pipes, where {MEMORY >> 20} are allowed")
