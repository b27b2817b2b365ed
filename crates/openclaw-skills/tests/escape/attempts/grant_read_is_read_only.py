# attempt: change a folder that was granted for reading
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os

from attempt import attempt, granted, libc

folder = granted("read")
note = os.path.join(folder, "note.txt")


def done(how):
    """Says that something was changed."""
    how()
    return "the folder was changed"


def renamed():
    """In exchange for one of ours."""
    with open("/work/ours", "w") as file:
        file.write("ours")
    os.rename("/work/ours", note)


attempt(
    lambda: done(lambda: open(note, "w")),
    lambda: done(lambda: open(note, "a")),
    lambda: done(lambda: open(note, "r+")),
    lambda: done(lambda: open(os.path.join(folder, "new"), "x")),
    lambda: done(lambda: os.open(folder, os.O_TMPFILE | os.O_RDWR)),
    lambda: done(lambda: os.truncate(note, 0)),
    lambda: done(lambda: os.unlink(note)),
    lambda: done(lambda: os.rename(note, note + ".old")),
    lambda: done(renamed),
    lambda: done(lambda: os.mkdir(os.path.join(folder, "d"))),
    lambda: done(lambda: os.rmdir(folder)),
    lambda: done(lambda: os.symlink("/", os.path.join(folder, "l"))),
    lambda: done(lambda: os.link(note, os.path.join(folder, "l"))),
    lambda: done(lambda: os.chmod(note, 0o777)),
    lambda: done(lambda: os.chmod(folder, 0o777)),
    lambda: done(lambda: os.chown(note, os.getuid(), os.getgid())),
    lambda: done(lambda: os.utime(note, (0, 0))),
    lambda: done(lambda: os.setxattr(note, "user.x", b"x")),
    lambda: done(lambda: os.open(f"/proc/self/fd/{os.open(note, os.O_RDONLY)}", os.O_RDWR)),
    lambda: done(lambda: os.posix_fallocate(os.open(note, os.O_RDWR), 0, 10)),
    lambda: libc.syscall(316, -100, note.encode(), -100, b"/work/x", 2) == 0 and "renameat2 exchanged it",
)
