# attempt: raise the bounds that were set
# expect: contained
import resource

from attempt import attempt

NAMES = ["RLIMIT_NPROC", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_CORE"]


def unbounded(name):
    """Each has a bound, of which the hard one is a part."""
    return resource.getrlimit(getattr(resource, name))[1] == resource.RLIM_INFINITY and f"{name} is unlimited"


def higher(name):
    """One more than there is."""
    kind = getattr(resource, name)
    _, most = resource.getrlimit(kind)
    resource.setrlimit(kind, (most + 1, most + 1))
    return f"{name} is {resource.getrlimit(kind)}"


attempt(*[lambda name=name: unbounded(name) for name in NAMES], *[lambda name=name: higher(name) for name in NAMES])
