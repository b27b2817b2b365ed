# attempt: write to files of the system through shared mappings
# expect: contained
import mmap
import os

from attempt import attempt, libc


def mapped(path):
    """A shared mapping of what was opened for reading, made writable later."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        mmap.mmap(descriptor, 1, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        return f"{path} is mapped for writing"
    except PermissionError:
        pass
    at = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
    if libc.mprotect(libc_pointer(at), 4096, mmap.PROT_READ | mmap.PROT_WRITE) == 0:
        return f"the mapping of {path} became writable"
    raise PermissionError(path)


def libc_pointer(address):
    """An address as C takes it."""
    import ctypes

    return ctypes.c_void_p(address)


attempt(*[lambda path=path: mapped(path) for path in ("/etc/passwd", "/usr/bin/env", "/skill/main.py", "/.openclaw/program")])
