# attempt: climb out with `..`, by path, by directory and by openat
# expect: contained
import os

from attempt import attempt, host, names, read


def climb():
    """One directory up at a time, by descriptor."""
    at = os.open("/skill", os.O_PATH)
    for _ in range(32):
        at = os.open("..", os.O_PATH, dir_fd=at)
    inode, root = os.fstat(at), os.stat("/")
    return (inode.st_dev, inode.st_ino) != (root.st_dev, root.st_ino) and os.listdir(at)


def walk():
    """The same by changing directory."""
    for _ in range(32):
        os.chdir("..")
    return read(host["token_file"].lstrip("/"))


up = "../" * 32
attempt(
    climb,
    walk,
    lambda: read("/skill/" + up + host["token_file"]),
    lambda: names("/work/" + up + host["home"]),
    lambda: read("/proc/self/cwd/" + up + host["token_file"]),
)
