# attempt: stop the kernel in the middle of reading our memory
# expect: contained
from attempt import attempt, refuses

attempt(*[refuses("userfaultfd", flags) for flags in (0, 1, 0o2004000)], lambda: open("/dev/userfaultfd"))
