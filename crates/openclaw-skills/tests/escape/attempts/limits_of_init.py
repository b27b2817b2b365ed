# attempt: take away what init needs to watch the bounds: its open files, its memory, its processor time
# expect: contained
import resource
import time

from attempt import attempt

NAMES = ["RLIMIT_NOFILE", "RLIMIT_DATA", "RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_STACK", "RLIMIT_FSIZE"]


def lower(name):
    """A limit that only who has rights could raise again. One second of processor time is enough to answer."""
    kind = getattr(resource, name)
    _, most = resource.prlimit(1, kind)
    lowest = {"RLIMIT_CPU": 3600, "RLIMIT_STACK": 8 << 20}.get(name, 1 << 30)
    resource.prlimit(1, kind, (lowest if most == resource.RLIM_INFINITY else min(lowest, most), most))
    return f"{name} of init was set"


attempt(*[lambda name=name: lower(name) for name in NAMES])
