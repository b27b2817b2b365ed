# attempt: read and write the memory of init and of the host's process
# expect: contained
import ctypes
import os

from attempt import admitted, attempt, host

buffer = ctypes.create_string_buffer(64)
vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)


def memory(pid):
    """By its file."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(0x400000)
        return file.read(16)


pids = {1, os.getppid(), host["host_pid"]}
attempt(
    *[lambda pid=pid, name=name: admitted(name, pid, vector, 1, vector, 1, 0) for pid in pids for name in ("process_vm_readv", "process_vm_writev")],
    *[lambda pid=pid: memory(pid) for pid in pids],
    lambda: admitted("process_madvise", 0, vector, 1, 4, 0),
    lambda: admitted("process_mrelease", 0, 0),
)
