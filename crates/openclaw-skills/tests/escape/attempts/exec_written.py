# attempt: write a program or a script where writing is possible, and start it
# expect: contained
import ctypes
import os
import shutil
import subprocess

from attempt import attempt

FOLDERS = ["/tmp", "/work", "/dev/shm"]


def run(path):
    """Started by its path."""
    os.chmod(path, 0o755)
    done = subprocess.run([path], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    return f"{path} ran: {done.stdout[:60]}"


def script(folder, interpreter):
    """Text with an interpreter."""
    path = os.path.join(folder, "script")
    with open(path, "w") as file:
        file.write(f"#!{interpreter}\necho ran\n")
    return run(path)


def copy(folder):
    """The bytes of a program that may be read but not run."""
    path = os.path.join(folder, "copied")
    shutil.copyfile("/usr/bin/env", path)
    return run(path)


def mapped(folder):
    """Its code mapped as such."""
    path = os.path.join(folder, "library.so")
    with open("/proc/self/maps") as maps:
        shutil.copyfile(next(line.split()[-1] for line in maps if "libc.so" in line or "libc-" in line), path)
    ctypes.CDLL(path)
    return f"{path} was loaded as code"


def executable_mounts():
    """Where one may write, nothing should be executable."""
    return [folder for folder in FOLDERS if not os.statvfs(folder).f_flag & os.ST_NOEXEC]


attempt(
    executable_mounts,
    *[lambda folder=folder: script(folder, "/bin/sh") for folder in FOLDERS],
    *[lambda folder=folder: script(folder, "/skill/main.py") for folder in FOLDERS],
    *[lambda folder=folder: copy(folder) for folder in FOLDERS],
    *[lambda folder=folder: mapped(folder) for folder in FOLDERS],
)
