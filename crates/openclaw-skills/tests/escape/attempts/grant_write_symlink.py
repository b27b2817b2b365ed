# attempt: make links in a folder that may be written, and go through them
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os

from attempt import attempt, granted, host, names, read, write

folder = granted("write")


def through(name, to, then):
    """A link to the host's files."""
    path = os.path.join(folder, name)
    if not os.path.lexists(path):
        os.symlink(to, path)
    return then(path)


home, token, probe = host["home"], host["token_file"], host["write_probe"]
attempt(
    lambda: through("to-home", home, names),
    lambda: through("to-token", token, read),
    lambda: through("to-token-relative", os.path.relpath(token, folder), read),
    lambda: through("to-probe", probe, lambda path: write(path, os.O_WRONLY | os.O_CREAT)),
    lambda: through("to-init", "/proc/1/root", names),
    lambda: through("to-self", "/proc/self/root" + home, names),
)
