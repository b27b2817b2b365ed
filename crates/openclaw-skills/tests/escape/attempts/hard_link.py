# attempt: make hard links to files that are not the skill's
# expect: contained
import os

from attempt import attempt, host


def link(path, to):
    """A second name for a file."""
    os.link(path, to, follow_symlinks=False)
    return f"{path} is linked as {to}"


sources = [host["token_file"], "/usr/bin/su", "/.openclaw/program", "/etc/passwd", "/skill/main.py", "/proc/self/exe", "/proc/self/fd/0"]
attempt(*[lambda path=path, to=to: link(path, f"{to}/linked") for path in sources for to in ("/tmp", "/work", "/skill", "/usr/bin")])
