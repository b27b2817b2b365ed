# attempt: write new files where the system, the skill or the host's files are
# expect: contained
import os

from attempt import attempt, host

FOLDERS = [
    "/", "/usr", "/usr/bin", "/usr/local/bin", "/usr/lib", "/bin", "/sbin", "/lib", "/etc", "/etc/ssl/certs", "/skill", "/.openclaw",
    "/.openclaw/left", "/proc", "/proc/self", "/dev", "/sys", "/sys/fs/cgroup", "/run", "/var", "/var/tmp", "/home", "/root",
]


def create(path):
    """A new file."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    os.unlink(path)
    return f"{path} could be written"


def folder(path):
    """A new directory."""
    os.mkdir(path)
    os.rmdir(path)
    return f"{path} could be made"


attempt(
    lambda: create(host["write_probe"]),
    *[lambda at=at: create(os.path.join(at, "openclaw-escape")) for at in FOLDERS],
    *[lambda at=at: folder(os.path.join(at, "openclaw-escape.d")) for at in FOLDERS],
)
