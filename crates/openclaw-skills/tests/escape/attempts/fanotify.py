# attempt: watch whole file systems of the host
# expect: contained
from attempt import attempt, refuses

attempt(*[refuses("fanotify_init", flags, 0) for flags in (0, 0x200, 0x400, 0xE00)])
