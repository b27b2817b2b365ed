# attempt: make device nodes for the disk and for the kernel's memory
# expect: contained
import os
import stat

from attempt import attempt, call


def node(folder, kind, major, minor):
    """A node, and what is behind it."""
    path = os.path.join(folder, f"node-{major}-{minor}")
    os.mknod(path, kind | 0o666, os.makedev(major, minor))
    return f"{path} was made"


NODES = [(stat.S_IFBLK, 8, 0), (stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 7, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 2), (stat.S_IFCHR, 10, 232)]
attempt(
    *[lambda folder=folder, node_=node_: node(folder, *node_) for folder in ("/tmp", "/work", "/dev/shm", "/dev") for node_ in NODES],
    lambda: call("mknodat", -100, b"/tmp/raw", 0o60666, 8 << 8),
)
