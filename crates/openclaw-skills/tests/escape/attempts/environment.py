# attempt: find secrets, or anything of the host's, in the environment
# expect: contained
import os

from attempt import attempt, host, read

# What every sandbox has, what the proxy adds, and what interpreters and shells set themselves.
KNOWN = {"PATH", "HOME", "TMPDIR", "LANG", "USER", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE", "OPENCLAW_GRANTED", "NODE_USE_ENV_PROXY"}


def unknown():
    """Variables nobody declared."""
    return [name for name in os.environ if name not in KNOWN and not name.lower().endswith("_proxy")]


def of_the_host():
    """Values that name the host's paths."""
    return [f"{name}={value}" for name, value in os.environ.items() if host["home"] in value and name != "OPENCLAW_GRANTED"]


attempt(
    unknown,
    of_the_host,
    lambda: os.environ["HOME"] != "/work" and os.environ["HOME"],
    lambda: host["home"] in read("/proc/self/environ"),
    lambda: read("/proc/1/environ"),
    lambda: read(f"/proc/{os.getppid()}/environ") if os.getppid() != 1 else None,
)
