# attempt: make device nodes and sockets in a folder that may be written
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os
import stat

from attempt import attempt, granted

folder = granted("write")


def device(kind, major, minor):
    """A node that the host would honour."""
    os.mknod(os.path.join(folder, f"node-{major}-{minor}"), kind | 0o666, os.makedev(major, minor))
    return "a node was made"


attempt(
    lambda: device(stat.S_IFBLK, 8, 0),
    lambda: device(stat.S_IFCHR, 1, 1),
    lambda: device(stat.S_IFCHR, 0, 0),  # A whiteout, by which overlays hide files; anybody may make those.
    lambda: not os.statvfs(folder).f_flag & os.ST_NODEV and "devices are honoured there",
)
