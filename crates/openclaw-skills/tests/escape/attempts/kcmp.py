# attempt: compare kernel objects of init with ours, which tells addresses apart
# expect: contained
import os

from attempt import attempt, host, refuses

attempt(*[refuses("kcmp", os.getpid(), pid, kind, 0, 0) for pid in (1, host["host_pid"]) for kind in range(8)])
