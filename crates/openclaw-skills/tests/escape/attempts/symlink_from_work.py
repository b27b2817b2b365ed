# attempt: reach host paths through symbolic links made in the writable folders
# expect: contained
import os

from attempt import attempt, host, read


def through(folder, to):
    """A link, and what is seen through it."""
    link = os.path.join(folder, "link")
    if os.path.lexists(link):
        os.unlink(link)
    os.symlink(to, link)
    return os.listdir(link) if os.path.isdir(link) else read(link)


targets = [host["token_file"], host["home"], "/proc/1/root" + host["token_file"], "/proc/self/root" + host["home"], "../" * 20 + host["home"]]
attempt(*[lambda folder=folder, to=to: through(folder, to) for folder in ("/tmp", "/work", "/dev/shm") for to in targets])
