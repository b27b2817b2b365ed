# attempt: read and change /sys: hardware ids, kernel settings, control groups
# expect: contained
import os

from attempt import attempt, read, write

READ = [
    "/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/product_name", "/sys/class/net/eth0/address", "/sys/kernel/notes",
    "/sys/kernel/vmcoreinfo", "/sys/kernel/debug/sched/debug", "/sys/firmware/acpi/tables/DSDT", "/sys/firmware/efi/efivars",
    "/sys/devices/virtual/dmi/id/board_serial", "/sys/fs/cgroup/cgroup.procs", "/sys/module/kernel/parameters/panic",
]
WRITE = ["/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/ksm/run", "/sys/module/kernel/parameters/panic", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/release_agent"]


def group():
    """A control group of our own."""
    os.mkdir("/sys/fs/cgroup/openclaw-escape")
    return "a control group was made"


attempt(*[lambda path=path: read(path) for path in READ], *[lambda path=path: write(path) for path in WRITE], group)
