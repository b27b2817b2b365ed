# attempt: start a shell and other programs without the permission `shell`
# expect: contained
import glob
import os
import subprocess

from attempt import attempt

PROGRAMS = ["/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/id", "/usr/bin/perl", "/bin/busybox", "/usr/bin/git", "/usr/bin/curl", "/usr/sbin/ip"]


def run(path):
    """One of the host's programs."""
    done = subprocess.run([path, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    return f"{path} ran: {done.stdout[:60]}"


def by_system():
    """By the C library's way."""
    return os.system("true") == 0 and "system() ran a shell"


elsewhere = glob.glob("/usr/lib/git-core/git")[:1] + glob.glob("/usr/libexec/*")[:3] + glob.glob("/usr/lib/klibc/bin/sh")
attempt(*[lambda path=path: run(path) for path in PROGRAMS + elsewhere], by_system, lambda: subprocess.getoutput("echo ran") == "ran" and "a shell ran")
