# attempt: make device nodes in a folder that may be written, and open one that was there
# grants: filesystem:read:${READ_DIR}, filesystem:write:${WRITE_DIR}
# expect: contained
import os
import stat

from attempt import attempt, granted

folder = granted("write")


def device(kind, major, minor):
    """A node that the host would honour."""
    os.mknod(os.path.join(folder, f"node-{major}-{minor}"), kind | 0o666, os.makedev(major, minor))
    return "a node was made"


def there():
    """/dev/fuse, which anybody may open, by a node that root put there."""
    os.close(os.open(os.path.join(granted("read"), "device"), os.O_RDWR))
    return "a device of the host was opened"


attempt(
    lambda: device(stat.S_IFBLK, 8, 0),
    lambda: device(stat.S_IFCHR, 1, 1),
    lambda: device(stat.S_IFCHR, 0, 0),  # A whiteout, by which overlays hide files; anybody may make those.
    there,
)
