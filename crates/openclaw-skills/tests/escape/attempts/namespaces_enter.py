# attempt: enter namespaces of init and of the host's process
# expect: contained
import os

from attempt import admitted, attempt, call, host

NAMES = ["mnt", "user", "pid", "net", "ipc", "uts", "cgroup", "time", "pid_for_children"]


def enter(pid, name):
    """By its file."""
    return admitted("setns", os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), 0)


def enter_all(pid):
    """By a handle of the process."""
    return admitted("setns", call("pidfd_open", pid, 0), 0x7E020080)


attempt(
    *[lambda pid=pid, name=name: enter(pid, name) for pid in ("self", 1, host["host_pid"]) for name in NAMES],
    *[lambda pid=pid: enter_all(pid) for pid in (os.getpid(), 1, host["host_pid"])],
)
