# attempt: become root by programs that are installed setuid or with capabilities
# grants: shell
# expect: contained
import os
import subprocess

from attempt import attempt

PROGRAMS = {
    "su": ["-c", "id -u"], "sudo": ["-n", "id", "-u"], "mount": ["-t", "tmpfs", "x", "/work"], "umount": ["/proc"], "pkexec": ["id", "-u"], "newgrp": ["root"],
    "newuidmap": [str(os.getpid()), "0", "0", "1"], "newgidmap": [str(os.getpid()), "0", "0", "1"], "fusermount3": ["-u", "/proc"],
    "ping": ["-c1", "-W1", "127.0.0.1"], "chsh": ["-s", "/bin/sh"], "gpasswd": ["-a", "sandbox", "root"], "crontab": ["-l"], "at": ["now"],
    "unshare": ["-Ur", "id"], "nsenter": ["-t", "1", "-a", "id"], "systemd-run": ["--user", "id"], "podman": ["info"], "docker": ["info"],
}


def run(name):
    """Success is what must not be."""
    done = subprocess.run([name, *PROGRAMS[name]], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    if done.returncode == 0 and done.stdout.strip() != str(os.getuid()).encode():
        return f"{name} succeeded: {done.stdout[:100]}"
    raise PermissionError(f"{name}: {done.returncode} {done.stderr[:80]}")


def any_setuid():
    """Without no-new-privileges, a mount that honours the bits would be a way."""
    with open("/proc/self/status") as lines:
        if any(line.split() == ["NoNewPrivs:", "1"] for line in lines):
            return None
    return [at for at in ("/", "/usr", "/usr/bin", "/skill", "/tmp", "/work") if not os.statvfs(at).f_flag & os.ST_NOSUID]


attempt(any_setuid, *[lambda name=name: run(name) for name in PROGRAMS])
