# attempt: bend programs that may run by LD_PRELOAD, LD_LIBRARY_PATH and start-up files
# expect: contained
import os
import shutil
import subprocess
import sys

from attempt import attempt


def preload(variable, value):
    """Code from a writable folder, in a program that starts."""
    shutil.copyfile("/etc/passwd", "/tmp/libc.so.6")
    done = subprocess.run([sys.executable, "-c", "print(open('/proc/self/maps').read())"], env={variable: value}, capture_output=True, timeout=5, check=False)
    code = [line for line in done.stdout.splitlines() if b"/tmp/" in line and b"x" in line.split()[1]]
    return code and f"{variable} loaded code from /tmp: {code}"


def preload_library():
    """A real library, copied."""
    path = next(line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line or "libm.so" in line)
    shutil.copyfile(path, "/tmp/copied.so")
    os.chmod("/tmp/copied.so", 0o755)
    return preload("LD_PRELOAD", "/tmp/copied.so")


def system_start_up():
    """What all programs of the kind read when they start."""
    for path in ("/etc/ld.so.preload", "/usr/lib/python3/dist-packages/sitecustomize.py", "/etc/profile"):
        with open(path, "a"):
            return f"{path} can be written"


attempt(preload_library, lambda: preload("LD_AUDIT", "/tmp/copied.so"), lambda: preload("LD_LIBRARY_PATH", "/tmp"), system_start_up)
