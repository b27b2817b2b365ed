# attempt: change the skill's own files, for the next call to run something else
# expect: contained
import os

from attempt import attempt, write

PATH = "/skill/main.py"


def done(change):
    """Says that a change was made."""
    change()
    return "the skill's folder was changed"


attempt(
    lambda: write(PATH),
    lambda: write(PATH, os.O_WRONLY | os.O_APPEND),
    lambda: write("/proc/self/fd/%d" % os.open(PATH, os.O_RDONLY), os.O_RDWR),
    lambda: done(lambda: os.truncate(PATH, 0)),
    lambda: done(lambda: os.rename(PATH, "/skill/other.py")),
    lambda: done(lambda: os.replace("/etc/passwd", PATH)),
    lambda: done(lambda: os.chmod(PATH, 0o4755)),
    lambda: done(lambda: os.chown(PATH, os.getuid(), os.getgid())),
    lambda: done(lambda: os.utime(PATH, (0, 0))),
    lambda: done(lambda: os.setxattr(PATH, "user.x", b"x")),
    lambda: done(lambda: os.symlink("/tmp", "/skill/link")),
    lambda: done(lambda: os.mkdir("/skill/__pycache__")),
    lambda: done(lambda: os.unlink(PATH)),
)
