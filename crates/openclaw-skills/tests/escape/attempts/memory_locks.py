# attempt: take the kernel's memory with locks on files: each second byte of many files
# expect: contained or ended:memory or error
import fcntl
import os
import time

from attempt import outlive

MOST = 100_000
out, into = os.pipe()
children = 8


def fill(number):
    """As many locks as three seconds allow."""
    count, until = 0, time.monotonic() + 3
    try:
        for name in range(300):
            file = os.open(f"/tmp/locks-{number}-{name}", os.O_RDWR | os.O_CREAT)
            # Downwards: the list of a file's locks is in order, and is gone through from its beginning.
            for byte in range(4000, 0, -2):
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                count += 1
            if time.monotonic() > until:
                break
    except OSError:
        pass
    os.write(into, b"%12d" % count)
    time.sleep(60)


for number in range(children):
    if os.fork() == 0:
        fill(number)
count = sum(int(os.read(out, 12)) for _ in range(children))
outlive(count > MOST, f"{count} locks, where {MOST} are too many")
