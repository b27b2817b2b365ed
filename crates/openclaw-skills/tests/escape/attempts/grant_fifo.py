# attempt: write into a named pipe of the host in a folder that was granted for reading
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os

from attempt import attempt, granted

folder = granted("read")
pipes = [os.path.join(folder, name) for name in os.listdir(folder) if os.stat(os.path.join(folder, name), follow_symlinks=False).st_mode >> 12 == 0o1]


def write(path):
    """Opening both ends never waits."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(descriptor, b"x")
    os.read(descriptor, 1)
    return f"{path} was written to"


attempt(*[lambda path=path: write(path) for path in pipes], lambda: "no named pipe was prepared" if not pipes else None)
