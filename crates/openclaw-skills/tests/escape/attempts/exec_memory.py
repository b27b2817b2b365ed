# attempt: start a program from a file that exists in memory only
# expect: contained
import os

from attempt import attempt, call, in_child


def by_memory_file():
    """memfd_create, then execveat."""
    descriptor = call("memfd_create", b"program", 0)
    with open("/usr/bin/env", "rb") as source:
        os.write(descriptor, source.read())
    try:
        return in_child(lambda: call("execveat", descriptor, b"", 0, 0, 0x1000))
    except ChildProcessError:
        return "a file in memory ran"


def by_unnamed_file(folder):
    """A file that never had a name."""
    descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o755)
    with open("/usr/bin/env", "rb") as source:
        os.write(descriptor, source.read())
    again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
    os.close(descriptor)
    os.set_inheritable(again, True)

    def start():
        os.execve(again, ["env", "--version"], {})

    try:
        return in_child(start)
    except ChildProcessError:
        return f"an unnamed file of {folder} ran"


attempt(by_memory_file, *[lambda folder=folder: by_unnamed_file(folder) for folder in ("/tmp", "/work", "/dev/shm")])
