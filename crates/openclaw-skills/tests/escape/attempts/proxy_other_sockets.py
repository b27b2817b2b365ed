# attempt: use the proxy's sockets of other jobs, or its own directly
# grants: network:${ALLOWED_HOST}
# expect: contained
import glob
import os
import socket

from attempt import attempt, connect, get, host, status, works

OWN = "/.openclaw/egress.sock"
# Containers have it: their init holds on to the gateway by it.
LIFELINE = "/.openclaw/life.sock"


def direct(request):
    """Past the forwarder, the proxy is the same."""
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(3)
        talk.connect(OWN)
        talk.sendall(request.encode())
        heard = talk.recv(4096)
        return 200 <= status(heard) < 400 and heard


def hold_on():
    """The gateway would hear of it, and a queue that is full would keep others out."""
    if not os.path.exists(LIFELINE):
        raise OSError("there is none")
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(LIFELINE)
        return "connected to the lifeline"


def others():
    """Sockets beside it."""
    found = [path for pattern in ("/.openclaw/*", "/run/**", "/tmp/*", "/work/*") for path in glob.glob(pattern, recursive=True)]
    return [path for path in found if path not in (OWN, LIFELINE) and os.path.exists(path) and (os.stat(path).st_mode & 0o170000) == 0o140000]


def replaced(path):
    """A socket of our own in its place would see nothing, but might survive."""
    os.unlink(path)
    return f"{path} was removed"


attempt(
    lambda: direct(get(host["private_url"])),
    lambda: direct(connect(host["private_url"].split("//")[1].strip("/"))),
    lambda: direct(connect("example.com:443")),
    hold_on,
    others,
    lambda: replaced(OWN),
    lambda: replaced(LIFELINE),
    lambda: os.chmod(OWN, 0o777) or "its mode was changed",
    works,
)
