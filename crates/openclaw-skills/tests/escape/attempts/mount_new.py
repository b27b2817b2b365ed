# attempt: mount with the new system calls, and ask for mounts that can't be seen
# expect: contained
from attempt import attempt, refuses

attempt(
    refuses("fsopen", b"tmpfs", 0),
    refuses("fsopen", b"proc", 0),
    refuses("fsopen", b"cgroup2", 0),
    refuses("fspick", -100, b"/usr", 0),
    refuses("fsconfig", 0, 6, 0, 0, 0),
    refuses("fsmount", 0, 0, 0),
    refuses("open_tree", -100, b"/", 1),
    refuses("open_tree", -100, b"/", 0x8001),
    refuses("move_mount", -100, b"/usr", -100, b"/work", 0),
    refuses("mount_setattr", -100, b"/", 0x8000, b"\0" * 32, 32),
    refuses("statmount", b"\0" * 64, b"\0" * 512, 512, 0),
    refuses("listmount", b"\0" * 64, b"\0" * 512, 64, 0),
)
