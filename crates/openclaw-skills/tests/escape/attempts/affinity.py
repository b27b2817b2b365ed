# attempt: use all processors
# expect: contained
# engines: namespace
import os

from attempt import attempt


def spread():
    """A wider set than the one given."""
    os.sched_setaffinity(0, range(os.sysconf("SC_NPROCESSORS_CONF")))
    return len(os.sched_getaffinity(0)) > 1 and os.sched_getaffinity(0)


attempt(spread, lambda: len(os.sched_getaffinity(0)) > 1 and os.sched_getaffinity(0))
