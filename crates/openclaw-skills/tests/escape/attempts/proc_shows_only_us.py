# attempt: see more processes than the sandbox's own
# expect: contained
import os

from attempt import attempt


def strangers():
    """Init, its threads are not listed, and this program: two, and perhaps one that is just ending."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return pids if len(pids) > 3 or max(pids, default=1) > 1000 else None


def by_number():
    """Those that a listing would hide."""
    found = [pid for pid in range(1, 70000) if pid not in (1, os.getpid()) and os.path.exists(f"/proc/{pid}/status")]
    return len(found) > 2 and found


def by_signal():
    """Those that exist for kill(2), which tells a process of somebody else from none."""
    found = []
    for pid in range(2, 70000):
        try:
            os.kill(pid, 0)
        except PermissionError:
            found.append(pid)
        except ProcessLookupError:
            pass
    return found


attempt(strangers, by_number, by_signal)
