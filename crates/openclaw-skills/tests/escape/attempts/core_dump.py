# attempt: have the kernel write a core dump, or hand it to a program of the host
# expect: contained
import glob
import os
import resource
import signal

from attempt import attempt


def dump():
    """A child that dies of a signal which dumps."""
    child = os.fork()
    if child == 0:
        os.chdir("/work")
        os.kill(os.getpid(), signal.SIGSEGV)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WCOREDUMP(status) and "the kernel dumped"


def limit():
    """More than one byte would be a dump; for a pattern that is a pipe, only one exactly means none (core(5), fs/coredump.c)."""
    now = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return f"it was {now} and is unlimited"


attempt(dump, limit, lambda: glob.glob("/work/core*") + glob.glob("/tmp/core*"))
