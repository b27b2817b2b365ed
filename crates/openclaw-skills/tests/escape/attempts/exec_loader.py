# attempt: have the dynamic loader, which has to be allowed, start a program that is not
# expect: contained
import glob
import subprocess

from attempt import attempt

LOADERS = glob.glob("/lib64/ld-linux-*") + glob.glob("/lib/ld-linux-*") + glob.glob("/lib/*/ld-linux-*") + glob.glob("/lib/ld-musl-*")


def run(loader, *arguments):
    """The loader's own way of starting a program maps it instead of executing it."""
    done = subprocess.run([loader, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    if done.returncode == 0:
        return f"{loader} ran {arguments[0]}: {done.stdout[:60]}"
    raise PermissionError(done.stderr[:100])


attempt(
    *[lambda loader=loader: run(loader, "/bin/ls", "/") for loader in LOADERS],
    *[lambda loader=loader: run(loader, "/bin/sh", "-c", "echo a shell") for loader in LOADERS],
)
