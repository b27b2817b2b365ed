# attempt: open devices that lead to the kernel, to disks, to virtual machines or to graphics
# expect: contained
import os

from attempt import attempt, read, write

NAMES = [
    "mem", "kmem", "port", "kmsg", "kvm", "fuse", "net/tun", "vhost-net", "vhost-vsock", "vsock", "dri/card0", "dri/renderD128", "nvidia0",
    "nvidiactl", "loop-control", "loop0", "mapper/control", "btrfs-control", "sda", "vda", "nvme0n1", "tty", "tty0", "console", "ptmx",
    "pts/ptmx", "input/event0", "uinput", "snd/timer", "hpet", "rtc0", "cpu/0/msr", "cuse", "autofs", "snapshot", "userfaultfd",
    "dma_heap/system", "bus/usb/001/001", "watchdog", "uhid", "log", "initctl", "hugepages", "mqueue",
]


def unexpected():
    """What else there is."""
    known = {"null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm"}
    # Container engines add these; none may be opened, as is tried below.
    known |= {"tty", "console", "ptmx", "pts", "mqueue", "core"}
    return [name for name in os.listdir("/dev") if name not in known]


attempt(
    unexpected,
    *[lambda name=name: read(f"/dev/{name}") for name in NAMES],
    *[lambda name=name: write(f"/dev/{name}") for name in NAMES],
)
