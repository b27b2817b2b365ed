# attempt: make every kind of namespace by unshare
# expect: contained
from attempt import attempt, refuses

KINDS = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000, "time": 0x80, "files": 0x400, "fs": 0x200}
attempt(*[refuses("unshare", flag) for flag in KINDS.values()])
