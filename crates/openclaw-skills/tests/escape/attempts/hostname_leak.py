# attempt: learn the host's name
# expect: contained
import os
import socket

from attempt import attempt, read

attempt(
    lambda: os.uname().nodename != "sandbox" and os.uname().nodename,
    lambda: socket.gethostname() != "sandbox" and socket.gethostname(),
    lambda: read("/etc/hostname").strip() != "/etc/hostname: sandbox",
    lambda: read("/proc/sys/kernel/hostname").strip() != "/proc/sys/kernel/hostname: sandbox",
)
