# attempt: make a sparse file of many tebibytes
# expect: contained
import os
import signal

from attempt import attempt

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def sparse(folder):
    """All of it holes."""
    path = os.path.join(folder, "sparse")
    with open(path, "wb") as file:
        os.ftruncate(file.fileno(), 1 << 44)
    return f"{path} has {os.stat(path).st_size} bytes"


attempt(*[lambda folder=folder: sparse(folder) for folder in ("/tmp", "/work", "/dev/shm")])
