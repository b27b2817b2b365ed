# attempt: move memory of other processes, or bind ours where it hurts
# expect: contained
from attempt import attempt, host, refuses

attempt(
    refuses("move_pages", 1, 0, 0, 0, 0, 0),
    refuses("migrate_pages", host["host_pid"], 0, 0, 0),
    refuses("set_mempolicy", 0, 0, 0),
    refuses("mbind", 0, 0, 0, 0, 0, 0),
    refuses("vmsplice", 0, 0, 0, 0),
    refuses("memfd_secret", 0),
)
