# attempt: look into process 1 by way of /proc
# expect: contained
import os

from attempt import attempt, host, names, read

FILES = ["environ", "mem", "maps", "smaps", "auxv", "syscall", "stack", "io", "pagemap", "timers", "personality", "wchan", "clear_refs"]


def link(name):
    """Where a link of it leads."""
    return f"{name}: " + os.readlink(f"/proc/1/{name}")


def wchan_is_empty(name):
    """Zero is what is told to who may not know."""
    text = read(f"/proc/1/{name}")
    return text if text and not text.endswith(": 0") else None


attempt(
    *[lambda name=name: wchan_is_empty(name) for name in FILES],
    *[lambda name=name: read(f"/proc/1/task/1/{name}") for name in ("environ", "mem", "maps")],
    *[lambda name=name: link(name) for name in ("root", "cwd", "exe", "fd/0", "ns/mnt", "ns/user")],
    lambda: [os.readlink(f"/proc/1/fd/{name}") for name in os.listdir("/proc/1/fd")],
    lambda: [read(f"/proc/1/fdinfo/{name}") for name in os.listdir("/proc/1/fdinfo")],
    lambda: names("/proc/1/map_files"),
    lambda: names("/proc/1/root/"),
    lambda: read("/proc/1/root" + host["token_file"]),
    lambda: read("/proc/1/cwd" + host["token_file"]),
)
