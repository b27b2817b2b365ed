# attempt: bring files into a folder that may be written, by hard links and renames
# grants: filesystem:read:${READ_DIR}, filesystem:write:${WRITE_DIR}
# expect: contained
import os

from attempt import attempt, granted, host

into, source = granted("write"), granted("read")


def link(path):
    """A second name, by which the file could be written."""
    to = os.path.join(into, "linked")
    os.link(path, to, follow_symlinks=False)
    with open(to, "a"):
        return f"{path} is linked, and can be written"


def move(path):
    """The file itself."""
    os.rename(path, os.path.join(into, "moved"))
    return f"{path} was moved"


paths = [os.path.join(source, "note.txt"), host["token_file"], "/etc/passwd", "/usr/bin/env", "/.openclaw/program", "/skill/main.py"]
attempt(*[lambda path=path: link(path) for path in paths], *[lambda path=path: move(path) for path in paths])
