# attempt: trace init, the parent and a process of the host
# expect: contained
import os

from attempt import admitted, attempt, host

TRACEME, PEEKDATA, ATTACH, SEIZE = 0, 2, 16, 0x4206
targets = {1, os.getppid(), host["host_pid"]}
attempt(
    *[lambda pid=pid, request=request: admitted("ptrace", request, pid, 0, 0) for pid in targets for request in (ATTACH, SEIZE, PEEKDATA)],
    lambda: admitted("ptrace", TRACEME, 0, 0, 0),
)
