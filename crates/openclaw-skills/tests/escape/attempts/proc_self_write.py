# attempt: change what /proc lets a process change of itself: ids, labels, how soon it is killed when memory is short
# expect: contained
import os

from attempt import attempt


def put(name, text):
    """One setting."""
    descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
    os.write(descriptor, text)
    return f"{name} is {text!r}"


attempt(
    lambda: put("uid_map", b"0 0 4294967295"),
    lambda: put("gid_map", b"0 0 4294967295"),
    lambda: put("projid_map", b"0 0 1"),
    lambda: put("setgroups", b"allow"),
    lambda: put("oom_score_adj", b"-1000"),
    lambda: put("oom_adj", b"-17"),
    lambda: put("attr/current", b"unconfined"),
    lambda: put("attr/exec", b"unconfined"),
    lambda: put("loginuid", b"0"),
    lambda: put("timens_offsets", b"monotonic 1000 0"),
    lambda: put("coredump_filter", b"0x7f"),
    lambda: put("autogroup", b"-10"),
)
