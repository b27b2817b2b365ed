# attempt: read or press what /proc offers of the kernel itself
# expect: contained
from attempt import attempt, read, write


def addresses():
    """Addresses of the kernel: zeroes are what is told to who may not know."""
    text = read("/proc/kallsyms")
    return text and any(line.split()[0].strip("0") for line in text.split(": ", 1)[1].splitlines()[:5]) and text


def places(name):
    """Addresses of devices, and zeroes instead."""
    with open(f"/proc/{name}") as lines:
        return [line for line in lines if line.split(":")[0].strip(" 0-\n")][:5]


SECRET = ["kcore", "kmsg", "keys", "timer_list", "sched_debug", "slabinfo", "vmallocinfo", "pagetypeinfo", "kpageflags", "kpagecount"]
attempt(
    *[lambda name=name: read(f"/proc/{name}") for name in SECRET],
    addresses,
    lambda: places("iomem"),
    lambda: places("ioports"),
    *[lambda name=name: write(f"/proc/{name}") for name in ("sysrq-trigger", "kmsg", "kcore", "mtrr", "irq/0/smp_affinity", "acpi/wakeup", "bus/pci/00/00.0", "latency_stats")],
)
