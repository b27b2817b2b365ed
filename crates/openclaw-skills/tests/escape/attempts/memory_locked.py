# attempt: lock memory, so that it can never be swapped
# expect: contained
import ctypes
import mmap

from attempt import attempt, libc

SIZE = 16 << 20


def lock():
    """Much more than is allowed."""
    at = libc.mmap(None, SIZE, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if libc.mlock(ctypes.c_void_p(at), ctypes.c_size_t(SIZE)) == 0:
        return f"{SIZE >> 20} MiB are locked"
    raise MemoryError("not locked")


def huge():
    """Pages that are set aside for programs of the administrator."""
    at = libc.mmap(None, SIZE, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000 | 0x2000, -1, 0)
    if at in (None, ctypes.c_void_p(-1).value):
        raise MemoryError("no huge pages")
    return "huge pages are ours"


attempt(lock, huge, lambda: libc.mlockall(3) == 0 and "all is locked")
