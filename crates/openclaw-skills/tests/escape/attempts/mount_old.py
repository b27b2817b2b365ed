# attempt: mount, remount and unmount with the old system calls
# expect: contained
from attempt import attempt, refuses

RDONLY, REMOUNT, BIND, REC, PRIVATE, SHARED, MOVE = 1, 32, 4096, 16384, 1 << 18, 1 << 20, 8192
attempt(
    refuses("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, 0),
    refuses("mount", b"proc", b"/work", b"proc", 0, 0),
    refuses("mount", b"sysfs", b"/work", b"sysfs", 0, 0),
    refuses("mount", b"cgroup", b"/work", b"cgroup", 0, b"memory"),
    refuses("mount", b"cgroup2", b"/work", b"cgroup2", 0, 0),
    refuses("mount", b"devtmpfs", b"/work", b"devtmpfs", 0, 0),
    refuses("mount", b"overlay", b"/work", b"overlay", 0, b"lowerdir=/usr,upperdir=/work,workdir=/tmp"),
    refuses("mount", b"/", b"/work", 0, BIND | REC, 0),
    refuses("mount", b"/proc/1/root", b"/work", 0, BIND, 0),
    refuses("mount", 0, b"/", 0, REMOUNT | BIND, 0),
    refuses("mount", 0, b"/usr", 0, REMOUNT | BIND, 0),
    refuses("mount", 0, b"/skill", 0, REMOUNT, 0),
    refuses("mount", 0, b"/", 0, REC | SHARED, 0),
    refuses("mount", b"/usr", b"/work", 0, MOVE, 0),
    refuses("umount2", b"/proc", 2),
    refuses("umount2", b"/tmp", 8),
    refuses("umount2", b"/", 2),
)
