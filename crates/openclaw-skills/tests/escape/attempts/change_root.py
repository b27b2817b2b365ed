# attempt: leave the root by chroot and pivot_root
# expect: contained
from attempt import attempt, refuses

attempt(refuses("chroot", b"/work"), refuses("chroot", b"/proc/1/root"), refuses("pivot_root", b"/", b"/work"), refuses("pivot_root", b".", b"."))
