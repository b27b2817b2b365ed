# attempt: change settings of the kernel under /proc/sys
# expect: contained
from attempt import attempt, write

SETTINGS = [
    "kernel/core_pattern", "kernel/modprobe", "kernel/hotplug", "kernel/hostname", "kernel/domainname", "kernel/randomize_va_space",
    "kernel/yama/ptrace_scope", "kernel/unprivileged_userns_clone", "kernel/panic", "kernel/sysrq", "kernel/ns_last_pid", "kernel/shmmax",
    "kernel/overflowuid", "fs/suid_dumpable", "fs/protected_symlinks", "fs/binfmt_misc/register", "vm/drop_caches", "vm/overcommit_memory",
    "net/ipv4/ip_forward", "net/ipv4/ping_group_range", "net/ipv4/ip_unprivileged_port_start", "net/core/somaxconn", "user/max_user_namespaces",
]
attempt(*[lambda name=name: write(f"/proc/sys/{name}") for name in SETTINGS])
