# attempt: take memory as page tables: reading one byte of every two mebibytes of nothing costs a page each
# expect: contained or ended:memory or error
import ctypes
import mmap

from attempt import MEMORY, answer, libc, outlive

STEP = 2 << 20
pages = MEMORY * 3 // 4096
start = libc.mmap(None, pages * STEP, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)
if start in (None, ctypes.c_void_p(-1).value):
    answer(False, "so much address space is not given")
for at in range(start, start + pages * STEP, STEP):
    ctypes.c_ubyte.from_address(at).value
with open("/proc/self/status") as lines:
    kib = int(next(line for line in lines if line.startswith("VmPTE")).split()[1])
outlive(kib << 10 > MEMORY, f"{kib >> 10} MiB of page tables, where {MEMORY >> 20} are allowed")
