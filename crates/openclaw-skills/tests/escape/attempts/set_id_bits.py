# attempt: leave a program behind that runs with our user's rights whoever starts it
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os
import stat

from attempt import attempt, granted

path = os.path.join(granted("write"), "left-behind")


def marked(how):
    """The bits as they are afterwards."""
    how()
    mode = os.stat(path).st_mode
    return mode & (stat.S_ISUID | stat.S_ISGID) and f"{path} has mode {mode:o}"


def created():
    """With the bits from the beginning."""
    os.close(os.open(path + "-new", os.O_WRONLY | os.O_CREAT, 0o6755))
    mode = os.stat(path + "-new").st_mode
    return mode & (stat.S_ISUID | stat.S_ISGID) and f"{path}-new has mode {mode:o}"


with open(path, "w") as file:
    file.write("#!/bin/sh\nid\n")
attempt(
    lambda: marked(lambda: os.chmod(path, 0o4755)),
    lambda: marked(lambda: os.chmod(path, 0o2755)),
    lambda: marked(lambda: os.fchmod(os.open(path, os.O_RDONLY), 0o6755)),
    lambda: marked(lambda: os.chmod(path, 0o6755, follow_symlinks=True)),
    created,
    lambda: os.setxattr(path, "security.capability", b"\x01\x00\x00\x02" + b"\xff" * 16) or "it has capabilities",
)
