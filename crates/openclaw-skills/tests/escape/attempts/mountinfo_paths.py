# attempt: learn where things lie on the host from the mount table, and go there
# expect: contained
import os

from attempt import attempt, host, names


def sources():
    """The fourth field: the root of a mount within its file system."""
    with open("/proc/self/mountinfo") as lines:
        return sorted({line.split()[3] for line in lines} - {"/"})


def usable(path):
    """Whether a path of the host leads anywhere here."""
    if path.startswith(("/usr", "/bin", "/lib", "/etc", "/sys", "/proc", "/dev")) or not os.path.isdir(path):
        raise FileNotFoundError(path)
    return names(path)


paths = sources()
attempt(
    *[lambda path=path: usable(path) for path in paths],
    *[lambda path=path: usable(os.path.dirname(path)) for path in paths if os.path.dirname(path) != "/"],
    lambda: [path for path in paths if path == host["home"]],
)
