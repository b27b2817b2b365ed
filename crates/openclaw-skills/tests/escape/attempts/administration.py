# attempt: administer the machine: restart it, swap, quotas, accounting, the kernel's log, ports
# expect: contained
from attempt import attempt, refuses

# Arguments that would do no harm, were any of this allowed.
attempt(
    refuses("reboot", 0xFEE1DEAD, 0x28121969, 0, 0),
    refuses("swapon", b"/nowhere", 0),
    refuses("swapoff", b"/nowhere"),
    refuses("quotactl", 0x800002 << 8, b"/nowhere", 0, 0),
    refuses("quotactl_fd", 0, 0, 0, 0),
    refuses("acct", b"/nowhere"),
    refuses("syslog", 3, 0, 0),
    refuses("syslog", 10, 0, 0),
    refuses("iopl", 3),
    refuses("ioperm", 0x80, 1, 1),
    refuses("modify_ldt", 0, 0, 0),
    refuses("vhangup"),
)
