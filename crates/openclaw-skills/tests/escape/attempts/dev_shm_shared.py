# attempt: meet other sandboxes or the host in /dev/shm, /tmp and /work
# expect: contained
import os

from attempt import attempt


def left(folder):
    """What was here before us."""
    return os.listdir(folder)


def shared_file_system(folder):
    """A file system that the root belongs to as well would be the host's."""
    return os.stat(folder).st_dev == os.stat("/").st_dev and f"{folder} is no file system of its own"


folders = ("/dev/shm", "/tmp", "/work")
attempt(*[lambda at=at: left(at) for at in folders], *[lambda at=at: shared_file_system(at) for at in folders])
