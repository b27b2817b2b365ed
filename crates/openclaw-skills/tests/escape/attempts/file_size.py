# attempt: write a file that is larger than allowed into a granted folder
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os
import resource
import signal

from attempt import attempt, granted

path = os.path.join(granted("write"), "huge")
most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def size_after(how):
    """How large it has become."""
    with open(path, "wb") as file:
        how(file.fileno())
    size = os.stat(path).st_size
    return (most == resource.RLIM_INFINITY or size > most) and f"{size} bytes"


attempt(
    lambda: size_after(lambda file: os.ftruncate(file, 1 << 40)),
    lambda: size_after(lambda file: os.posix_fallocate(file, 0, 1 << 32)),
    lambda: size_after(lambda file: os.pwrite(file, b"x", 1 << 40)),
    lambda: os.unlink(path),
)
