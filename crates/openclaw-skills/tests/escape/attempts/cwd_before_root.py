# attempt: use a working directory or an open directory that was entered before the root was
# expect: contained
import os

from attempt import attempt, host, names


def outside(descriptor):
    """An inherited directory."""
    path = f"/proc/self/fd/{descriptor}"
    return os.path.isdir(path) and os.listdir(path) and f"{path} is {os.readlink(path)}"


def unreachable_cwd():
    """getcwd(2) says `(unreachable)` where the directory lies outside the root."""
    return "unreachable" in os.readlink("/proc/self/cwd")


attempt(
    unreachable_cwd,
    lambda: names("/proc/self/cwd/../" * 4 + host["home"]),
    *[lambda descriptor=descriptor: outside(descriptor) for descriptor in range(0, 20)],
)
