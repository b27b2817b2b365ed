# attempt: look into a process of the host by way of /proc
# expect: contained
import os

from attempt import attempt, host, names, read

at = f"/proc/{host['host_pid']}"
attempt(
    *[lambda name=name: read(f"{at}/{name}") for name in ("cmdline", "environ", "status", "maps", "mem", "cgroup", "mountinfo")],
    lambda: names(f"{at}/fd"),
    lambda: names(f"{at}/root/"),
    lambda: names(f"{at}/cwd/"),
    lambda: read(f"{at}/root{host['token_file']}"),
    lambda: os.readlink(f"{at}/exe"),
)
